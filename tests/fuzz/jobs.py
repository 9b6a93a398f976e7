"""The jobs that signals disturb: their run files, their results, and how far a job has come."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

from freqbias.problem import Pde, Training
from tests.interrupted import run_text

INTEGRATORS = get_args(Pde.model_fields["integrator"].annotation)
TRAINING_KEYS = {
    "sgd": {"training_keys": "batch = 20"},
    "adam": {"training_step": 0.001, "end": 1.0},
    "gauss-newton": {"operator": "data", "integrator": "lanczos", "step": '"auto"'},
}
TRAININGS = get_args(Training.model_fields["integrator"].annotation)
OPERATORS = get_args(Pde.model_fields["operator"].annotation)
STEPS = {"crank-nicolson": 0.5, "backward-euler": 0.5}
BEFORE = {"compare": ("pde", "nn"), "kappa": ("pde", "nn"), "view": ("pde",)}  # the results that a stage reads
PREDICTIONS = ("infinite-width", "infinite-width-steps", "empirical", "empirical-steps")
RESULTS = {
    "pde": ["pde/spectrum.nc"], "nn": ["nn/error.nc"], "ntk": [f"ntk/{name}.nc" for name in PREDICTIONS],
    "compare": ["compare/spectra.nc", "compare/metrics.csv"], "kappa": ["kappa/kappa.nc"], "view": ["view/spectra.pvd"],
    "mesh": ["mesh/mesh.vtu"],
    "run": ["pde/spectrum.nc", "nn/error.nc", "compare/spectra.nc", *(f"ntk/{name}.nc" for name in PREDICTIONS)],
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """The command to disturb.

    operator, integrator: of the pde, also for compare, kappa, view, mesh and run; for nn and ntk the operator is "" and
    the integrator that of the training. shard: whether the ranks share the neurons.
    """

    stage: str
    operator: str
    integrator: str
    shard: bool = False

    def __str__(self) -> str:
        return " ".join(filter(None, (self.stage, self.operator, self.integrator, "shard" * self.shard)))


JOBS = [Job("pde", *kind) for kind in product(OPERATORS, INTEGRATORS)]
JOBS += [Job("nn", "", integrator) for integrator in TRAININGS]
JOBS += [Job("nn", "", integrator, shard=True) for integrator in ("rk4", "sgd", "adam")]
JOBS += [Job("ntk", "", "rk4")]
JOBS += [Job(stage, "data", "lanczos") for stage in ("compare", "kappa", "view", "mesh", "run")]


def write_run_file(job: Job, folder: Path) -> Path:
    """Write the run file of a job, and return its path."""
    path = folder / f"{job}.toml".replace(" ", "-")
    if job.stage == "nn":
        settings = {"training_integrator": job.integrator, "training_step": 0.1, "checkpoint": 0.0, "end": 10.0}
        settings |= TRAINING_KEYS.get(job.integrator, {})
    elif job.stage == "ntk":  # wide, for products that take some seconds
        settings = {"training_integrator": job.integrator, "width": 200_000}
    else:
        step = STEPS.get(job.integrator, '"auto"')
        settings = {"operator": job.operator, "integrator": job.integrator, "step": step}
    path.write_text(run_text(**settings))
    return path


def phase_of(out: Path, job: Job) -> str:
    """The phase that the disturbed job had reached."""
    if job.stage == "run":
        begun = [path for path in out.iterdir() if path.is_dir()]
        return "start-up" if not begun else "end" if (out / "compare").exists() else "steps"
    partial = out / f"{job.stage}.partial"
    if not partial.exists():
        return "end" if (out / job.stage).exists() else "start-up"
    written = [path for path in partial.iterdir() if path.name not in ("unfinished.json", "parts", ".tmp")]
    return "writing" if written or any((partial / ".tmp").glob("*")) else "steps"
