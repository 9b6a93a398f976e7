"""The cuFINUFFT backend, run on the CPU with FINUFFT in its place: the plans take the same arguments."""

import sys
from types import SimpleNamespace

import finufft
import pytest
import torch

from freqbias.nn import FourierNetwork
from freqbias.nn.gpu_nufft import CufinufftTransforms
from tests.nn.test_gradients import BOUNDS, GRIDS, SCATTERED, assert_equal_to_dense, problem_on


class PlanOnCpu(finufft.Plan):
    """FINUFFT's plan on torch's tensors, with the leading axis of a batch of one, as cuFINUFFT takes it."""

    def __init__(self, *arguments, gpu_device_id, upsampfac, **options):
        super().__init__(*arguments, upsampfac=upsampfac, **options)
        assert (gpu_device_id, upsampfac) == (0, 2.0)  # cuFINUFFT's default loses digits in single precision

    def setpts(self, *points, **targets):
        super().setpts(*(p.numpy() for p in points), **{name: p.numpy() for name, p in targets.items()})

    def execute(self, data):
        values = data.contiguous().numpy()
        return torch.from_numpy(super().execute(values if len(values) > 1 else values[0])).view(len(values), -1)


@pytest.mark.parametrize("sites", [*GRIDS, *SCATTERED], ids=str)
@pytest.mark.parametrize("precision", BOUNDS)
def test_gradients_equal_the_dense_sum(sites, precision, monkeypatch):
    monkeypatch.setitem(sys.modules, "cufinufft", SimpleNamespace(Plan=PlanOnCpu))
    problem = problem_on(sites)
    network = FourierNetwork(problem, CufinufftTransforms(sites, precision=precision, device="cpu"))
    network.error_and_negative_gradient(network.start)
    network.layout.split(network.start)[1].mul_(1.3)  # existing plans must follow
    assert_equal_to_dense(problem, network, BOUNDS[precision])
