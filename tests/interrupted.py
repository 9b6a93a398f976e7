"""A run that is short, and long enough to be interrupted in any of its parts; what its stages leave."""

from pathlib import Path

import h5py
import numpy as np

from freqbias.runtime.commandline import invoke
from tests.batch import APP, logger_as_it_was

PROGRAM = "from freqbias.compare.program import main; main()"  # the command `freqbias`
RUN = """
name = "interrupted"
[density]
kind = "gaussian"
sigma = 6.0
[data]
kind = "waves"
dimension = 1
points = 96
frequencies = [[3.0], [8.0]]
window = 0.12
[network]
width = {width}
sigma_a = 1.0
[time]
end = {end}
outputs = {outputs}
[pde]
operator = "{operator}"
integrator = "{integrator}"
step = {step}
degree = 4
tolerance = 1e-2
[training]
integrator = "{training_integrator}"
step = {training_step}
{training_keys}
checkpoint = {checkpoint}
"""
DEFAULTS = {
    "operator": "local", "integrator": "crank-nicolson", "step": 0.04, "outputs": 40,
    "training_integrator": "rk4", "training_step": 0.25, "training_keys": "", "end": 50.0, "checkpoint": 30.0,
    "width": 1000,
}  # fmt: skip
STAGES = {"pde": "pde/spectrum.nc", "nn": "nn/error.nc"}


def run_text(**settings: object) -> str:
    """The run file; as it is, with many outputs, each reached fast, the whole lasting a second or two."""
    return RUN.format(**DEFAULTS | settings)


def here(*arguments: object) -> None:
    """Run a command in this process; what it tells the logger of the program is forgotten."""
    quiet = [] if arguments[0] == "check" else ["-q"]
    with logger_as_it_was():
        assert invoke(APP, "freqbias", [*map(str, arguments), *quiet]) == 0


def error_of(out: Path, stage: str) -> np.ndarray:
    """The error in the result of a stage. `Spectrum.load` would need fifteen times as long."""
    with h5py.File(out / STAGES[stage]) as file:
        if stage == "pde":
            return file["error_real"][...] + 1j * file["error_imag"][...]
        return file["error"][...]


def finished(run_file: Path, out: Path) -> Path:
    """The folder of the results that nothing interrupts."""
    for stage in STAGES:
        here(stage, run_file, "--out", out)
    return out


def assert_same(out: Path, whole: Path, stage: str, *, atol: float = 1e-12) -> None:
    """The errors of both: the network's to the last bit, those of the equation to atol, over their largest."""
    found, expected = error_of(out, stage), error_of(whole, stage)
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol * np.abs(expected).max() if stage == "pde" else 0)
