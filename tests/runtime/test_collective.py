"""Work on rank 0 while the others sleep, work that rank 0 gives to all, and failures on which all agree."""

import pytest

from tests.launch import run_code

SHARED = """
    import sys
    from freqbias.runtime import on_root, rank, size, world

    class Odd(Exception):
        exit_code = 3
        def __init__(self, a, b):
            super().__init__(f"{a} and {b}")

    def calls():
        return on_root(rank), rank()

    def fail(error):
        raise error

    comm = world()
    assert (comm.rank, comm.size) == (rank(), size()) == (rank(), 3)
    pending = comm.Ibarrier()  # a collective of the caller, which must not be mistaken for ours
    assert on_root(calls) == (0, 0), "a nested call runs directly"
    alone = on_root(lambda: open("/dev/null"), broadcast=False)
    assert (alone is None) == (rank() > 0)
    pending.Wait()
    for error in (KeyError("k"), KeyboardInterrupt(), SystemExit(4)):
        try:
            on_root(fail, error)
        except type(error) as raised:
            assert raised.args == error.args
        else:
            raise AssertionError("not raised")
    try:
        on_root(fail, Odd(1, 2))  # cannot be rebuilt from its pickle
    except Exception as raised:
        assert (type(raised).__name__, str(raised), raised.exit_code) == ("Odd", "1 and 2", 3)
    try:
        on_root(lambda: (lambda: 0))  # a result that cannot be sent
    except Exception as raised:
        assert "pickle" in str(raised).lower() or "local object" in str(raised)
    else:
        raise AssertionError("not raised")
    assert on_root(lambda: {"x": 1}) == {"x": 1}
    sys.stdout.write("done\\n")
"""


def test_on_root():
    done = run_code(SHARED, ranks=3)
    assert (done.returncode, done.stdout.split()) == (0, ["done"] * 3), done.stderr


HELPED = """
    import sys
    from freqbias.runtime import exit_code_of, on_all, on_root, rank, world

    class Refused(ValueError):
        exit_code = 3

    def everywhere(value, *, comm):
        return comm.allgather(10 * comm.rank + value)

    def refuse(*, comm):
        raise Refused(f"refused by {comm.size}")

    def work():
        try:
            on_all(refuse)
        except Refused:
            return on_all(everywhere, 1) + on_all(everywhere, value=2)

    def main():
        outside = everywhere(0, comm=world())
        assert outside == [0, 10, 20] and on_all(everywhere, 5) == [5], "outside of on_root it runs here alone"
        assert on_root(work) == [1, 11, 21, 2, 12, 22]
        assert on_root(on_all, everywhere, 3, broadcast=False) == (None if rank() else [3, 13, 23])
        sys.stdout.write("done\\n")
        on_root(on_all, refuse)

    sys.exit(exit_code_of(main))
"""


def test_on_all():
    done = run_code(HELPED, ranks=3)
    assert (done.returncode, done.stdout.split(), done.stderr) == (3, ["done"] * 3, "error: refused by 3\n")


@pytest.mark.parametrize("failing", [0, 1])
def test_on_all_with_one_failing_rank(failing):
    code = """
        import sys
        from freqbias.runtime import exit_codes, on_all, on_root, exit_code_of
        exit_codes.ABORT_TIMEOUT = 0.5

        def work(failing, *, comm):
            if comm.rank == failing:
                raise MemoryError("too much here")
            comm.allgather(0)

        sys.exit(exit_code_of(lambda: on_root(on_all, work, int(sys.argv[1]))))
    """
    done = run_code(code, failing, ranks=2, timeout=30)
    assert done.returncode and f"on rank {failing}: MemoryError: too much here" in done.stderr, done.stderr


AGREED = """
    import sys
    from freqbias.runtime import agreed, exit_code_of, rank, world

    class Refused(ValueError):
        exit_code = 3

    def unlike(ranks):
        if rank() in ranks:
            raise type("Unknown", (ValueError,), {"exit_code": 3, "held": lambda: None})("not for pickle")

    def refuse_on(ranks):
        if rank() in ranks:
            raise Refused(f"refused by {rank()}")
        return rank()

    def main():
        assert agreed(world(), refuse_on, []) == rank()
        try:
            agreed(world(), unlike, [2])
        except Exception as refusal:
            assert (str(refusal), refusal.exit_code) == ("not for pickle", 3)
        try:
            agreed(world(), refuse_on, [2, 1])
        except Exception as refusal:
            sys.stdout.write(f"{refusal}\\n")
            raise

    sys.exit(exit_code_of(main))
"""


def test_agreed_failures():
    done = run_code(AGREED, ranks=3)
    assert (done.returncode, done.stderr) == (3, "error: refused by 1\n")
    assert done.stdout.splitlines() == ["refused by 1"] * 3
