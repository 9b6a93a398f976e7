"""The rooms' arrows: who may import whom, what each room stays free of, and what none of them does."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Of our own rooms, what each may import.
ALLOWED = {
    "problem": set(),
    "numerics": {"problem"},
    "runtime": set(),
    "meshes": {"problem"},
    "pde": {"problem", "numerics", "runtime", "meshes"},
    "nn": {"problem", "numerics", "runtime"},
    "compare": {"problem", "numerics", "runtime", "meshes", "pde", "nn"},
}
FORBIDDEN = {
    "problem": {"torch", "dolfinx", "petsc4py", "mpi4py"},
    "numerics": {"torch", "dolfinx", "petsc4py", "mpi4py"},
    "runtime": {"dolfinx", "petsc4py"},  # and torch only under torchrun, as mpi4py only under mpirun
    "meshes": {"torch"},
    "pde": {"torch", "pytorch_finufft"},
    "nn": {"dolfinx", "ufl", "basix", "petsc4py", "mpi4py"},
    "compare": set(),
}
HEAVY = ("torch", "dolfinx", "petsc4py", "mpi4py", "matplotlib", "scipy.stats", "xarray", "pyvista")
PICKLE = {"runtime/root.py"}  # for what one rank sends another
MOST_LINES = 300


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


SOURCES = [path for room in ALLOWED for path in files(room)]
each_file = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


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
            found += [(name, "") for name in named(node.args[0], package, tree)]
    return found


def named(target: ast.expr, package: tuple[str, ...], tree: ast.Module) -> list[str]:
    """What import_module imports: a fixed name, the entries of a table in the file, or f"{__name__}.name" in the
    package itself; anything else is "?"."""
    if isinstance(target, ast.Constant):
        return [str(target.value)]
    if isinstance(target, ast.Subscript):
        tables = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
        table = tables.get(ast.unparse(target.value))
        return list(ast.literal_eval(table).values()) if isinstance(table, ast.Dict) else ["?"]
    own = isinstance(target, ast.JoinedStr) and ast.unparse(target).startswith(("f'{__name__}.", 'f"{__name__}.'))
    return [".".join(package)] if own else ["?"]


def imports_of(path: Path) -> list[tuple[str, str]]:
    return imports(path.read_text(encoding="utf-8"), path.relative_to(ROOT).parent.parts)


def outside(path: Path) -> set[str]:
    return {module.split(".")[0] for module, _ in imports_of(path)}


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
        ("import_module(f'{__name__}.forms')", ("pde", "")),
        ("import_module(f'{name}.forms')", ("?", "")),
        ("H = {'f': 'dolfinx.fem'}\nimport_module(H[name])", ("dolfinx.fem", "")),
        ("__import__(name)", ("?", "")),
    ],
)
def test_every_way_to_import_is_seen(line, expected):
    assert imports(line, ("pde",)) == [expected]


def test_the_rooms_are_those():
    """A new room needs its line in the tables above."""
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert rooms == ALLOWED.keys() == FORBIDDEN.keys()
    assert all(len(files(room)) > 1 for room in rooms)


@each_file
def test_nobody_imports_upwards(path):
    room = path.relative_to(ROOT).parts[0]
    assert outside(path) & {*ALLOWED, "tests"} <= ALLOWED[room] | {room}
    assert room == "compare" or "?" not in outside(path)  # compare may import all rooms, by any name


@each_file
def test_rooms_stay_free_of_each_others_libraries(path):
    assert not outside(path) & FORBIDDEN[path.relative_to(ROOT).parts[0]]


@each_file
def test_torch_nn_is_never_called_nn(path):
    """nn is a room."""
    assert ("torch.nn", "nn") not in imports_of(path)


@each_file
def test_nothing_read_is_ever_run(path):
    """No pickle, eval or exec, nor what loads by way of them."""
    here = path.relative_to(ROOT).as_posix()
    if here not in PICKLE:
        assert not outside(path) & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
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
    assert not outside(ROOT / "tests" / "oracle.py") & {*ALLOWED, "tests"}


@pytest.mark.parametrize(
    "modules",
    [list(ALLOWED), ["freqbias.compare.commands.app", "freqbias.pde.cli", "freqbias.nn.cli"]],
    ids=["rooms", "commands"],
)
def test_importing_is_light(modules):
    """So that --help answers at once."""
    code = f"import sys, {', '.join(modules)}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
