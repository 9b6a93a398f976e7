"""The band of what a draw of the network may do, and whether the trained network lies in it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from freqbias.compare.comparison.draw_bands import (
    DrawBands,
    RingMeans,
    RingProfile,
    draw_bands,
    energy_edges,
    error_ratios,
    ring_edges,
)
from freqbias.compare.spectra import FrequencyMesh, energy_in_bands
from freqbias.errors import InputError
from freqbias.problem import DRAW_ACCURACY, Band, Draws, feature_learning_warning, match_times
from freqbias.runtime import log

Project = Callable[[np.ndarray], np.ndarray]  # errors (T, C, N) -> spectra (T, C, n)
Spectra = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class DrawBand:
    """The bands over draws at the compared times, each for a further draw with probability `level`.

    magnitude: of |v| at the nodes, (T, n). loss, held_out_loss: (T,), the latter None if unknown.
    feature_learning: as in `problem.Draws`, (T,). bands: the errors in bands of |xi|.
    profile: means over rings, in two dimensions.
    """

    magnitude: Band
    loss: Band
    held_out_loss: Band | None
    feature_learning: np.ndarray
    bands: DrawBands | None = None
    profile: RingProfile | None = None

    @property
    def level(self) -> float:
        return self.loss.level


def draw_band(
    draws: Draws, time: np.ndarray, project: Project, mesh: FrequencyMesh, spectra: Spectra, limit: np.ndarray
) -> DrawBand:
    """Return the bands at these times.

    project: the projection of errors onto the mesh. spectra: v_pde(0) (C, n), v_pde and v_nn (T, C, n). limit: of the
    Nyquist box, (d,). Raises InputError if the draws lack one of the times.
    """
    found, index = match_times(time, draws.time)
    if len(found) < len(time):
        raise InputError(
            "the draws lack some of the compared times; predict them again with `freqbias ntk --draws N --overwrite`"
        )
    initial, pde, nn = spectra
    edges, rings = energy_edges(mesh, initial, limit), ring_edges(mesh, limit)
    energy = energy_in_bands(mesh, edges, limit=limit)
    profile = RingMeans(mesh, rings, limit=limit) if mesh.frequency.shape[1] == 2 else None
    magnitudes, ratios, profiles = [], [], []
    for error in draws.error:
        values = project(error[[0, *index]].astype(float))
        start, later = values[:1], values[1:]
        magnitudes.append(np.linalg.norm(later, axis=1))
        ratios.append(error_ratios(energy(later), energy(start)[0]))
        if profile is not None:
            profiles.append(profile(later))
    held_out = draws.held_out_loss
    return DrawBand(
        Band.of(np.array(magnitudes)),
        Band.of(draws.loss[:, index]),
        None if held_out is None else Band.of(held_out[:, index]),
        draws.feature_learning[index],
        draw_bands(edges, np.array(ratios), energy(nn), energy(pde), energy(initial[None])[0]),
        None if profile is None else RingProfile(rings, Band.of(np.array(profiles)), profile(nn), profile(pde)),
    )


def band_metrics(band: DrawBand, metrics: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the ends of the bands of the losses, whether the network lies inside, and the flag, (T,) each."""
    found: dict[str, np.ndarray] = {}
    for name, each in (("loss", band.loss), ("loss_held_out", band.held_out_loss)):
        network = metrics.get("loss_nn" if name == "loss" else name)
        if each is not None and network is not None:
            found |= {f"{name}_low": each.low, f"{name}_high": each.high}
            errors = Band(np.sqrt(each.low), np.sqrt(each.high), each.level)
            accuracy = DRAW_ACCURACY * np.sqrt(each.high[0])
            found[f"{name}_in_band"] = errors.contains(np.sqrt(network), accuracy=accuracy).astype(float)
    return found | {"feature_learning_over_spread": band.feature_learning}


def report(band: DrawBand, metrics: dict[str, np.ndarray], time: np.ndarray) -> None:
    """Say whether the trained network lies in the bands, and warn if feature learning may move it out."""
    for name, words in (("loss", "loss"), ("loss_held_out", "held-out loss")):
        inside = metrics.get(f"{name}_in_band")
        if inside is None:
            continue
        outside = time[(inside == 0) & (time > 0)]
        where = "at all times" if not len(outside) else f"except at {len(outside)} of {len(time) - 1} times"
        log.info(
            "compare: the %s of the trained network lies in the band of the draws (%.0f %%) %s",
            words, 100 * band.level, where,
        )  # fmt: skip
    if band.bands is not None:
        inside = band.bands.inside[time > 0]
        message = (
            "compare: in bands of |xi|, the network lies in that of the draws in %d of %d cases; see draw_bands.csv"
        )
        log.info(message, inside.sum(), inside.size)
    if warning := feature_learning_warning(time, band.feature_learning):
        log.warning("compare: %s", warning)
