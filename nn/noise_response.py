"""The response of a linearised training to noise of its labels.

Labels y = f* + e with independent noise e of variance s_c^2 in channel c start the training at u(0) = f(0) - f* - e. So
the noise adds -q(K) e to u(t), and K(y, X) phi_t(K) e to the value at a position y, with q and phi_t as in
`freqbias.nn.linearised`. With S = diag(s_c), the loss against the labels without noise is on average

    E 1/2 mean_j |f - f*|^2 = E loss + 1/2 sum_c s_c^2 - tr(S q(K) S) / N,

and the variance of f(y) is the mean of (K(y, X) phi_t(K) S z)^2 over random vectors z of signs. The trace is the mean
of z^T S q(K) S z. For one channel and H = 1 - q, the loss is half of mean u^2 - s^2 + 2 s^2 tr H / N: Stein's unbiased
risk estimate, or Mallows' C_p.

The noise at hand is not its mean. This estimate minus the loss of f - f* is a quadratic form of e, plus a linear one.
For normal e and symmetric q its variance is the mean of

    [tr(S q S S q S) - 2 tr(S^4 q) + N/2 sum_c s_c^4 + |S u|^2] / N^2.

For held-out samples of level r_c, the loss less 1/2 sum_c r_c^2 estimates the loss of f - f*. The variance of the
difference over their noise is the mean of sum_c [r_c^2 |u_c|^2 - N'/2 r_c^4] / N'^2.
Source: Stein, Annals of Statistics 9 (1981); Mallows, Technometrics 15 (1973); Hutchinson, Communications in
Statistics 19 (1990).
"""

from collections.abc import Callable, Mapping

import numpy as np

from freqbias.nn.linearised import LinearisedPath, LinearisedTraining
from freqbias.nn.ntk import Kernel, KernelAt
from freqbias.numerics import EUCLIDEAN, Lanczos, Metric
from freqbias.problem import LabelNoise, NoisePrediction, squared_loss

PROBES = 8
TARGET_PROBES = 4  # of them, for the values at other positions, which need one product for each output time
PROBE_STREAM = 3  # a random stream that is independent of those for the network, the held-out samples and the noise
TOLERANCE = 1e-3  # of q(K) S z, relative to |S z|; far below the sampling error of the trace

Follow = Callable[..., LinearisedPath]  # of a LinearisedTraining, with the keyword tolerance


class NoiseResponse:
    """The response to noise, by random vectors S z, each in a Krylov space that serves flow and steps.

    noise: its level must be known. size: N. metric, shift: as in `LinearisedTraining`. seed: of the
    run. callback: called before every product.
    """

    def __init__(
        self,
        kernel: Kernel,
        noise: LabelNoise,
        size: int,
        *,
        seed: int,
        metric: Metric = EUCLIDEAN,
        decay: float = 0.0,
        shift: float = 0.0,
        probes: int = PROBES,
        callback: Callable[[Lanczos], None] = lambda lanczos: None,
    ) -> None:
        self._noise, self._symmetric = noise, metric is EUCLIDEAN
        signs = np.random.default_rng([seed, PROBE_STREAM]).choice([-1.0, 1.0], (probes, len(noise.level), size))
        self._starts = noise.level[:, None] * signs
        self._trainings = [
            LinearisedTraining(kernel, start, metric=metric, decay=decay, shift=shift, callback=callback)
            for start in self._starts
        ]

    def predict(
        self, follow: Follow, error: np.ndarray, held_out_error: np.ndarray | None, targets: Mapping[str, KernelAt]
    ) -> NoisePrediction:
        """Return the expected loss without noise, its standard deviation, and the noise at the targets.

        follow: returns the `LinearisedPath` of a training at the output times. error, held_out_error: those of the
        predicted training, (T, C, N) and (T, C, N'). targets: the kernel at the positions, by the names of
        `Problem.targets`. Raises ComputationError if Lanczos does not reach TOLERANCE.
        """
        level, held_out_level = self._noise.level, self._noise.held_out_level
        traces, quadratic, squares = [], [], {name: list[np.ndarray]() for name in targets}
        for index, (start, training) in enumerate(zip(self._starts, self._trainings, strict=True)):
            path = follow(training, tolerance=TOLERANCE)
            traces.append((start * path.error).mean(axis=2).sum(axis=1))
            response = level[:, None] * path.error  # S q S z
            quadratic.append((response * (response - 2 * level[:, None] * start)).sum(axis=(1, 2)))
            for name, kernel in targets.items() if index < TARGET_PROBES else ():
                squares[name].append((kernel.apply(path.integral) ** 2).mean(axis=2))
        spread = np.std(traces, axis=0, ddof=1) / np.sqrt(len(traces))
        noise_at = {name: np.sqrt(np.mean(each, axis=0)) for name, each in squares.items()}
        variance = _variance(level, error) + np.mean(quadratic, axis=0) / error.shape[-1] ** 2
        held_out = dict[str, np.ndarray]()
        if held_out_error is not None:
            held_out = {
                "held_out_clean_loss": squared_loss(held_out_error) - 0.5 * (held_out_level**2).sum(),
                "held_out_clean_loss_standard_deviation": _root(_variance(held_out_level, held_out_error, sign=-1)),
            }
        return NoisePrediction(
            noise_level=level,
            clean_loss=squared_loss(error) + 0.5 * (level**2).sum() - np.mean(traces, axis=0),
            clean_loss_standard_error=spread,
            clean_loss_standard_deviation=_root(variance) if self._symmetric else None,
            **held_out,
            held_out_noise=noise_at.get("held_out"),
            prediction_noise=noise_at.get("predict_at"),
        )


def _variance(level: np.ndarray, error: np.ndarray, *, sign: int = 1) -> np.ndarray:
    """Return sum_c (s_c^2 |u_c|^2 + sign N/2 s_c^4) / N^2, (T,). level: s, (C,). error: u, (T, C, N)."""
    return (level**2 * (error**2).mean(axis=2) + sign * 0.5 * level**4).sum(axis=1) / error.shape[2]


def _root(variance: np.ndarray) -> np.ndarray:
    """Return the square root. An estimate below 0 counts as 0: then the level is too large for these values."""
    return np.sqrt(np.maximum(variance, 0.0))
