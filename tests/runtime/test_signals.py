"""Stopping at a safe point, by signals and by the wall time."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from freqbias.errors import StoppedEarly, UsageError
from freqbias.runtime import StopRequest, parse_walltime
from tests.launch import descendants, run_code, start, start_code
from tests.problem.run_files import table


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("01:30:00", 5400),
        ("1-12:00:00", 129600),
        ("3600", 3600),
        ("0.5h", 1800),
        ("2d", 172800),
        (" 1H ", 3600),
    ],
)
def test_parse_walltime(text, seconds):
    assert parse_walltime(text) == seconds


@given(st.integers(0, 50), st.integers(0, 59), st.integers(0, 59))
def test_equivalent_wall_times(hours, minutes, seconds):
    total = 3600 * hours + 60 * minutes + seconds
    forms = f"{hours}h{minutes}m{seconds}s", f"{hours:02d}:{minutes:02d}:{seconds:02d}", str(total)
    for form in forms:
        if total > 0:
            assert parse_walltime(form) == total
        else:
            with pytest.raises(UsageError):
                parse_walltime(form)


@given(st.text(max_size=8))
def test_any_text_as_wall_time(text):
    try:
        assert 0 < parse_walltime(text) < float("inf")
    except UsageError as error:
        assert repr(text) in str(error)


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "-5", "1h 30m", "30m1h", "01:60:00", "1:30", "nan", "inf", "1e3", "9" * 400]
)
def test_invalid_wall_times(text):
    with pytest.raises(UsageError, match="not a positive time"):
        parse_walltime(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signal_requests_a_stop(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert not stop.requested()
        stop.check()
        os.kill(os.getpid(), number)
        assert stop.requested()
        with pytest.raises(StoppedEarly, match=rf"received {number.name}.*--resume") as caught:
            stop.check()
        assert caught.value.exit_code == 75
    assert signal.getsignal(number) == before


def test_second_interrupt_is_immediate():
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


def test_wall_time_requests_a_stop():
    stop = StopRequest(max_walltime=0.2)
    assert not stop.requested()
    time.sleep(0.25)
    expected = r"wall time of 0\.2 s is used up; to continue, run the same command with --resume"
    with pytest.raises(StoppedEarly, match=expected):
        stop.check()
    with pytest.raises(StoppedEarly, match="used up; to continue, run this"):
        StopRequest(max_walltime=0, resume_command="this").check()
    assert not StopRequest().requested()


def test_second_install():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as a library may do
        stop.install()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested()
    assert signal.getsignal(signal.SIGTERM) == before


def test_stop_request_in_another_thread():
    seen = []

    def work():
        with StopRequest(max_walltime=1e-9) as stop:
            seen.append(stop.requested())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


def test_install_after_petsc():
    pytest.importorskip("petsc4py")
    code = """
        import os, signal
        from freqbias.runtime import StopRequest
        with StopRequest() as stop:
            from mpi4py import MPI
            import petsc4py
            petsc4py.init()
            from petsc4py import PETSc
            stop.install()
            os.kill(os.getpid(), signal.SIGTERM)
            print(stop.requested())
    """
    done = run_code(code)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_signal_on_one_rank_stops_all():
    code = """
        import os, signal, sys
        from freqbias.runtime import StopRequest, rank, world
        with StopRequest() as stop:
            assert not stop.requested(world())
            if rank() == 1:
                os.kill(os.getpid(), signal.SIGUSR1)
            alone, together = stop.requested(), stop.requested(world())
            sys.stdout.write(f"{rank()} {alone} {together} {stop._reason}\\n")
    """
    done = run_code(code, ranks=3)
    assert sorted(done.stdout.splitlines()) == [
        "0 False True received SIGUSR1",
        "1 True True received SIGUSR1",
        "2 False True received SIGUSR1",
    ], done.stderr


def test_broken_pipe_after_petsc():
    """PETSc's handler of SIGPIPE aborts: `freqbias ... | head -1` would end within a stage."""
    code = """
        from mpi4py import MPI
        from petsc4py import PETSc
        import os
        from freqbias.runtime import StopRequest
        PETSc.Vec().createSeq(1)
        StopRequest().install()
        reading, writing = os.pipe()
        os.close(reading)
        try:
            os.write(writing, b"x")
        except BrokenPipeError:
            print("alive")
        """
    done = run_code(code)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_signal_during_the_agreement_is_not_lost():
    """The ranks have exchanged their reasons when the signal comes: it counts at the next call, on all ranks."""

    class Comm:
        size = 2

        def allgather(self, reason):
            os.kill(os.getpid(), signal.SIGTERM)
            return [reason, ""]

    with StopRequest() as stop:
        assert not stop.requested(Comm())
        assert stop.requested(Comm())


