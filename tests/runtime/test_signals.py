"""Stopping at a safe point, by signals and by the wall time."""

import os
import signal
import threading
import time

import pytest

from freqbias.errors import StoppedEarly
from freqbias.runtime import StopRequest
from tests.launch import run_code


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
