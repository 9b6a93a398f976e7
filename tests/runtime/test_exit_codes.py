"""One exit code and one message for all ranks, for every way in which a program ends."""

import re
import signal
import subprocess
import time

import pytest

from freqbias.runtime import exit_codes
from tests.launch import MPIRUN, code, command, environment, run_code, start_code

PROGRAM = """
    import os, sys, time
    from freqbias.errors import StoppedEarly
    from freqbias.runtime import configure, exit_codes, log, on_root, rank, exit_code_of, world

    class InputError(ValueError):
        exit_code = 2

    class ComputationError(ArithmeticError):
        exit_code = 3

    {setup}

    def main():
        {main}

    sys.exit(exit_code_of(main))
"""


def run(main, *, ranks=1, setup="", **extra):
    return run_code(PROGRAM.format(main=main, setup=setup), ranks=ranks, **extra)


@pytest.mark.parametrize(
    ("main", "code", "message"),
    [
        ("pass", 0, ""),
        ("return 3", 3, ""),
        ("sys.exit(2)", 2, ""),
        ("sys.exit('no such thing')", 1, "error: no such thing\n"),
        ("raise InputError('sigma -1')", 2, "error: sigma -1\n"),
        ("raise ComputationError('step 7')", 3, "error: step 7\n"),
        ("raise StoppedEarly('go on')", 75, "stopped early: go on\n"),
        ("raise KeyboardInterrupt", 130, "error: interrupted\n"),
        ("raise BrokenPipeError", 141, ""),
    ],
)
def test_exit_codes_of_one_process(main, code, message):
    done = run(main)
    assert (done.returncode, done.stderr) == (code, message)


