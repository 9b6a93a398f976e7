"""The gradient of a small network on a GPU as a CUDA graph: one launch in place of dozens, which would take most time.

A graph replays the work that it has recorded on the same memory. So only the inner slopes of a Runge-Kutta step are
recorded, from a network of their own. The evaluations from which the trainer continues are not, because the networks
keep the state of the last evaluation.
"""

import torch

from freqbias.nn.backends import LAUNCHES, gpu_seconds
from freqbias.nn.network_choice import make_network
from freqbias.nn.runge_kutta import NegativeGradient, RungeKutta
from freqbias.nn.trainable import TrainableNetwork
from freqbias.nn.training_plan import TrainingPlan
from freqbias.numerics import OperatorRows
from freqbias.runtime import log

WARM_UPS = 3  # calls before the recording, in which libraries allocate what must not be recorded
SAME = {"single": 1e-3, "double": 1e-9}  # largest difference from the network's own gradient, relative to its largest


class RecordedFunction:
    """A function of a tensor, recorded as a CUDA graph. It must not wait for the GPU. example: an argument."""

    def __init__(self, function: NegativeGradient, example: torch.Tensor) -> None:
        self._argument = example.clone()
        with torch.cuda.device(example.device):
            self._graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(WARM_UPS):
                    function(self._argument)
            torch.cuda.current_stream().wait_stream(stream)
            with torch.cuda.graph(self._graph):
                self._result = function(self._argument)

    def __call__(self, argument: torch.Tensor) -> torch.Tensor:
        self._argument.copy_(argument)
        with torch.cuda.device(argument.device):
            self._graph.replay()
        return self._result.clone()


def inner_slope(plan: TrainingPlan, network: TrainableNetwork) -> NegativeGradient:
    """Return -R dL/d(state) for the inner slopes of a step: recorded if this saves time, else that of the network.

    If the recording fails, or gives another gradient, the result is that of the network.
    """
    if not _pays(plan):
        return network.negative_gradient
    problem, precision = plan.problem, plan.settings.precision
    nearby = network.start * 1.01
    expected = network.negative_gradient(nearby)
    try:
        twin = make_network(problem, plan.backend, precision=precision, device=plan.device)
        recorded = RecordedFunction(twin.negative_gradient, network.start)
        difference = (recorded(nearby) - expected).abs().max() / expected.abs().max()
    except RuntimeError as failure:  # torch's, also where an operation cannot be recorded
        log.debug("nn: the gradient is not recorded as a CUDA graph: %s", failure)
        return network.negative_gradient
    if not difference <= SAME[precision]:
        log.debug("nn: the gradient is not recorded as a CUDA graph, which differs by %.2g", difference)
        return network.negative_gradient
    log.debug("nn: the gradient is recorded as a CUDA graph")
    return recorded


def _pays(plan: TrainingPlan) -> bool:
    """Whether a step has inner slopes whose time on the GPU is mostly that of launches, and which can be recorded.

    cuFINUFFT waits for the GPU, and so does the symbol of an operator. The dense backend is the fastest for few
    samples only.
    """
    return (
        not isinstance(plan.problem.sites, OperatorRows)
        and plan.device.type == "cuda"
        and plan.backend == "separable"
        and plan.shards.comm.size == 1
        and isinstance(plan.integrator, RungeKutta)
        and plan.integrator.order > 1
        and gpu_seconds(plan.problem)["separable"] < 2 * LAUNCHES["separable"]
    )
