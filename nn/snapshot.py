"""The records of a training: a snapshot after each step, and the checkpoint that a later run continues from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from freqbias.nn.step_control import StepControl
from freqbias.nn.trainable import TrainableNetwork

BUFFER = "memory."  # prefix of the optimiser's buffers among the arrays of a checkpoint


@dataclass(frozen=True)
class TrainingCheckpoint:
    """Everything that continues a training to the same bits: arrays, and values that JSON can hold."""

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

    time: in gradient-flow time. output: the index of the output time reached here, or None. state: the network's
    parameters, one flat vector. error: u (C, N). step_control: for the steps that follow. buffers: of the optimiser,
    empty for Runge-Kutta methods. held_out_error: u (C, N') on the held-out samples, at output times only.
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
    held_out_error: np.ndarray | None = None

    def errors(self) -> dict[str, np.ndarray]:
        """The arrays stored at an output time: `error`, and `held_out_error` if samples are held out."""
        errors = {"error": self.error.cpu().numpy()}
        return errors if self.held_out_error is None else errors | {"held_out_error": self.held_out_error}

    def checkpoint(self) -> TrainingCheckpoint | None:
        """A copy of all neurons on rank 0's CPU, None on other ranks. Collective for sharded neurons."""
        vectors = {"state": self.state} | {BUFFER + name: buffer for name, buffer in self.buffers.items()}
        gathered = {name: self.network.gather(vector) for name, vector in vectors.items()}
        if gathered["state"] is None:
            return None
        arrays, meta = self.step_control.to_checkpoint()
        whole = {name: array for name, array in gathered.items() if array is not None}
        return TrainingCheckpoint(whole | arrays, {"step": self.step, **meta})