@pytest.mark.parametrize("main", ["print('x')", "print('x', flush=True)"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_output_to_a_full_disk(main, ranks):
    program = command(*code(PROGRAM.format(main=main, setup="")))
    redirected = ["sh", "-c", 'exec "$@" > /dev/full', "sh", *program]
    launcher = [str(MPIRUN), "-n", str(ranks)] if ranks > 1 else []
    variables = environment(PYTHONUNBUFFERED="")
    done = subprocess.run(
        [*launcher, *redirected], stderr=subprocess.PIPE, text=True, env=variables, timeout=60, check=False
    )
    printed = "error: cannot write the output: No space left on device; free some space, or redirect the output\n"
    assert (done.returncode, done.stderr) == (2, printed)


def test_traceback_of_unexpected_exception():
    done = run("{}['x']")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and done.stderr.endswith("error: KeyError: 'x'\n")


def test_traceback_at_debug_level(tmp_path):
    log_file = tmp_path / "log"
    done = run("raise InputError('sigma -1')", setup=f"configure(verbosity=1, log_file={str(log_file)!r})")
    assert "Traceback" in done.stderr and done.stderr.count("error: sigma -1") == 1
    assert "error: sigma -1" in log_file.read_text()


def test_broken_pipe_is_silent():
    process = start_code(PROGRAM.format(setup="", main="[print(line) for line in range(100_000)]"))
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(10) == 141


@pytest.mark.parametrize(
    ("main", "code", "message"),
    [
        ("pass", 0, ""),
        ("raise InputError('sigma -1')", 2, "error: sigma -1\n"),
        ("on_root(exec, \"raise ValueError('on root')\")", 1, "error: ValueError: on root\n"),
        ("raise StoppedEarly('go on')", 75, "stopped early: go on\n"),
        ("return 1 + rank()", 2, ""),  # the largest; bitwise 1 | 2 = 3
    ],
)
def test_equal_outcomes_are_reported_once(main, code, message):
    done = run(main, ranks=2)
    assert done.returncode == code
    printed = re.findall(r"^(?:error|stopped early).*\n", done.stderr, re.M)
    assert printed == ([message] if message else []) and done.stderr.endswith(message)
    assert done.stderr.count("Traceback") == ("on_root" in main)


def test_different_failures_of_ranks():
    done = run("raise (InputError if rank() else ComputationError)(f'of {rank()}')", ranks=3)
    assert done.returncode == 3
    printed = sorted(line for line in done.stderr.splitlines() if line.startswith("error"))
    assert printed == ["error on rank 0: of 0", "error on rank 1: of 1", "error on rank 2: of 2"]


@pytest.mark.parametrize("others", ["return 0", "time.sleep(0.3)"])
def test_one_rank_fails_others_finish(others):
    main = f"owned = Owned()\n        if rank() == 1: raise InputError('bad cell')\n        {others}"
    done = run(main, ranks=3, setup="Owned = type('Owned', (), {'__del__': lambda owned: os.write(1, b'freed ')})")
    assert done.returncode == 2
    assert done.stdout.split() == ["freed", "freed"], "the failed rank must not free shared objects alone"
    assert re.findall("^error.*$", done.stderr, re.M) == ["error on rank 1: bad cell"]


@pytest.mark.parametrize("ranks", [2, 3])
def test_one_rank_fails_others_wait(ranks):
    # The third rank, if any, has finished and waits for the outcomes of the others.
    main = "if rank() == 1: raise KeyError('boom')\n        if rank() == 0: world().Barrier()"
    started = time.monotonic()
    done = run(main, ranks=ranks, setup="exit_codes.ABORT_TIMEOUT = 1.0")
    assert time.monotonic() - started + exit_codes.ABORT_TIMEOUT < 30
    assert done.returncode in (1, 9)  # 9: mpirun first noticed the ranks that it killed
    assert re.findall("^error.*$", done.stderr, re.M) == ["error on rank 1: KeyError: 'boom'"]


def test_finished_rank_sleeps():
    main = "cpu = time.process_time(); time.sleep(rank() == 0); import atexit\n        " + (
        "atexit.register(lambda: sys.stdout.write(f'{rank()} {time.process_time() - cpu}\\n'))"
    )
    done = run(main, ranks=2)
    used = dict(line.split() for line in done.stdout.splitlines())
    assert done.returncode == 0 and float(used["1"]) < 0.2, done


STOPPING = """
    import sys, time
    from freqbias.runtime import StopRequest, exit_code_of, world

    def main():
        comm = world()
        with StopRequest() as stop:
            comm.allgather(None)
            print("ready", flush=True)
            while True:
                time.sleep(0.02)
                stop.check(comm)

    sys.exit(exit_code_of(main))
"""


@pytest.mark.skipif(not MPIRUN.exists(), reason="no mpirun beside this Python")
@pytest.mark.parametrize("ranks", [1, 2])
def test_sigterm_exits_with_75(ranks):
    process = start_code(STOPPING, ranks=ranks)
    process.send_signal(signal.SIGTERM)
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 75
    assert printed.count("stopped early: received SIGTERM") == 1 and "--resume" in printed


def test_names_that_are_not_utf_8():
    """DOLFINx reads sys.argv when it is imported. The command gets the name as it is."""
    program = """
        import os, sys
        from freqbias.runtime import main, new_app
        app = new_app()

        @app.command()
        def show(name: str):
            print(os.fsencode(name), sys.argv[1])

        main(app, "show")
    """
    assert run_code(program, "lat\udcfc").stdout == "b'lat\\xfc' lat?\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(closed, tmp_path):
    """A file that the program opens must not get the number of a closed stream: it would receive what is printed."""
    program = """
        import os, sys
        from freqbias.runtime import main, new_app, open_closed_streams
        open_closed_streams()
        file = open(sys.argv[1], "w")
        app = new_app()

        @app.command()
        def command(path: str) -> None:
            print("to stdout", flush=True)
            os.write(1, b"a library writes"), os.write(2, b"a library writes")
            sys.stderr.write("to stderr"), sys.stderr.flush()
            file.write("result"), file.close()

        main(app, "program")
    """
    words = [*command(*code(program)), str(tmp_path / "file")]
    redirected = ["sh", "-c", f'exec "$@" {closed}', "sh", *words]
    done = subprocess.run(redirected, capture_output=True, text=True, env=environment(), timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ("" if "2>&-" in closed else "a library writesto stderr")
    assert done.stdout == ("" if " >&-" in f" {closed}" else "to stdout\na library writes")
    assert (tmp_path / "file").read_text() == "result"
