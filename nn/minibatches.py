"""The spread of a linearised training over its random minibatches.

A step with the minibatch B of b of the N samples sees the weights D = diag(N / b on B, 0 elsewhere). The drawn network
with the kernel K, linearised about its start, has u = u(0) - K w, and w is driven by

    g = D u - decay w,    v <- mu v + g,    w <- w + (1 - mu) h v               (Polyak's heavy ball; sgd has mu = 0),
                                            w <- w + (1 - mu) h (g + mu v)      (Nesterov's momentum).

The mean over all minibatches is the training on all samples, D = 1, because a minibatch does not depend on the earlier
ones. It is computed exactly (`freqbias.nn.linearised`). The deviation from it leaves the Krylov space of u(0), but
hardly the space of the eigenvectors with large eigenvalues: an eigenvector with t lambda << 1 has no time to move. So
many sequences of minibatches are followed at once by their r coefficients q = V^T w, u = u(0) - V diag(lambda) q, in
the space V of `freqbias.nn.dominant_space`, beside the training on all samples in the same space.
"""

from collections.abc import Callable

import numpy as np

from freqbias.nn.dominant_space import DominantSpace, dominant_space
from freqbias.nn.linearised import LinearisedPath
from freqbias.nn.ntk import Kernel, KernelAt
from freqbias.numerics import Schedule

# Of t |R|_F. The left out noise is at most about this share of that of a mode with t lambda = 1.
ACCURACY = 0.1
BATCH_STREAM = 5  # a random stream that is independent of those for the network, the samples, the noise and the probes

Callback = Callable[[], None]


class MinibatchSpread:
    """The deviations of `count` sequences of minibatches from their mean, in the linearised training.

    kernel: of the drawn network. start: u(0), (C, N). schedule: the steps. batch: b. mu, nesterov: of the momentum.
    decay: the rate of the weight decay. seed: of the run; the minibatches differ from those of its training.
    before_product, before_step: called before every product with the kernel, and before every step.
    Raises ComputationError as `dominant_space`.
    """

    def __init__(
        self,
        kernel: Kernel,
        start: np.ndarray,
        schedule: Schedule,
        batch: int,
        *,
        count: int,
        seed: int,
        mu: float = 0.0,
        nesterov: bool = False,
        decay: float = 0.0,
        accuracy: float = ACCURACY,
        before_product: Callback = lambda: None,
        before_step: Callback = lambda: None,
    ) -> None:
        self._start, self._kernel = start, kernel
        self._space = dominant_space(
            lambda values: kernel.apply(values.reshape(start.shape)).ravel(),
            start.size, float(schedule.step_times()[-1]), accuracy, callback=before_product,
        )  # fmt: skip
        generators = [np.random.default_rng([seed, BATCH_STREAM, index]) for index in range(count)]
        samples = start.shape[1]

        def weights() -> np.ndarray:
            """Return the diagonal of D for the mean and for each sequence, (count + 1, 1, N)."""
            found = np.zeros((count + 1, samples))
            found[0] = 1.0
            for row, generator in zip(found[1:], generators, strict=True):
                row[generator.choice(samples, batch, replace=False, shuffle=False)] = samples / batch
            return found[:, None]

        coefficients = _coefficients(
            self._space,
            start,
            schedule,
            weights,
            count + 1,
            mu=mu,
            nesterov=nesterov,
            decay=decay,
            callback=before_step,
        )
        self._deviation = coefficients[:, 1:] - coefficients[:, :1]  # of q from the mean, (T, count, r)

    @property
    def space(self) -> DominantSpace:
        return self._space

    def errors(self, path: LinearisedPath) -> np.ndarray:
        """Return u of each sequence, (count, T, C, N). path: of the mean."""
        change = (self._deviation * self._space.values) @ self._space.vectors.T
        return np.moveaxis(path.error[:, None] - change.reshape(*change.shape[:2], *self._start.shape), 1, 0)

    def values_at(self, path: LinearisedPath, kernel: KernelAt) -> np.ndarray:
        """Return f of each sequence at P positions, (count, T, C, P). kernel: `Kernel.at` of these positions."""
        pushed = kernel.apply(self._space.vectors.T.reshape(-1, *self._start.shape))
        change = np.tensordot(self._deviation, pushed, axes=1)
        return np.moveaxis(path.at(kernel).values[:, None] - change, 1, 0)


def _coefficients(
    space: DominantSpace,
    start: np.ndarray,
    schedule: Schedule,
    weights: Callable[[], np.ndarray],
    count: int,
    *,
    mu: float,
    nesterov: bool,
    decay: float,
    callback: Callback,
) -> np.ndarray:
    """Return q at the output times, (T, count, r). weights: the next diagonals of D, (count, 1, N)."""
    q, v = np.zeros((2, count, len(space.values)))
    outputs, step, found = {int(each) for each in schedule.output_steps[1:]}, 0, [q]
    for size, steps in zip(schedule.step_sizes, schedule.step_counts, strict=True):
        for _ in range(steps):
            callback()
            u = start.ravel() - (q * space.values) @ space.vectors.T
            seen = weights() * u.reshape(count, *start.shape)
            g = seen.reshape(count, -1) @ space.vectors - decay * q
            v = mu * v + g
            q = q + (1 - mu) * size * (g + mu * v if nesterov else v)
            step += 1
        if step in outputs:
            found.append(q)
    return np.array(found)
