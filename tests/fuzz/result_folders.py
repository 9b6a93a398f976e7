"""Small result folders, finished and unfinished, made once; and whether a folder holds the right results."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partialmethod
from pathlib import Path
from unittest.mock import patch

import numpy as np
import tomli_w

from freqbias.problem import open_netcdf
from freqbias.runtime import StopRequest
from tests import launch
from tests.batch import attempt
from tests.problem.run_files import table

PDES = {
    "data": {"operator": "data", "integrator": "lanczos", "degree": 4},
    "local": {"operator": "local", "integrator": "crank-nicolson", "step": 0.5, "degree": 4},
}
FINISHED = ("mesh", "pde", "nn", "ntk", "compare", "kappa", "view")
NOT_COMPARED = ("manifest.json", "open_in_paraview.py")  # they hold dates and the path of the folder
ROUNDING = 1e-10  # of a resumed result, relative to the largest value


@contextmanager
def undrawn() -> Iterator[None]:
    """Save pictures and movies as placeholders: drawing takes most of the time."""
    with ExitStack() as stack:
        stack.enter_context(launch.undrawn())
        for name in ("draw_view", "animate_view"):
            stack.enter_context(patch(f"freqbias.compare.view.{name}", launch.write_placeholder))
        yield


def _stop_at(request: StopRequest, comm: object = None, *, look: int) -> bool:
    looks = request.__dict__.setdefault("looks", 0) + 1
    request.__dict__["looks"] = looks
    return looks >= look


class ResultFolders:
    """For some of PDES: the run file, a folder with all stages, and one in which pde and nn are unfinished."""

    def __init__(self, folder: Path, names: Sequence[str] = tuple(PDES)) -> None:
        self.folder, self.names = folder, names
        for name in names:
            path, whole, part = self.run_file(name), self.reference(name), self.unfinished(name)
            pde = {**PDES[name], "tolerance": 1e-2}
            run = table(density={"sigma": 3.0}, training={"checkpoint": 0.0}, pde=pde)
            path.write_text(tomli_w.dumps(run))
            with undrawn():
                for stage in FINISHED:
                    arguments = [whole] if stage == "view" else [path, "--out", whole]
                    answer = attempt(stage, *arguments, "-q")
                    assert answer.returncode == 0, answer.stderr
            shutil.copytree(whole, part)
            for stage in ("pde", "nn"):
                shutil.rmtree(part / stage)
                with patch.object(StopRequest, "requested", partialmethod(_stop_at, look=4)):
                    assert attempt(stage, path, "--out", part, "-q").returncode == 75

    def run_file(self, name: str) -> Path:
        return self.folder / f"{name}.toml"

    def reference(self, name: str) -> Path:
        return self.folder / f"{name}-whole"

    def unfinished(self, name: str) -> Path:
        return self.folder / f"{name}-part"


def differences(found: Path, expected: Path, stages: list[str]) -> list[str]:
    """Return the files of these stages that are missing, or hold other results than expected."""
    return [
        str(path.relative_to(expected))
        for stage in stages
        for path in sorted((expected / stage).rglob("*"))
        if path.is_file() and path.name not in NOT_COMPARED and not _same(found / path.relative_to(expected), path)
    ]


def _same(found: Path, expected: Path) -> bool:
    if not found.is_file():
        return False
    if found.read_bytes() == expected.read_bytes():
        return True
    if expected.suffix not in (".nc", ".csv"):
        return False
    values, others = numbers(found), numbers(expected)
    return values.keys() == others.keys() and all(_close(values[name], others[name]) for name in values)


def numbers(path: Path) -> dict[str, np.ndarray]:
    """Return the content of a result file as arrays; files other than netCDF and CSV are one array of bytes."""
    if path.suffix not in (".nc", ".csv"):
        return {path.name: np.frombuffer(path.read_bytes(), np.uint8)}
    if path.suffix == ".csv":
        rows = [line.split(",") for line in path.read_text().splitlines()]
        return {"header": np.array(rows[0])} | {str(i): np.array(row) for i, row in enumerate(rows[1:])}
    with open_netcdf(path) as data:
        return {str(name): variable.values for name, variable in data.load().variables.items()}


def _close(values: np.ndarray, others: np.ndarray) -> bool:
    if values.shape != others.shape:
        return False
    try:
        values, others = values.astype(float), others.astype(float)
    except ValueError:  # words
        return bool((values == others).all())
    largest = np.nanmax(np.abs(others), initial=0.0)
    return np.allclose(values, others, rtol=0, atol=ROUNDING * largest, equal_nan=True)
