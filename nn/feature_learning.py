"""The change of the error by feature learning, to first order in 1/m, without training.

While the network trains, its kernel K(s) leaves the kernel K of the start. To first order in K(s) - K, the error u of
the linearised network changes by

    du(t) = -int_0^t exp(-(t - s) K) (K(s) - K) u(s) ds.

K is symmetric and exp(-(t - s) K) u(t) = u(2 t - s), so the change of ln |u(t)|, which is u(t).du(t) / |u(t)|^2, is

    -int_0^t u(2 t - s).(K(s) - K) u(s) ds / |u(t)|^2.

This needs the flow of K, and K(s) along the parameters that u drives, d theta / ds = -R J(theta)^T u(s) / N. In each
step of the quadrature, K(s) and u(2 t - s) have their values in the middle, and the integral of u(s) is exact.
"""

from collections.abc import Callable

import numpy as np

from freqbias.nn.joint_kernel import JointKernel
from freqbias.nn.linearised import LinearisedTraining
from freqbias.problem import DRAW_ACCURACY

STEPS = 22  # of the quadrature; the first begins at 0
MOST_BYTES = 2**28  # for the flow at all times that the quadrature needs; otherwise the times are divided into blocks
GROWTH = 2**0.5  # of the time from one step to the next


def change_of_log_error(
    kernel: JointKernel,
    training: LinearisedTraining,
    times: np.ndarray,
    *,
    callback: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Return the change of ln |u| by feature learning at the times of the flow, (T,).

    kernel: of the drawn network. training: with this kernel. times: (T,), beginning with 0. callback: called before
    every product. (DRAW_ACCURACY |u(0)|)^2 is added to |u|^2, so the result vanishes where the prediction of u is not
    accurate.
    """
    ends = np.concatenate([[0.0], times[-1] / GROWTH ** np.arange(STEPS - 1, -1, -1)])
    middles = (ends[1:] + ends[:-1]) / 2
    path = training.follow_flow(np.sort(np.concatenate([ends, middles])), tolerance=DRAW_ACCURACY)
    forcing = kernel.kernel_changes(path.integral[::2], path.integral[1::2], callback=callback)
    size, changes = float((kernel.start**2).sum()), [0.0]
    blocks = max(1, min(STEPS, forcing.nbytes * STEPS // MOST_BYTES))
    for steps in np.array_split(np.arange(1, STEPS + 1), blocks):
        later = [2 * ends[step] - middles[:step] for step in steps]
        times_needed = np.unique(np.concatenate([[0.0], ends[steps], *later]))
        flow = training.flow(times_needed, tolerance=DRAW_ACCURACY)
        for step, each in zip(steps, later, strict=True):
            at = np.searchsorted(times_needed, [ends[step], *each])
            integral = float((flow[at[1:]] * forcing[:step]).sum())
            changes.append(-integral / (float((flow[at[0]] ** 2).sum()) + DRAW_ACCURACY**2 * size))
    return np.interp(times, ends, changes)
