"""Neurons sharded over processes: equal training to rounding, under mpirun and torchrun, also after a stop and a resume
on another number of processes."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from freqbias import nn
from freqbias import problem as statement
from freqbias.nn import sharding
from freqbias.nn.network import StateLayout
from freqbias.nn.sharding import DistributedShards, Shards
from freqbias.problem import ErrorHistory
from tests import launch
from tests.interrupted import here

pytestmark = pytest.mark.xdist_group("ranks")

TORCHRUN = [str(Path(sys.executable).parent / "torchrun"), "--standalone", "--nproc-per-node"]
RUN = """
[density]
kind = "gaussian"
sigma = 6.0
[data]
kind = "waves"
dimension = 2
points = 12
frequencies = [[3.0, 1.0], [5.0, -2.0]]
window = 0.2
[network]
width = 101         # odd: two processes cannot share it evenly
sigma_a = 1.0
symmetric = false
[time]
end = 20.0
outputs = 4
[training]
precision = "double"
step = {step}
checkpoint = 0.0
"""
STOPPED = """
    import sys
    from pathlib import Path
    from freqbias import problem
    from freqbias.nn.run import run_nn
    from freqbias.errors import StoppedEarly
    from freqbias.runtime import StopRequest, Store, rank, size

    class AtTheSeventhStep(StopRequest):
        asked = 0
        def requested(self, comm=None):
            self.asked += rank() == size() - 1  # one process gets the request, and all stop
            if self.asked > 6:
                self._reason = "enough"
            return super().requested(comm)

    run = problem.load(Path(sys.argv[1]))
    try:
        run_nn(run, problem.build(run), Store(Path(sys.argv[2])), resume="--resume" in sys.argv, overwrite=False,
                  stop=AtTheSeventhStep(), shard=True)
    except StoppedEarly:
        sys.stdout.write("stopped\\n")
"""


@pytest.mark.parametrize(("width", "size"), [(101, 3), (7, 5), (1, 4), (12, 1)])
def test_the_slices_of_all_processes_are_the_neurons_once(width, size):
    shards = Shards()
    shards.comm = SimpleNamespace(rank=0, size=size)
    slices = [shards.local_slice(width, rank) for rank in range(size)]
    assert [neuron for each in slices for neuron in range(*each.indices(width))] == list(range(width))
    assert max(each.stop - each.start for each in slices) <= -(-width // size)


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.toml"
    path.write_text(RUN.format(step=0.5))
    return path


@pytest.fixture(scope="module")
def on_two(run_file):
    """The folder and the outcome of each run. All use one start of two processes, which costs more than they do."""
    folder = run_file.parent
    wild = {"sigma_a = 1.0": "sigma_a = 3.0", "width = 101": "width = 102", "symmetric = false": "symmetric = true",
            "step = 0.5": 'step = 5.0\nintegrator = "gradient-descent"'}  # fmt: skip
    changes = {"run": {}, "wild": wild, "few": {"width = 101": "width = 1"}}
    for name, changed in changes.items():
        text = run_file.read_text()
        for old, new in changed.items():
            assert old in text
            text = text.replace(old, new)
        (folder / f"{name}.toml").write_text(text)
    commands = [["nn", folder / f"{name}.toml", "--out", folder / name, "-q", "--shard"] for name in changes]
    return folder, dict(zip(changes, launch.run_all(commands, ranks=2), strict=True))


@pytest.fixture(scope="module")
def alone(run_file):
    run = statement.load(run_file)
    return nn.train(statement.build(run), run.training)


def assert_equal_to_rounding(one: ErrorHistory, other: ErrorHistory) -> None:
    assert np.abs(one.error - other.error).max() <= 1e-13 * np.abs(other.error[0]).max()
    np.testing.assert_allclose(one.loss, other.loss, rtol=1e-13)


def test_sharded_equals_one_process(on_two, alone):
    folder, answers = on_two
    assert answers["run"].returncode == 0, answers["run"].stderr
    assert_equal_to_rounding(ErrorHistory.load(folder / "run" / "nn" / "error.nc"), alone)


def top_level_names(path: Path) -> set[str]:
    """The names that a module imports at its top level."""
    found = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {f"{getattr(node, 'module', None) or ''}.{each.name}".lstrip(".") for node in found for each in node.names}


def test_torch_distributed_is_for_shards_only():
    """Also by way of `freqbias.runtime`, whose names TORCH_TIMEOUT and torch_backend import it."""
    lazy = {"torch.distributed", "freqbias.runtime.TORCH_TIMEOUT", "freqbias.runtime.torch_backend"}
    for path in Path(nn.__file__).parent.glob("*.py"):
        assert not lazy & top_level_names(path), path
    assert "freqbias.runtime.world" in top_level_names(Path(sharding.__file__))


def torchrun_command(*words: object, ranks: int) -> list[str]:
    """The command line of `torchrun ...`, in place of `launch.command`."""
    return [*TORCHRUN, str(ranks), *map(str, words)]


def test_stop_and_resume_on_another_number_of_processes(tmp_path, monkeypatch):
    """On two processes under mpirun, then on one, then on two processes under torchrun."""
    run_file = tmp_path / "run.toml"  # a diagonal layer, adam's memory and the error held out are shared out too
    training = '[training]\nintegrator = "adam"\nrates = { frequencies = 0.3, hidden = 2.0 }'
    text = RUN.format(step=0.5).replace("[training]", training).replace("end = 20", "end = 8")
    run_file.write_text(text.replace("[network]", "held_out = 0.1\n[network]\ndiagonal = true"))
    run = statement.load(run_file)
    alone = nn.train(statement.build(run), run.training)
    for ranks, flags in ((2, []), (1, ["--resume"])):
        done = launch.run_together(STOPPED, run_file, tmp_path, *flags, ranks=ranks)
        assert done.stdout.split() == ["stopped"] * ranks, done.stderr
        assert sorted(path.name for path in (tmp_path / "nn.partial/parts").glob("state-*")) == [
            "state-0.safetensors", "state-1.safetensors",
        ]  # fmt: skip
    monkeypatch.setattr(launch, "command", torchrun_command)
    done = launch.run("-m", "freqbias.nn", run_file, "--out", tmp_path, "-q", "--shard", "--resume", ranks=2)
    assert done.returncode == 0, done.stderr
    history = ErrorHistory.load(tmp_path / "nn" / "error.nc")
    for found, expected in ((history.error, alone.error), (history.held_out_error, alone.held_out_error)):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected[0]).max())


def test_divergence_ends_all_processes(on_two):
    folder, answers = on_two
    done, wild = answers["wild"], folder / "wild.toml"
    assert done.returncode == 3 and done.stderr.count("training diverged at step") == 1, done.stderr
    wild.write_text(wild.read_text().replace("step = 5.0", "step = 0.05"))
    here("nn", wild, "--out", folder / "wild", "--resume")
    resumed = ErrorHistory.load(folder / "wild" / "nn" / "error.nc")
    assert resumed.loss[-1] < resumed.loss[0]


def test_too_few_neurons_are_refused(on_two):
    folder, answers = on_two
    done = answers["few"]
    assert done.returncode == 2 and done.stderr.count("width = 1: 2 processes") == 1, done.stderr
    assert not (folder / "few").exists()


def test_fraction_of_neurons_on_a_device(monkeypatch):
    """12 processes, 6 of them on this machine with 4 GPUs. They all share the CPU's memory."""
    monkeypatch.setattr("freqbias.nn.sharding.size", lambda: 12)
    monkeypatch.setattr("freqbias.nn.sharding.local_size", lambda: 6)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    shards = object.__new__(DistributedShards)
    assert shards.fraction_on(torch.device("cpu")) == 0.5
    assert shards.fraction_on(torch.device("cuda", 1)) == 2 / 12
    assert Shards().fraction_on(torch.device("cuda", 1)) == 1.0


