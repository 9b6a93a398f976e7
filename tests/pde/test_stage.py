"""The stage pde: a run that is stopped at any step and resumed gives the same result, with every step counted once."""

from functools import cache

import numpy as np
import pytest

from freqbias.errors import StoppedEarly
from freqbias.pde import stage
from freqbias.pde.stage import run_pde
from freqbias.problem import Mesh, Spectrum, build, parse, resolved
from freqbias.runtime import Progress, StopRequest, Store
from tests import launch

pytestmark = pytest.mark.xdist_group("ranks")


class StopAt(StopRequest):
    """A stop request that begins at the n-th check."""

    def __init__(self, look):
        super().__init__()
        self.looks, self.look = 0, look

    def requested(self, comm=None):
        self.looks += 1
        return self.looks >= self.look


def run_of(integrator, operator):
    tolerance = 1e-4 if integrator == "adaptive" else 1e-2  # small enough for more than nine steps
    times = [1.0, 5.0, 20.0, 60.0]
    if integrator in {"crank-nicolson", "backward-euler"}:  # an earlier time would make thousands of steps
        times = [20.0, 60.0]
    return parse(
        {
            "density": {"kind": "gaussian", "sigma": 6.0},
            "data": {"kind": "waves", "dimension": 1, "points": 96, "frequencies": [[3.0], [8.0]], "window": 0.1},
            "network": {"width": 2, "sigma_a": 1.0},
            "time": {"times": times},
            "pde": {"integrator": integrator, "operator": operator, "tolerance": tolerance},
        }
    )


