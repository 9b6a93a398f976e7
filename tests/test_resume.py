"""A run that is stopped and resumed on the same number of ranks equals an undisturbed run, to the last bit.

The output times are not exact in binary, so the lengths of equal intervals between them differ in the last bit.
"""

from unittest.mock import patch

import numpy as np
import pytest

from freqbias.errors import StoppedEarly
from freqbias.runtime import Stage
from tests.interrupted import error_of, here, run_text

SAVE = Stage.save_checkpoint
TRAININGS = {
    "gradient-descent": {"training_step": 0.05},
    "heun": {},
    "rk4": {},
    "gauss-newton": {"training_step": 0.05, "operator": "data", "integrator": "lanczos", "step": '"auto"'},
    "momentum": {"training_step": 0.05},
    "adam": {"training_step": 0.001, "end": 0.02},
    "sgd": {"training_step": 0.05, "training_keys": "batch = 20"},
}


def stopping_after(checkpoints):
    """Stop the stage as soon as it has saved this number of checkpoints."""
    saved = 0

    def save(stage, *arguments, **meta):
        nonlocal saved
        SAVE(stage, *arguments, **meta)
        saved += 1
        if saved == checkpoints:
            raise StoppedEarly("stopped by the test")

    return patch.object(Stage, "save_checkpoint", save)


def assert_resumes_exactly(stage, folder, **settings):
    path = folder / "run.toml"
    path.write_text(run_text(**{"outputs": 23, "end": 7.0, "checkpoint": 0.0} | settings))
    here(stage, path, "--out", folder / "whole")
    for checkpoints in (5, 12):  # the second one stops the resumed run again
        with stopping_after(checkpoints), pytest.raises(StoppedEarly, match="by the test"):
            here(stage, path, "--out", folder / "out", "--resume")
    here(stage, path, "--out", folder / "out", "--resume")
    assert np.array_equal(error_of(folder / "out", stage), error_of(folder / "whole", stage))


@pytest.mark.parametrize("operator", ["local", "data"])
@pytest.mark.parametrize("integrator", ["crank-nicolson", "backward-euler", "adaptive"])
def test_steps_of_the_equation(operator, integrator, tmp_path):
    step = '"auto"' if integrator == "adaptive" else 0.05
    assert_resumes_exactly("pde", tmp_path, operator=operator, integrator=integrator, step=step)


@pytest.mark.parametrize("integrator", TRAININGS)
def test_training(integrator, tmp_path):
    keys = {"outputs": 7, "end": 1.0, "training_integrator": integrator} | TRAININGS[integrator]
    assert_resumes_exactly("nn", tmp_path, **keys)
