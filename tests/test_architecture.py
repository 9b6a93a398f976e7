"""The rooms' arrows: who may import whom, what each room stays free of, and what none of them does."""

import ast
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.each import check_each

ROOT = Path(__file__).parents[1]

# What each room may import of the others
ALLOWED = {
    "numerics": set(),
    "problem": {"numerics"},
    "runtime": set(),
    "meshes": {"problem", "numerics"},
    "pde": {"problem", "numerics", "runtime", "meshes"},
    "nn": {"problem", "numerics", "runtime"},
    "compare": {"problem", "numerics", "runtime", "meshes", "pde", "nn"},
}
SHARED = {"errors", "libraries", "libmpi"}  # of src/freqbias, for all
FORBIDDEN = {
    "problem": {"torch", "dolfinx", "petsc4py", "mpi4py"},
    "numerics": {"torch", "dolfinx", "petsc4py", "mpi4py"},
    "runtime": {"dolfinx", "petsc4py"},  # torch only under torchrun, mpi4py only under mpirun
    "meshes": {"torch"},
    "pde": {"torch", "pytorch_finufft"},
    "nn": {"dolfinx", "ufl", "basix", "petsc4py", "mpi4py"},
    "compare": set(),
}
TRANSFORMS = {"finufft", "cufinufft"}  # only behind the seams of numerics and, on a GPU, of nn
HEAVY = ("torch", "dolfinx", "petsc4py", "mpi4py", "matplotlib", "scipy.stats", "xarray", "pyvista")
PICKLE = {"runtime/collective.py"}  # for what one rank sends another
MOST_LINES = 300


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))  # follows no links: src/freqbias has its own files alone


SOURCES = [path for room in ("src/freqbias", *ALLOWED) for path in files(room)]


def each_file(check: Callable[[Path], None]) -> Callable[[], None]:
    """Make a test that calls check(path) for the source files of all rooms."""

    def test() -> None:
        check_each(check, SOURCES, lambda path: str(path.relative_to(ROOT)))

    test.__doc__ = check.__doc__
    return test


