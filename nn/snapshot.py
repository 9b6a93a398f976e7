"""The records of a training: a snapshot after each step, and the checkpoint from which a later run continues."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from freqbias.nn.step_control import StepControl
from freqbias.nn.trainable import TrainableNetwork

BUFFER = "memory."  # prefix of the optimiser's buffers among the arrays of a checkpoint


@dataclass(frozen=True)
class TrainingCheckpoint:
    """The data from which a training continues with the same results to the last bit.

    arrays: arrays by name. meta: values that JSON can represent.
    """

    arrays: dict[str, np.ndarray]
    meta: dict[str, Any]

    @property
    def step(self) -> int:
        return int(self.meta["step"])

    @property
    def step_control(self) -> StepControl:
        return StepControl.from_checkpoint(self.arrays, self.meta)

    @property
    def state(self) -> np.ndarray:
        return self.arrays["state"]

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        return {name.removeprefix(BUFFER): each for name, each in self.arrays.items() if name.startswith(BUFFER)}


@dataclass(frozen=True)
class TrainingSnapshot:
    """The training after `step` steps.

    time: the gradient-flow time. output: the index of the output time if this time is one, else None. state: the
    parameters of the network as one flat vector. error: u on the samples, (C, N). step_control: the step control of the
    following steps. buffers: the buffers of the optimiser, empty for Runge-Kutta methods. at_targets: at output times,
    f at the targets of the problem, (C, n), by the names of the targets.
    """

    step: int
    time: float
    output: int | None
    state: torch.Tensor
    error: torch.Tensor
    loss: float
    step_control: StepControl
    buffers: dict[str, torch.Tensor]
    network: TrainableNetwork
    at_targets: Mapping[str, np.ndarray] = field(default_factory=dict)

    def errors(self) -> dict[str, np.ndarray]:
        """Return the arrays to store at an output time: `error`, and the values `at_targets`."""
        return {"error": self.error.cpu().numpy(), **self.at_targets}

    def whole_state(self) -> np.ndarray | None:
        """Return the state of all neurons on rank 0, and None on other ranks. Collective."""
        return self.network.gather(self.state)

    def checkpoint(self) -> TrainingCheckpoint | None:
        """Return a checkpoint of all neurons on the CPU of rank 0, and None on other ranks.

        Collective if several processes share the neurons.
        """
        vectors = {"state": self.state} | {BUFFER + name: buffer for name, buffer in self.buffers.items()}
        gathered = {name: self.network.gather(vector) for name, vector in vectors.items()}
        if gathered["state"] is None:
            return None
        arrays, meta = self.step_control.to_checkpoint()
        whole = {name: array for name, array in gathered.items() if array is not None}
        return TrainingCheckpoint(whole | arrays, {"step": self.step, **meta})
