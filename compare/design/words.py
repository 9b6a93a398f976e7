"""A design in words, also in those of other programs."""

from math import log2, pi, sqrt

import numpy as np

from freqbias.compare.design.candidates import FREEDOM, Candidate
from freqbias.compare.design.result import DesignResult
from freqbias.compare.design.trainings import compares_trainings
from freqbias.compare.style import aligned, frequency_unit
from freqbias.numerics import Sites, spectrum_part
from freqbias.problem import counted

# Standard deviation along an axis, divided by the parameter of the family, in d dimensions.
DEVIATION = {
    "gaussian": lambda d: 1.0,
    "laplace": lambda d: sqrt(2),
    "uniform": lambda d: 1 / sqrt(3),
    "ball": lambda d: 1 / sqrt(d + 2),
    "student-t": lambda d: sqrt(FREEDOM / (FREEDOM - 2)),
}
NAMES = {"held-out": "held-out loss", "gcv": "loss by cross-validation (gcv)", "training-loss": "training loss"}
MOST_KINDS = 4  # that are named
PURPOSES = {
    "balanced": "equal learning rates",
    "band": "fewest steps to half the error",
    "order": "learning rates in the ratio",
}


def summary(result: DesignResult) -> str:
    """Return the winner, what is as good, when to stop, and the choices for each width and amount of training."""
    best = result.best
    lines = _losses(result) if result.band is None else _rates(result, result.band)
    lines += _trainings(result)
    lines += ["", f"best: {_candidate(result, best.candidate)}, width {best.candidate.width:,}"]
    lines += [f"as good: {_ranges(result.equals)}"]
    if (sufficient := result.sufficient_width()) is not None:
        lines.append(f"twice as many neurons gain less than 5 % from a width of about {_rounded(sufficient):,} on")
    if others := translations(best.candidate, spectrum_part(result.problem.sites)[1]):
        lines.append(f"in other programs: {'; '.join(others)}")
    return "\n".join(lines)


def _losses(result: DesignResult) -> list[str]:
    unit = "steps" if result.in_steps else "time"
    rows = [("width", unit, "best", f"predicted {NAMES[result.criterion]}", "PSNR", "stop at")]
    for (width, amount), (candidate, _) in result.choices.items():
        first = next(each for each in result.draws(candidate, amount) if each.candidate == candidate)
        ratio, loss = result.psnr(candidate, amount), result.mean(candidate, amount)
        stop = f"{first.best_amount:.4g}" if first.best_amount < amount else "the end"
        rows.append(
            (f"{width:,}", f"{amount:.6g}", _candidate(result, candidate), f"{loss:.4g}", f"{ratio:.1f} dB", stop)
        )
    several = f", means over {result.settings.draws} random networks" if result.settings.draws > 1 else ""
    return [f"predicted losses{several}", "", aligned(rows)]


def _rates(result: DesignResult, band: tuple[float, float]) -> list[str]:
    unit = frequency_unit(result.problem.unit)
    whole = result.criterion == "band"
    rows: list[tuple[str, ...]] = [
        ("width", "best", "steps to half the error", f"learning rates ({rate_unit(result)})", "first / last")
    ]
    for (width, amount), (candidate, _) in result.choices.items():
        draws = result.draws(candidate, amount)
        steps, slowest, fastest, ratio = (
            float(np.mean([getattr(each, name) for each in draws]))
            for name in ("best_amount", "slowest", "fastest", "ratio")
        )
        rates = f"{slowest:.3g}" if whole else f"{slowest:.3g} to {fastest:.3g}"
        rows.append((f"{width:,}", _candidate(result, candidate), f"{steps:.4g}", rates, f"{ratio:.3g}"))
    rows = [row[:-1] for row in rows] if whole else rows  # a whole band has one rate
    wanted = "" if result.settings.ratio is None else f" {result.settings.ratio:g}"
    return [
        f"{PURPOSES[result.criterion]}{wanted} for |xi| from {band[0]:.4g} to {band[1]:.4g} {unit}",
        "",
        aligned(rows),
    ]


