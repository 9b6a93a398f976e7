"""The time of gradient descent that corresponds to a training."""

from freqbias.problem.records import Problem

# The estimate of lambda_max below was at most 2.5 times lambda_max in 64 cases: 1-D and 2-D, grids and scattered
# samples, two and three layers, sigma_a of 0.1 and 1. An estimate that is too large makes the time too short.
SAFETY = 3.0


def gradient_flow_time(problem: Problem) -> float:
    """Return the time in which gradient descent learns slow modes as far as the training until its end.

    It is the last output time T. With the damped Gauss-Newton method, modes with lambda << eps have the rate lambda /
    eps, so it is T / eps, from above. lambda_max of the kernel is estimated by its bounds for samples that fill their
    box evenly; where samples crowd it is larger. A Sobolev loss weights the lowest frequencies by 1.
    """
    end, laws = float(problem.times[-1]), problem.laws
    if problem.gauss_newton is None:
        return end
    evenly = laws.local_rate_bound(problem.sites.volume, problem.reach) + laws.atom
    return SAFETY * end / (problem.gauss_newton * min(evenly, laws.kernel_rate_bound(problem.reach)))
