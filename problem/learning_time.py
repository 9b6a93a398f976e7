"""The time of gradient descent that corresponds to a training."""

from freqbias.problem.records import Problem

SAFETY = 10.0  # upper bounds of lambda_max were up to 5 times as large as lambda_max


def gradient_flow_time(problem: Problem) -> float:
    """Return the time in which gradient descent learns slow modes as far as the training until its end.

    It is the last output time T. With the damped Gauss-Newton method, modes with lambda << eps have the rate lambda /
    eps, so it is T / eps, from above, by an upper bound of lambda_max.
    """
    end, laws, sites = float(problem.times[-1]), problem.laws, problem.sites
    if problem.gauss_newton is None:
        return end
    largest = laws.kernel_rate_bound(problem.reach)
    if sites.lattice is not None:
        largest = min(largest, laws.local_rate_bound(1 / sites.closest_density, problem.reach) + laws.atom)
    return SAFETY * end / (problem.gauss_newton * largest * problem.loss.largest)
