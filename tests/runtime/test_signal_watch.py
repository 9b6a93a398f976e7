"""Signals at the start of a program and during long library calls."""

import re
import signal
import time
from pathlib import Path

import pytest
import tomli_w

from tests.launch import descendants, run_code, start, start_code
from tests.problem.run_files import table

WATCHED = """
    import hashlib, os, signal, sys, time
    from freqbias.runtime import StopRequest, exit_code_of, rank, signal_watch, world
    from freqbias.runtime.commandline import start_work
    from freqbias.runtime.signal_watch import watch_signals

    signal_watch.GRACE = signal_watch.INTERRUPT_GRACE = 0.6 if rank() == 0 else 0.3  # rank 0 must still print
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


@pytest.mark.parametrize(("name", "ranks"), [("pde", 2), ("check", 1)])
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
