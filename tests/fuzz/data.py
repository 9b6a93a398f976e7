"""Odd, hostile and damaged data files for every key that takes a file: read right, or refused by name.

Each within 5 s and 1 GiB. Nothing is executed, and no reader prints anything of its own.
"""

import io
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from random import Random
from typing import Any

import meshio
import numpy as np
import tomli_w
import xarray as xr

from freqbias.problem import ErrorHistory, build, files, load
from tests.batch import attempt
from tests.fuzz import odd_files
from tests.fuzz.hostile_files import HOSTILE, hostile, odd_places
from tests.fuzz.verdicts import Verdict, at_most, fault, judge_all
from tests.launch import Answer
from tests.problem.run_files import table
from tests.problem.test_damaged_files import WRITERS, damaged

SECONDS, MEMORY = 5.0, 2**30
CHECKED = (".npz", ".png", ".nii.gz", ".flac")  # formats with a checksum of the values
KEYS = {  # and the endings of their files
    "data": [*odd_files.WRITERS, ".jpg", ".nii.gz", ".nrrd", ".ogg"],
    "density": [".npy", ".csv", ".npz"],
    "mesh": [".msh", ".vtu", ".vtk", ".xdmf", ".inp", ".mesh", ".med"],
    "initial": [".nc"],
    "--error": [".nc"],
}
NEEDED: dict[str, dict[str, Any]] = {".dat": {"dtype": "float32"}, ".h5": {"key": "g/a"}, ".mat": {"key": "a"}}


@contextmanager
def limits() -> Iterator[list[str]]:
    """Limit time and memory in the body, and yield a list to which what libraries print themselves is added."""
    printed: list[str] = []
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with tempfile.TemporaryFile() as file:
        kept = [os.dup(number) for number in (1, 2)]
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, hard))
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            with at_most(SECONDS):
                yield printed
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
            for number, descriptor in zip((1, 2), kept, strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)
            file.seek(0)
            printed.append(file.read().decode(errors="replace"))


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder, self.run_file, self.out = folder, folder / "run.toml", folder / "out"
        (folder / "secret.h5").write_bytes(b"secret")
        self.write_run_file()
        for command in ("check", "pde"):  # imports the libraries; --error needs a solution
            arguments = [] if command == "check" else ["--out", self.out, "-q"]
            assert attempt(command, self.run_file, *arguments).returncode == 0
        problem = build(load(self.run_file))
        error = -np.exp(-problem.times)[:, None, None] * problem.samples.values
        loss = (error**2).mean(axis=(1, 2)) / 2
        ErrorHistory(problem.times, problem.sites.positions(), error, loss).save(folder / "right.nc")

    def write_run_file(self, key: str = "", path: Path | None = None, keys: dict[str, Any] | None = None) -> None:
        """Write a run file in which this key names the file. keys: more keys of the section."""
        if key in ("", "--error"):
            content = table()
        elif key == "data":
            content = table(data={"kind": "file", "path": path.name, **(keys or {})}, replace=True)
        elif key == "density":
            content = table(
                density={"kind": "table", "path": path.name, "half_width": 4.0, **(keys or {})}, replace=True
            )
        else:
            content = table(**({"mesh": {"path": path.name}} if key == "mesh" else {"pde": {"initial": path.name}}))
        self.run_file.write_text(tomli_w.dumps(content))

    def write_plain(self, key: str, path: Path, random: Random) -> dict[str, Any]:
        """Write a usual file of this format, and return the keys of [data] that it needs."""
        ending = path.name.removeprefix("file")
        if key == "mesh":
            xi = np.linspace(-20, 20, 161)
            cells = {"line": np.stack([np.arange(160), np.arange(1, 161)], axis=1)}
            points = np.stack([xi, 0 * xi, 0 * xi], axis=1)
            options = {"file_format": random.choice(["gmsh", "gmsh22"])} if ending == ".msh" else {}
            with redirect_stderr(io.StringIO()):
                meshio.Mesh(points, cells).write(path, **options)
        elif ending == ".nc":
            shutil.copy(self.folder / "right.nc", path)
            if random.random() < 0.5:
                with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
                    data.load()
                data.to_netcdf(path, format="NETCDF3_CLASSIC", engine="scipy")
        elif key == "density":
            {".npy": np.save, ".npz": np.savez, ".csv": np.savetxt}[ending](path, 1 - np.linspace(-1, 1, 21) ** 2)
        elif f"a{ending}" in WRITERS:
            WRITERS[f"a{ending}"](path)
            return NEEDED.get(ending, {})
        else:
            return odd_files.WRITERS[ending](path, random)[0]
        return {}

    def judge(self, number: int) -> Verdict:
        random = Random(number)
        key = random.choice(["data", "data", "data", *KEYS])
        ending = random.choice(KEYS[key])
        path = self.folder / f"file{ending}"
        for leftover in self.folder.glob("file*"):
            shutil.rmtree(leftover) if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()
        keys, expected = NEEDED.get(ending, {}) if key == "data" else {}, None
        match random.choice(["odd", "odd", "damaged", "damaged", "hostile"]):
            case "odd" if key == "data" and ending in odd_files.WRITERS:
                keys, values = odd_files.WRITERS[ending](path, random)
                expected = values[..., None]
                what = f"odd {keys}"
            case "hostile":
                places = odd_places(path)
                what = random.choice([*HOSTILE, *places])
                if what in HOSTILE:
                    path.write_bytes(hostile(what))
                else:
                    places[what]()
            case _:
                keys = self.write_plain(key, path, random)
                plain = path.read_bytes()
                if key == "data" and ending in CHECKED:
                    expected = files.read(path)
                path.write_bytes(damaged(plain, np.random.default_rng(number)))
                what = "damaged"
        self.write_run_file(key, path, keys)
        answer, found, printed = self.answer(key, path)
        outcome = {0: "read", 2: "refused"}.get(answer.returncode, f"exit code {answer.returncode}")
        failure = self._failure(answer, found, printed, path, expected)
        if not failure and what.startswith("odd") and answer.returncode != 0:
            failure = f"refuses a valid file: {answer.stderr}"
        return Verdict(outcome, f"{key} = file{ending}, {what}: {failure}" if failure else "")

    def answer(self, key: str, path: Path) -> tuple[Answer, np.ndarray | None, str]:
        """Return the answer of the command, the values that it read if they are samples, and what else was printed."""
        found = None
        with limits() as printed:
            if key == "--error":
                answer = attempt("kappa", self.run_file, "--out", self.out, "--error", path, "--overwrite", "-q")
            else:
                answer = attempt("check", self.run_file)
            if key == "data" and answer.returncode == 0:
                found = build(load(self.run_file)).samples.values
        return answer, found, printed[0]

    def _failure(
        self, answer: Answer, found: np.ndarray | None, printed: str, path: Path, expected: np.ndarray | None
    ) -> str:
        if failure := fault(answer):
            return failure
        if printed.strip():
            return f"prints {printed[:500]}"
        if (self.folder / "EXECUTED").exists() or Path("EXECUTED").exists():
            return "executes a command"
        if answer.returncode == 2 and path.name not in answer.stderr:
            return f"does not name the file: {answer.stderr}"
        if found is None:
            return ""
        if expected is None:
            return "" if np.isfinite(found).all() else "values that are not finite"
        wanted = np.moveaxis(expected.astype(float), -1, 0).reshape(found.shape[0], -1)
        return "" if np.array_equal(found, wanted) else f"reads {found.ravel()[:9]}, not {wanted.ravel()[:9]}"


def run(first: int, count: int) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return judge_all("data files", Bench(Path(folder)).judge, first, count)