WATCHED = """
    import hashlib, os, signal, sys, time
    from freqbias.runtime import StopRequest, exit_code_of, rank, signal_watch, world
    from freqbias.runtime.commandline import start_work
    from freqbias.runtime.signal_watch import watch_signals

    signal_watch.GRACE = signal_watch.INTERRUPT_GRACE = 0.3
    watch_signals()

    def main():
        {main}

    sys.exit(exit_code_of(main))
"""


@pytest.mark.parametrize("ranks", [1, 2])
def test_sigterm_before_the_work_begins(ranks):
    setup = "os.kill(os.getpid(), signal.SIGTERM)\n        with start_work(): raise ValueError('not stopped')"
    done = run_code(WATCHED.format(main=setup), ranks=ranks)
    assert done.returncode == 75
    expected = "stopped early: received SIGTERM; to continue, run the same command with --resume\n"
    assert done.stderr == expected


LONG_CALL = """
        with start_work(resume_command="this"):
            sys.stdout.write("ready\\n"), sys.stdout.flush()
            hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes in one call, without Python's global lock
"""


@pytest.mark.parametrize("ranks", [1, 2])
def test_sigterm_during_a_long_library_call(ranks):
    process = start_code(WATCHED.format(main=LONG_CALL.strip()), ranks=ranks)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 75
    assert printed.count("stopped early: received SIGTERM during a long step; to continue, run this\n") == 1


def test_second_interrupt_during_a_long_library_call():
    process = start_code(WATCHED.format(main=LONG_CALL.strip()))
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    _, printed = process.communicate(timeout=20)
    assert (process.returncode, printed) == (130, "error: interrupted\n")


def test_second_interrupt_in_a_destructor():
    """Python cannot raise it there. It must neither be lost nor print "Exception ignored in"."""
    main = """
        class Owner:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)
        with StopRequest():
            os.kill(os.getpid(), signal.SIGINT)
            Owner()
            time.sleep(10)
            raise ValueError("not interrupted")
    """
    done = run_code(WATCHED.format(main=main.strip()))
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


def test_faults_in_destructors_of_libraries_are_not_printed():
    done = run_code(WATCHED.format(main="type('File', (), {'__del__': lambda file: file.missing})()"))
    assert (done.returncode, done.stderr) == (0, "")


def test_petsc_leaves_the_handlers_alone():
    pytest.importorskip("petsc4py")
    main = """
        from mpi4py import MPI
        from petsc4py import PETSc
        PETSc.Vec().createSeq(1)
        os.kill(os.getpid(), signal.SIGTERM)
        StopRequest().check()
    """
    done = run_code(WATCHED.format(main=main.strip()))
    assert done.returncode == 75
    assert done.stderr.startswith("stopped early: received SIGTERM") and "PETSC" not in done.stderr


def catches_sigterm(pid):
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return bool(int(re.search(r"SigCgt:\s*(\w+)", status)[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("name", ["pde", "check"])
def test_sigterm_while_the_program_starts(name, ranks, tmp_path):
    """The signal comes as soon as the first line of the program has run, before most imports and PETSc's start."""
    (tmp_path / "run.toml").write_text(tomli_w.dumps(table()))
    program = ["-c", "from freqbias.compare.program import main; main()", name, tmp_path / "run.toml"]
    process = start(*program, *(["--out", tmp_path / "out"] if name == "pde" else []), ranks=ranks)
    pythons = []
    while len(pythons) < ranks or not all(map(catches_sigterm, pythons)):
        time.sleep(0.005)
        family = [process.pid] if ranks == 1 else [*descendants(process.pid)]
        pythons = [pid for pid in family if b"compare.program" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 75, printed
    assert printed.count("stopped early: received SIGTERM") == 1
    assert not (tmp_path / "out").exists()