CASES = [
    ("crank-nicolson", "local"),
    ("backward-euler", "local"),
    ("adaptive", "local"),
    ("adaptive", "data"),
    ("lanczos", "local"),
    ("lanczos", "data"),
]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The spectrum of each case, and the number of times it looked for a stop request."""

    @cache
    def spectrum(integrator, operator):
        run, folder, counting = run_of(integrator, operator), tmp_path_factory.mktemp("whole"), StopAt(10**9)
        run_pde(run, build(run), Store(folder), resume=False, overwrite=False, stop=counting)
        return Spectrum.load(folder / "pde" / "spectrum.nc"), counting.looks

    return spectrum


@pytest.mark.parametrize("integrator, operator", CASES)
@pytest.mark.parametrize("look", [1, 9])
def test_stop_and_resume(integrator, operator, look, tmp_path, uninterrupted):
    run = run_of(integrator, operator)
    problem, (whole, _) = build(run), uninterrupted(integrator, operator)
    interrupted = Store(tmp_path)
    with pytest.raises(StoppedEarly, match="--resume"):
        run_pde(run, problem, interrupted, resume=False, overwrite=False, stop=StopAt(look))
    assert not (interrupted.root / "pde").exists()
    run_pde(run, problem, interrupted, resume=True, overwrite=False, stop=StopRequest())
    resumed = Spectrum.load(tmp_path / "pde" / "spectrum.nc")
    np.testing.assert_array_equal(resumed.error, whole.error)
    assert resumed.attributes["steps"] == whole.attributes["steps"]


@pytest.mark.parametrize("operator", ["data", "local"])
def test_late_signal_keeps_the_result(operator, tmp_path, uninterrupted):
    """A signal after the last product stops nothing: the result is written."""
    run, (_, looks) = run_of("lanczos", operator), uninterrupted("lanczos", operator)
    run_pde(run, build(run), Store(tmp_path), resume=False, overwrite=False, stop=StopAt(looks + 1))
    steps = Spectrum.load(tmp_path / "pde" / "spectrum.nc").attributes["steps"]
    assert looks == steps, "one check per product, none after"


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("operator", ["data", "local"])
def test_lanczos_resumes_from_its_basis(operator, ranks, tmp_path, uninterrupted):
    """On one rank, whatever number of ranks it was stopped on. Half of the products are not repeated."""
    run = run_of("lanczos", operator)
    (tmp_path / "run.toml").write_text(resolved(run))
    expected, _ = uninterrupted("lanczos", operator)
    kept = expected.attributes["steps"] // 2
    if ranks == 1:
        with pytest.raises(StoppedEarly):
            run_pde(run, build(run), Store(tmp_path / "part"), resume=False, overwrite=False, stop=StopAt(kept + 1))
    else:
        stop_at(kept + 1, tmp_path / "run.toml", tmp_path / "part", ranks=ranks)
    counting = StopAt(10**9)
    run_pde(run, build(run), Store(tmp_path / "part"), resume=True, overwrite=False, stop=counting)
    resumed = Spectrum.load(tmp_path / "part" / "pde" / "spectrum.nc")
    assert counting.looks == expected.attributes["steps"] - kept  # one check per product
    assert resumed.attributes["steps"] == expected.attributes["steps"]
    rounding = 0.0 if ranks == 1 else 1e-10 * np.abs(expected.error).max()
    np.testing.assert_allclose(resumed.error, expected.error, rtol=0, atol=rounding)


@pytest.mark.parametrize("operator", ["data", "local"])
def test_lanczos_resumes_to_the_last_bit_on_two_ranks(operator, tmp_path):
    (tmp_path / "run.toml").write_text(resolved(run_of("lanczos", operator)))
    resuming = """
        import sys
        from pathlib import Path
        from freqbias.errors import StoppedEarly
        from freqbias.problem import build, load
        from freqbias.pde.stage import run_pde
        from freqbias.runtime import StopRequest, Store
        from tests.pde.test_stage import StopAt

        folder = Path(sys.argv[1])
        run = load(folder / "run.toml")
        for out, stop in (("whole", StopRequest()), ("part", StopAt(8)), ("part", StopRequest())):
            try:
                run_pde(run, build(run), Store(folder / out), resume=True, overwrite=False, stop=stop)
            except StoppedEarly:
                assert isinstance(stop, StopAt)
    """
    done = launch.run_together(resuming, tmp_path, ranks=2)
    assert done.returncode == 0, done.stderr
    whole, resumed = (Spectrum.load(tmp_path / name / "pde" / "spectrum.nc") for name in ("whole", "part"))
    np.testing.assert_array_equal(resumed.error, whole.error)


def stop_at(look, run_file, out, *, ranks):
    """Run the stage, or continue it, on this many ranks, and stop it at the n-th look. Returns what it printed."""
    stopping = """
        import sys
        from pathlib import Path
        from freqbias.problem import build, load
        from freqbias.pde.stage import run_pde
        from freqbias.runtime import Store, configure, exit_code_of
        from tests.pde.test_stage import StopAt

        configure()
        run = load(Path(sys.argv[1]))
        flags = {"resume": True, "overwrite": False, "stop": StopAt(int(sys.argv[3]))}
        sys.exit(exit_code_of(lambda: run_pde(run, build(run), Store(Path(sys.argv[2])), **flags)))
    """
    done = launch.run_together(stopping, run_file, out, look, ranks=ranks)
    assert done.returncode == 75, done.stderr
    return done.stderr


def test_refined_run_restarts_on_resume(tmp_path, caplog):
    run = run_of("lanczos", "local")
    run = run.model_copy(update={"mesh": Mesh(adaptive=True)})
    with pytest.raises(StoppedEarly):
        run_pde(run, build(run), Store(tmp_path), resume=False, overwrite=False, stop=StopAt(3))
    assert "cannot be continued" not in caplog.text
    with caplog.at_level("INFO", "freqbias"):
        run_pde(run, build(run), Store(tmp_path), resume=True, overwrite=False, stop=StopRequest())
    message = "[mesh] adaptive = true: an adaptive run cannot be continued, so it starts again"
    assert caplog.text.count(message) == 1
    assert Spectrum.load(tmp_path / "pde" / "spectrum.nc").attributes["mesh_error"] <= run.pde.tolerance / 2


def test_fields_of_a_killed_command_are_gone(tmp_path):
    """It may have written other parts, on another number of ranks."""
    run, store = run_of("lanczos", "local"), Store(tmp_path / "out")
    with StopAt(9) as stop, pytest.raises(StoppedEarly):
        run_pde(run, build(run), store, resume=False, overwrite=False, stop=stop)
    (tmp_path / "out" / "pde.partial" / "fields_000001_2.vtu").write_text("of rank 2")
    with StopRequest() as stop:
        run_pde(run, build(run), store, resume=True, overwrite=False, stop=stop)
    assert sorted(path.name for path in (tmp_path / "out" / "pde").glob("fields*")) == [
        "fields.pvd", *(f"fields_{index:06d}.vtu" for index in range(5))
    ]  # fmt: skip


@pytest.mark.parametrize("integrator", ["crank-nicolson", "lanczos"])
def test_progress_counts_the_output_times_after_the_start(integrator, tmp_path, monkeypatch):
    """Lanczos computes all of them from one basis, so the first says nothing of the time that is left."""
    shown = []

    class Watched(Progress):
        def __exit__(self, *failure):
            shown.append((self.done, self.total, "left" in self._text(self._started + 1.0)))
            super().__exit__(*failure)

    monkeypatch.setattr(stage, "Progress", Watched)
    run = run_of(integrator, "local")
    with StopRequest() as stop:
        run_pde(run, build(run), Store(tmp_path / "out"), resume=False, overwrite=False, stop=stop)
    count = len(build(run).times) - 1
    assert shown == [(count, count, integrator == "crank-nicolson")]