def rate_unit(result: DesignResult) -> str:
    return "1/gradient" if compares_trainings(result.problem, result.settings) else "1/time"


def _trainings(result: DesignResult) -> list[str]:
    """Return a table of the losses and optimisers, if there are several."""
    if not result.choices_of_training:
        return []
    level, criterion = result.choices_of_training[0].level, result.criterion
    columns = {"balanced": "fastest / slowest rate", "order": "first / last rate"} | NAMES
    reached = result.band is not None or level is not None
    goal = "half the error" if level is None else f"a loss of {level:.3g}"
    names = [*([columns[criterion]] if criterion in columns else []), *([f"gradients to {goal}"] if reached else [])]
    rows = [("loss", "optimiser", "density", *names)]
    for each in result.choices_of_training:
        number = {"balanced": each.spread, "order": each.ratio}.get(criterion, each.value)
        count = f"{each.evaluations:,.0f}" if np.isfinite(each.evaluations) else "not reached"
        cells = [*([f"{number:.4g}"] if criterion in columns else []), *([count] if reached else [])]
        candidate = each.candidate
        rows.append((candidate.loss, candidate.optimiser, candidate.density_in_words, *cells))
    note = " Numbers of gradients are those of the first draw." if reached else ""
    return ["", f"the best network for each loss and optimiser, the best first.{note}", aligned(rows)]


def translations(candidate: Candidate, sites: Sites) -> list[str]:
    """Return the density in the words of other programs. Their coordinates have their own unit of length.

    Tancik et al., NeurIPS 2020: features cos(2 pi B x) with B = sigma N(0, 1), for x in [0, 1] along the longest side.
    SIREN (Sitzmann et al., NeurIPS 2020): frequencies uniform on |xi_i| <= omega_0 / (2 pi d), for x in [-1, 1].
    Positional encoding (NeRF): octaves cos(2^k pi x), k = 0 .. L - 1, for x in [-1, 1]; the highest is near two
    standard deviations.
    Annuli and mixtures have no such words.
    """
    if candidate.shape:
        return []
    extent = max(sites.lattice.extent) if sites.lattice is not None else float(sites.span.max())
    deviation = candidate.scale * DEVIATION[candidate.family](sites.dimension) * extent  # cycles per longest side
    omega_0 = 2 * pi * sites.dimension * sqrt(3) * deviation / 2
    octaves = max(1, round(2 + log2(max(deviation, 0.5))))
    return [
        f"sigma = {deviation:.3g} of B = sigma N(0, 1) (Tancik et al., x in [0, 1])",
        f"omega_0 = {omega_0:.3g} (SIREN, x in [-1, 1])",
        f"{counted(octaves, 'octave')} (positional encoding, x in [-1, 1])",
    ]


def _candidate(result: DesignResult, candidate: Candidate) -> str:
    several = len({each.candidate.sigma_a for each in result.predictions}) > 1
    return f"{candidate}{f', sigma_a = {candidate.sigma_a:g}' if several else ''}"


def _ranges(candidates: list[Candidate]) -> str:
    """Return each family with the range of its scales."""
    found = []
    for kind in dict.fromkeys(each.kind for each in candidates):
        group = sorted((each for each in candidates if each.kind == kind), key=lambda each: each.scale)
        low, high = group[0], group[-1]
        more = "" if low is high else f" to {high.density_in_words}" if high.shape else f" to {high.scale:.4g}"
        training = f" with {low.training}" if low.training else ""
        found.append(f"{low.density_in_words}{more}{training}")
    if len(found) > MOST_KINDS:
        found[MOST_KINDS:] = [f"and {counted(len(found) - MOST_KINDS, 'other kind')}"]
    return ", ".join(found)


def _rounded(width: int) -> int:
    """Return a width with two digits."""
    power = 10 ** max(0, int(np.log10(width)) - 1)
    return round(width / power) * power