def imports(source: str, package: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Every import in the source of a module of this package: what is imported, in full, and the name bound to it."""
    found, tree = [], ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, alias.asname or alias.name.split(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            found += [(f"{module}.{alias.name}", alias.asname or alias.name) for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            target = node.args[0]
            found.append((str(target.value) if isinstance(target, ast.Constant) else "?", ""))
    return found


def package_of(path: Path) -> tuple[str, ...]:
    """("freqbias", "compare", "kappa") for compare/kappa/rates.py."""
    folder = path.relative_to(ROOT).parent.parts
    return folder[1:] if folder[0] == "src" else ("freqbias", *folder)


@cache
def imports_of(path: Path) -> list[tuple[str, str]]:
    return imports(path.read_text(encoding="utf-8"), package_of(path))


def top_level(path: Path) -> set[str]:
    """What a file imports, by the first part of its name."""
    return {module.split(".")[0] for module, _ in imports_of(path)}


def rooms_of(path: Path) -> set[str]:
    """Which rooms, or `errors`, a file imports from."""
    return {module.split(".")[1] for module, _ in imports_of(path) if module.startswith("freqbias.")}


def folder_of(package: str) -> Path:
    """The folder of a package; of freqbias itself, that with its own files."""
    return ROOT.joinpath(*package.split(".")[1:]) if "." in package else ROOT / "src" / "freqbias"


@cache
def face(package: str) -> dict[str, str]:
    """The public names of a package, by its stub, each with the module that the stub takes it from."""
    stub = folder_of(package) / "__init__.pyi"
    if not stub.is_file():
        return {}
    names = imports(stub.read_text(encoding="utf-8"), tuple(package.split(".")))
    return {bound: module.removesuffix(f".{bound}") for module, bound in names}


def module_of(imported: str) -> str:
    """The module that an import of ours runs: that which defines the name, behind all faces."""
    package, _, name = imported.rpartition(".")
    while package != (home := face(package).get(name, package)):
        package = home
    return f"{package}.{name}" if (folder_of(package) / f"{name}.py").is_file() else package


def graph() -> dict[str, set[str]]:
    """Each module of ours with those it imports, at its top or within a function."""
    modules = {".".join([*package_of(path), path.stem]): path for path in SOURCES if path.stem != "__init__"}
    found = {}
    for module, path in modules.items():
        ours = {module_of(name) for name, _ in imports_of(path) if name.startswith("freqbias.")}
        found[module] = ours & modules.keys()
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import torch.nn", ("torch.nn", "torch")),
        ("import torch.nn as nn", ("torch.nn", "nn")),
        ("from torch import nn", ("torch.nn", "nn")),
        ("def f():\n    from dolfinx.fem import form as g", ("dolfinx.fem.form", "g")),
        ("from . import forms", ("freqbias.pde.forms", "forms")),
        ("from .forms import A", ("freqbias.pde.forms.A", "A")),
        ("importlib.import_module('torch')", ("torch", "")),
        ("import_module(name)", ("?", "")),
        ("__import__(name)", ("?", "")),
    ],
)
def test_every_way_to_import_is_seen(line, expected):
    assert imports(line, ("freqbias", "pde")) == [expected]


def test_names_are_traced_through_faces():
    assert module_of("freqbias.pde.solve") == "freqbias.pde.solver"
    assert module_of("freqbias.pde.forms.lagrange") == "freqbias.pde.forms"
    assert module_of("freqbias.compare.mean_rate") == "freqbias.compare.kappa.estimators"


def test_rooms_have_their_tables():
    """A new room needs its line in the tables above."""
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert rooms == ALLOWED.keys() == FORBIDDEN.keys()
    assert all(len(files(room)) > 1 for room in rooms)


@each_file
def test_nobody_imports_upwards(path):
    room = path.relative_to(ROOT).parts[0]
    allowed = {"problem", "runtime"} if room == "src" else ALLOWED[room] | {room}
    if path.name == "runs.py":  # it ties the rooms together, as the command does
        allowed = allowed | {"compare", "files"}
    assert rooms_of(path) <= allowed | SHARED
    assert not top_level(path) & {*ALLOWED, "tests"}


@each_file
def test_rooms_are_entered_by_their_face(path):
    """A room imports the names that another offers, never its inner modules."""
    package = ".".join(package_of(path))
    for imported, _ in imports_of(path):
        if not imported.startswith("freqbias.") or imported.split(".")[1] in SHARED:
            continue
        home, _, name = imported.rpartition(".")
        if home not in (package, "freqbias") and not home.startswith(f"{package}."):
            assert name in face(home), imported


def test_there_are_no_circles():
    TopologicalSorter(graph()).prepare()  # raises CycleError, which names the circle


@each_file
def test_rooms_stay_free_of_each_others_libraries(path):
    room = path.relative_to(ROOT).parts[0]
    assert not top_level(path) & FORBIDDEN.get(room, set())
    assert not top_level(path) & TRANSFORMS or room == "numerics" or path == ROOT / "nn" / "gpu_nufft.py"


@each_file
def test_torch_nn_is_never_called_nn(path):
    """nn is a room."""
    assert ("torch.nn", "nn") not in imports_of(path)


@each_file
def test_nothing_read_is_ever_run(path):
    """No pickle, eval or exec, nor what loads by way of them."""
    here = path.relative_to(ROOT).as_posix()
    if here not in PICKLE:
        assert not top_level(path) & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "compile", "torch.load", "torch.save"), f"{here}:{node.lineno}"
            for keyword in node.keywords:
                loads = keyword.arg == "allow_pickle" and getattr(keyword.value, "value", None) is not False
                assert not loads, f"{here}:{node.lineno}"


@each_file
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < MOST_LINES


def test_the_oracle_shares_nothing_with_what_it_judges():
    assert not top_level(ROOT / "tests" / "oracle.py") & {"freqbias", "tests"}


@pytest.mark.parametrize(
    "modules",
    [
        [f"freqbias.{room}" for room in ALLOWED],
        ["freqbias.compare.commands.app", "freqbias.pde.cli", "freqbias.nn.cli"],
    ],
    ids=["rooms", "commands"],
)
def test_importing_is_light(modules):
    """So that --help answers at once."""
    code = f"import sys, {', '.join(modules)}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
