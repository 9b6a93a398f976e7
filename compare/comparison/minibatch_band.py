"""The band of what other minibatches would do to the same network, and whether the trained network lies in it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from freqbias.compare.comparison.draw_bands import DrawBands, draw_bands, energy_edges, error_ratios
from freqbias.compare.spectra import FrequencyMesh, energy_in_bands
from freqbias.errors import InputError
from freqbias.problem import DRAW_ACCURACY, Band, MinibatchErrors, match_times
from freqbias.runtime import log


@dataclass(frozen=True)
class MinibatchBand:
    """The bands over sequences of minibatches at the compared times, each for another sequence.

    loss, held_out_loss: (T,), the latter None if unknown. bands: the errors in bands of |xi|, as for draws.
    """

    loss: Band
    held_out_loss: Band | None
    bands: DrawBands

    def metrics(self, network: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the ends of the bands of the losses, and whether the network lies inside (1 or 0), (T,) each.

        network: metrics with the losses of the network, loss_nn and loss_held_out.
        """
        found: dict[str, np.ndarray] = {}
        for name, own, band in (
            ("loss", "loss_nn", self.loss), ("loss_held_out", "loss_held_out", self.held_out_loss),
        ):  # fmt: skip
            if band is not None and own in network:
                accuracy = DRAW_ACCURACY * band.high[0]
                found |= {f"minibatch_{name}_low": band.low, f"minibatch_{name}_high": band.high}
                found[f"minibatch_{name}_in_band"] = band.contains(network[own], accuracy=accuracy).astype(float)
        return found


def minibatch_band(
    errors: MinibatchErrors,
    time: np.ndarray,
    project: Callable[[np.ndarray], np.ndarray],
    mesh: FrequencyMesh,
    spectra: tuple[np.ndarray, np.ndarray, np.ndarray],
    limit: np.ndarray,
) -> MinibatchBand:
    """Return the bands at these times, and say whether the network lies inside.

    project: the projection of errors (T, C, N) onto the mesh. spectra: v_pde(0) (C, n), v_pde and v_nn (T, C, n).
    limit: of the Nyquist box, (d,). Raises InputError if the prediction lacks one of the times.
    """
    found, index = match_times(time, errors.time)
    if len(found) < len(time):
        raise InputError(
            "the predictions for minibatches lack some of the compared times; predict them again with `freqbias ntk "
            "--minibatches N --overwrite`"
        )
    initial, pde, nn = spectra
    edges = energy_edges(mesh, initial, limit)
    energy = energy_in_bands(mesh, edges, limit=limit)
    start = energy(project(errors.error[0, :1].astype(float)))[0]  # the same for all sequences
    ratios = np.array([error_ratios(energy(project(each[index].astype(float))), start) for each in errors.error])
    bands = draw_bands(edges, ratios, energy(nn), energy(pde), energy(initial[None])[0])
    held_out = errors.held_out_loss
    band = MinibatchBand(
        Band.of(errors.loss[:, index]), None if held_out is None else Band.of(held_out[:, index]), bands
    )
    inside = bands.inside[time > 0]
    message = (
        "compare: in bands of |xi|, the network lies in that of its minibatches (%.0f %%) in %d of %d cases; see "
        "minibatch_bands.csv"
    )
    log.info(message, 100 * band.loss.level, inside.sum(), inside.size)
    return band