def test_floating_point_error_reaches_all():
    code = """
        import sys, torch
        from freqbias.nn.sharding import make_shards
        from freqbias.runtime import rank
        def part():
            if rank() == 1:
                raise FloatingPointError("here")
            return torch.ones(3)
        shards = make_shards()
        assert shards.all_reduce(lambda: torch.full((3,), rank() + 1.0), torch.ones(3)).tolist() == [3.0] * 3
        try:
            shards.all_reduce(part, torch.ones(3))
        except FloatingPointError:
            sys.stdout.write("raised\\n")
    """
    done = launch.run_together(code, ranks=2)
    assert done.stdout.split() == ["raised"] * 2, done.stderr


def test_training_does_not_import_the_compiler():
    """`check` times two steps of a training. The import took longer than everything else.

    The test's own process may have imported the compiler with torch.optim, so this runs where no test imports it.
    """
    code = """
        import sys, torch
        from freqbias.nn.optimisers import make_optimiser
        from freqbias.problem import Training
        for keys in ({"integrator": "momentum"}, {"integrator": "sgd", "batch": 2}, {"integrator": "adam"}):
            stepper, state = make_optimiser(Training(step=0.1, **keys)).make_stepper(), torch.ones(3)
            stepper.advance(None, state, 0.1, state)
            stepper.advance(None, state, 0.1, state)
        sys.stdout.write(f"{'torch._dynamo' in sys.modules}\\n")
    """
    done = launch.run_together(code, ranks=2)
    assert (done.returncode, done.stdout) == (0, "False\n" * 2), done.stderr


@pytest.mark.parametrize("more", [0, 2], ids=["plain", "with a diagonal layer"])
def test_rows_of_the_state(more):
    whole, part, state = StateLayout(5, 3, 2), StateLayout(2, 3, 2), torch.arange(40.0 + 5 * more, dtype=torch.float64)
    rows = whole.rows(state)
    torch.testing.assert_close(whole.from_rows(rows), state)
    sliced = part.from_rows(rows[:, 1:3])
    torch.testing.assert_close(sliced[part.size :], state[whole.size :].view(5, more)[1:3].flatten())
    (amplitudes, frequencies), some = whole.split(state[: whole.size]), part.split(sliced[: part.size])
    torch.testing.assert_close(some[0], amplitudes[:, 1:3])
    torch.testing.assert_close(some[1], frequencies[:, 1:3])
