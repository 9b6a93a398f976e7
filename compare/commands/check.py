"""`freqbias check`: report what a run file asks for, the cost of the run, and settings that rarely make sense."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from freqbias.compare.commands import cost
from freqbias.compare.spectra import target_outside_mesh
from freqbias.compare.style import aligned, frequency_unit, percent
from freqbias.errors import UsageError
from freqbias.meshes import BoxPlan, MeshPlan, cells_in_words, tail_half_width
from freqbias.nn import plan_training
from freqbias.numerics import Grid, OperatorRows, Sites
from freqbias.pde import INTEGRATION_SHARE, check_disk, disk_needed, format_bytes, plan_within_memory
from freqbias.problem import (
    Network,
    Problem,
    RunFile,
    clean_loss_in_words,
    clean_loss_warning,
    held_out_in_words,
    held_out_warning,
    is_linear,
    squared_loss,
)
from freqbias.runtime import available_memory, duration

WIDE = 1000  # neurons; the infinite-width equation describes narrower networks poorly
LONG_TRAINING = 86400.0  # seconds
STAGES = ("mesh", "pde", "nn", "ntk", "draws", "minibatches", "compare", "design")


def report(run: RunFile, problem: Problem, root: Path) -> str:
    """Return the report as text. root: the result folder. Raises InputError if a stage would refuse the run file."""
    mesh = plan_within_memory(problem, run.pde, run.mesh)
    training = plan_training(problem, run.training, tolerance=run.training_tolerance)
    flow = cost.kernel_flow(problem, INTEGRATION_SHARE * run.pde.tolerance)
    pde = cost.pde_cost(problem, run.pde, mesh, flow)
    nn = cost.training_cost(training)
    unit, held_out = frequency_unit(problem.unit), None
    if flow is not None:
        held_out = cost.held_out_errors(training, INTEGRATION_SHARE * run.pde.tolerance, nn, flow.steps)
    loss = "not predicted" if flow is None else f"{flow.loss[0]:.3g} -> {flow.loss[-1]:.3g} at infinite width"
    files = disk_needed(problem, run.pde, mesh)
    rows = [
        ("data", f"{_samples(problem.sites)} {problem.unit}".rstrip() + _channels(problem.samples.channels)),
        *(("", note) for note in problem.notes),
        *_held_out_and_noise(problem, run.data.noise),
        ("time", f"{len(problem.times) - 1} output times up to {problem.times[-1]:g}"),
        ("loss", loss),
        *_block_losses(problem.sites, flow),
        *_held_out_loss(problem, held_out),
        *_clean_loss(problem, flow),
        ("", ""),
        ("mesh", f"{cells_in_words(mesh)}, degree {mesh.degree}, {mesh.dofs:,} dofs"),
        ("", f"half-width {_numbers(mesh.half_width)}, cell size {_numbers(mesh.size)} {unit}{_folded(mesh)}"),
        *_nyquist(problem.sites, unit),
        ("pde", f"{run.pde.operator} operator, {run.pde.integrator}{_steps(pde.steps)}"),
        ("", f"{_seconds(pde.seconds)} on one rank, {format_bytes(pde.memory)}, files of {format_bytes(files)}"),
        (
            "nn",
            f"{_network(problem.network)} on {training.device}, {training.backend}, "
            f"{training.settings.integrator}{_steps(nn.steps, at_least=nn.is_lower_bound)}",
        ),
        ("", f"first step {training.schedule.step_size(0):.3g}, lambda_max {training.lambda_max:.4g}"),
        ("", f"{_seconds(nn.seconds, at_least=nn.is_lower_bound)}, {format_bytes(nn.memory)}"),
        ("", ""),
        ("results", f"{root} ({_stages_in(root)})"),
    ]
    warnings = [
        *problem.warnings,
        *_loss_warnings(problem.network, flow),
        *_held_out_warnings(problem, held_out),
        *_noise_warnings(problem, flow),
        *_mesh_warnings(problem, mesh, run.pde.tolerance),
        *_network_warnings(problem),
        *_cost_warnings(pde, nn),
        *_disk_warnings(problem, run, mesh, root),
    ]
    closing = "The run file is valid."
    if run.pde.operator == "local" or not isinstance(mesh, BoxPlan):
        closing += " The first run also compiles forms, which takes some seconds."
    return "\n".join([aligned(rows), "", *(f"warning: {text}" for text in warnings), closing])


def _block_losses(sites: Sites, flow: cost.KernelFlow | None) -> list[tuple[str, str]]:
    """Return the losses of the rows L f and of the boundary."""
    if flow is None or not isinstance(sites, OperatorRows) or sites.boundary is None:
        return []
    losses = [squared_loss(flow.error[..., where]) for where, _ in sites.parts]
    equation, boundary = (f"{each[0]:.3g} -> {each[-1]:.3g}" for each in losses)
    return [("", f"{equation} of the equation, {boundary} of the boundary")]


def _held_out_loss(problem: Problem, predicted: tuple[np.ndarray, str] | None) -> list[tuple[str, str]]:
    if predicted is None or problem.held_out is None:
        return []
    errors, kernel = predicted
    return [("", f"{held_out_in_words(problem.held_out, problem.times, errors)}, by {kernel}")]


def _held_out_warnings(problem: Problem, predicted: tuple[np.ndarray, str] | None) -> list[str]:
    warning = None if predicted is None else held_out_warning(problem.times, predicted[0])
    return [] if warning is None else [warning]


def _clean_loss(problem: Problem, flow: cost.KernelFlow | None) -> list[tuple[str, str]]:
    if flow is None or flow.noise is None:
        return []
    scale = np.array(problem.samples.normalisation.value_scale)
    return [("", clean_loss_in_words(problem.times, flow.noise, scale))]


def _noise_warnings(problem: Problem, flow: cost.KernelFlow | None) -> list[str]:
    if flow is None or flow.noise is None:
        return []
    warning = clean_loss_warning(problem.times, flow.noise)
    return [] if warning is None else [warning]


def _loss_warnings(network: Network, flow: cost.KernelFlow | None) -> list[str]:
    if flow is None:
        return [
            f"Lanczos needs more than {cost.MOST_PRODUCTS} products with the kernel to reach the last output time; use "
            "a shorter [time] end or a larger [pde] tolerance"
        ]
    remaining = flow.loss[-1] / flow.loss[0]
    if remaining <= 0.5:
        return []
    if remaining > 1:
        return [
            f"the mean square of the error rises from {flow.loss[0]:.3g} to {flow.loss[-1]:.3g}, because the training "
            "minimises another loss; use a later [time] end, or more equal weights"
        ]
    wider = "a [density] that contains the frequencies of the data" if network.omega_0 is None else "a larger omega_0"
    return [
        f"the loss falls by only {percent(1 - remaining)} until the last output time; use a later [time] end, or "
        f"{wider}"
    ]


def _mesh_warnings(problem: Problem, mesh: MeshPlan, tolerance: float) -> list[str]:
    warnings = [warning] if (warning := target_outside_mesh(problem, mesh)) else []
    if mesh.folded and problem.sites.lattice is None:
        wanted, reached = tail_half_width(problem, tolerance), max(mesh.half_width)
        if reached < wanted * (1 - 1e-6):
            warnings.append(
                f"[pde] tolerance = {tolerance:g} needs a mesh with a half-width of {wanted:.4g}, but the half-width "
                f"is only {reached:.4g}: damping and diffusion fall slowly, and folding is not exact between scattered "
                "samples; the stage pde measures the resulting error"
            )
    return warnings


def _disk_warnings(problem: Problem, run: RunFile, mesh: MeshPlan, root: Path) -> list[str]:
    try:
        check_disk(problem, run.pde, mesh, root)
    except UsageError as failure:
        return [] if (root / "pde").exists() else [str(failure)]
    return []


def _network_warnings(problem: Problem) -> list[str]:
    if is_linear(problem.density, problem.network, problem.rates):
        return []
    network = problem.network
    widths = {key: getattr(network, key) for key in ("width", "hidden_width")}
    return [
        f"[network] {key} = {width}: the equation describes wide networks; the distance between network and equation "
        f"falls as 1/sqrt(width){' at equal loss' if network.omega_0 else ''}"
        for key, width in widths.items()
        if width and width < WIDE
    ]


def _cost_warnings(pde: cost.Cost, nn: cost.Cost) -> list[str]:
    warnings, memory, available = [], pde.memory + nn.memory, available_memory()
    if nn.failure:
        warnings.append(f"the {nn.failure}")
    if nn.is_lower_bound:
        warnings.append(
            "the values are large for the width, so the kernel of the network changes, which the equation does not "
            "describe, and the training needs many short steps; use a larger [network] width or sigma_a, or [data] "
            "standardize = true"
        )
    if nn.seconds > LONG_TRAINING:
        warnings.append(
            f"the training would take {duration(nn.seconds)}; use a shorter [time] end or a larger tolerance"
        )
    if memory > available:
        warnings.append(
            f"the stages pde and nn need up to {format_bytes(memory)} of memory, but this machine has only "
            f"{format_bytes(available)}"
        )
    return warnings


def _network(network: Network) -> str:
    if network.omega_0 is not None:
        weights = "" if np.isclose(network.sigma_a * network.omega_0, 1) else f", sigma_a = {network.sigma_a:g}"
        return f"SIREN with {network.depth - 1} x {network.width:,} sines, omega_0 = {network.omega_0:g}{weights}"
    if network.depth == 2:
        return f"{network.width:,} neurons"
    return f"{network.width:,} neurons and {network.depth - 2} x {network.hidden_width:,} of {network.activation}"


def _samples(sites: Sites) -> str:
    if isinstance(sites, OperatorRows):
        edge = "" if sites.boundary is None else f", and f at {sites.boundary.size:,} boundary samples"
        return f"({sites.operator}) f at {_samples(sites.interior)}{edge}"
    if isinstance(sites, Grid):
        return f"{' x '.join(map(str, sites.shape))} points over {_lengths(sites.extent)}"
    if (grid := sites.lattice) is not None:
        return f"{sites.size:,} of the {_samples(grid)}"
    return f"{sites.size:,} scattered samples over {_lengths(sites.span)}"


def _held_out_and_noise(problem: Problem, noise: float) -> list[tuple[str, str]]:
    words = [] if problem.held_out is None else [f"{problem.held_out.sites.size:,} samples held out"]
    words += [f"noise of standard deviation {noise:g} on the training samples"] if noise else []
    return [("", ", ".join(words))] if words else []


def _nyquist(sites: Sites, unit: str) -> list[tuple[str, str]]:
    return [("", f"Nyquist limit of the data {_numbers(sites.nyquist)} {unit}")] if sites.lattice is not None else []


def _folded(mesh: MeshPlan) -> str:
    return "; laws folded onto the half-width" if mesh.folded else ""


def _stages_in(root: Path) -> str:
    states = [f"{name} is finished" for name in STAGES if (root / name / "manifest.json").is_file()]
    states += [f"{name} is unfinished" for name in STAGES if (root / f"{name}.partial").is_dir()]
    return ", ".join(states) + "; use --resume or --overwrite" if states else "empty"


def _channels(count: int) -> str:
    return "" if count == 1 else f", {count} channels"


def _steps(steps: int | None, *, at_least: bool = False) -> str:
    return "" if steps is None else f", {'at least ' * at_least}{steps:,} steps"


def _lengths(extent: Iterable[float]) -> str:
    return " x ".join(f"{length:g}" for length in extent)


def _numbers(values: Iterable[float]) -> str:
    return " x ".join(f"{value:.4g}" for value in values)


def _seconds(seconds: float, *, at_least: bool = False) -> str:
    if seconds < 1:
        return "more than 1 s" if at_least else "less than 1 s"
    return f"{'at least' if at_least else 'about'} {duration(seconds)}"
