"""`freqbias check`: what a valid run file asks for, and what that will take."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from freqbias.compare.commands import cost
from freqbias.compare.commands.target import never_learnt
from freqbias.compare.style import aligned
from freqbias.meshes import MeshPlan, cells_in_words, tail_radius
from freqbias.nn import plan_training
from freqbias.numerics import Grid, Sites
from freqbias.pde import INTEGRATION_SHARE, plan_within_memory, format_bytes
from freqbias.problem import Network, Problem, RunFile
from freqbias.runtime import available_memory, duration

WIDE = 1000  # neurons, below which a network is far from the equation
LONG = 86400.0  # seconds of a training that few would wait for
STAGES = ("mesh", "pde", "nn", "ntk", "compare")


def report(run: RunFile, problem: Problem, root: Path) -> str:
    """The prediction as text. Raises InputError for what a stage would refuse."""
    layout = plan_within_memory(problem, run.pde, run.mesh)
    training = plan_training(problem, run.training, tolerance=run.training_tolerance)
    flow = cost.kernel_flow(problem, INTEGRATION_SHARE * run.pde.tolerance)
    pde = cost.pde_cost(problem, run.pde, layout, flow)
    nn = cost.training_cost(training)
    unit = f"cycles/{problem.unit or 'unit length'}"
    loss = "not predicted" if flow is None else f"{flow.loss[0]:.3g} -> {flow.loss[-1]:.3g} at infinite width"
    rows = [
        ("data", f"{_where(problem.sites)} {problem.unit}".rstrip() + _channels(problem.samples.channels)),
        *_apart(problem, run.data.noise),
        ("time", f"{len(problem.times) - 1} output times up to {problem.times[-1]:g}"),
        ("loss", loss),
        ("", ""),
        ("mesh", f"{cells_in_words(layout)}, degree {layout.degree}, {layout.dofs:,} dofs"),
        ("", f"half-width {_numbers(layout.half_width)}, cell size {_numbers(layout.size)} {unit}{_folded(layout)}"),
        *_aliasing(problem.sites, unit),
        ("pde", f"{run.pde.operator} operator, {run.pde.integrator}{_steps(pde.steps)}"),
        ("", f"{_seconds(pde.seconds)} on one rank, {format_bytes(pde.memory)}"),
        (
            "nn",
            f"{_network(problem.network)} on {training.device}, {training.backend}, "
            f"{training.settings.integrator}{_steps(nn.steps)}",
        ),
        ("", f"step {training.step:.3g}, lambda_max {training.lambda_max:.4g}"),
        ("", f"{_seconds(nn.seconds)}, {format_bytes(nn.memory)}"),
        ("", ""),
        ("results", f"{root} ({_found(root)})"),
    ]
    warnings = [
        f"warning: {text}"
        for text in _warnings(
            problem, layout, flow, tolerance=run.pde.tolerance, memory=pde.memory + nn.memory, training=nn.seconds
        )
    ]
    closing = "The run file is valid. Compiling forms for the first time adds some seconds."
    return "\n".join([aligned(rows), "", *warnings, closing])


def _warnings(
    problem: Problem,
    layout: MeshPlan,
    flow: cost.KernelFlow | None,
    *,
    tolerance: float,
    memory: float,
    training: float,
) -> list[str]:
    """tolerance: of the equation; memory: bytes of both sides; training: its seconds."""
    texts = []
    if flow is None:
        texts.append(
            "Lanczos needs more than 500 products to the last output time; ask for shorter times or a larger tolerance"
        )
    elif flow.loss[-1] > 0.5 * flow.loss[0]:
        texts.append(
            f"the loss only falls to {flow.loss[-1] / flow.loss[0]:.0%} of its start; a later [time] end shows more"
        )
    if beyond := never_learnt(problem, layout):
        texts.append(beyond)
    if layout.folded and not isinstance(problem.sites, Grid):
        wanted, reached = tail_radius(problem, tolerance), max(layout.half_width)
        if reached < wanted * (1 - 1e-6):
            texts.append(
                f"between scattered samples the laws fall slowly: [pde] tolerance = {tolerance:g} asks for a "
                f"half-width of {wanted:.4g}, and the mesh ends at {reached:.4g}; the stage pde "
                "measures what error that leaves"
            )
    for key in ("width", "hidden_width"):
        if (width := getattr(problem.network, key) or WIDE) < WIDE:
            texts.append(
                f"[network] {key} = {width}: the equation describes wide networks; "
                "the distance to it falls as 1/sqrt(width)"
            )
    if training > LONG:
        texts.append(f"the training would take {duration(training)}; use a shorter [time] end or a larger tolerance")
    available = available_memory()
    if memory > available:
        texts.append(f"{format_bytes(memory)} may be needed in all, and this machine has {format_bytes(available)}")
    return texts


def _network(network: Network) -> str:
    if network.depth == 2:
        return f"{network.width:,} neurons"
    return f"{network.width:,} neurons and {network.depth - 2} x {network.hidden_width:,} of {network.activation}"


def _where(sites: Sites) -> str:
    if isinstance(sites, Grid):
        return f"{' x '.join(map(str, sites.shape))} points over {_lengths(sites.extent)}"
    return f"{sites.size:,} scattered samples over {_lengths(np.ptp(sites.positions(), axis=0))}"


def _apart(problem: Problem, noise: float) -> list[tuple[str, str]]:
    """Samples that are held out, and noise on the others."""
    words = [] if problem.held_out is None else [f"{problem.held_out.sites.size:,} samples held out"]
    words += [f"noise of standard deviation {noise:g} on those trained on"] if noise else []
    return [("", ", ".join(words))] if words else []


def _aliasing(sites: Sites, unit: str) -> list[tuple[str, str]]:
    if not isinstance(sites, Grid):
        return []
    return [("", f"the data reach {_numbers(sites.nyquist)} {unit}")]


def _folded(layout: MeshPlan) -> str:
    return "; laws folded onto the half-width" if layout.folded else ""


def _lengths(extent: Iterable[float]) -> str:
    return " x ".join(f"{length:g}" for length in extent)


def _found(root: Path) -> str:
    there = [f"{name} is finished" for name in STAGES if (root / name / "manifest.json").is_file()]
    there += [f"{name} is unfinished" for name in STAGES if (root / f"{name}.partial").is_dir()]
    return ", ".join(there) + "; use --resume or --overwrite" if there else "nothing there yet"


def _channels(count: int) -> str:
    return "" if count == 1 else f", {count} channels"


def _steps(steps: int | None) -> str:
    return "" if steps is None else f", {steps:,} steps"


def _numbers(values: Iterable[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)


def _seconds(seconds: float) -> str:
    return "less than 1 s" if seconds < 1 else f"about {duration(seconds)}"
