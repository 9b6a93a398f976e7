"""`freqbias view` under mpirun, in one dimension, which needs no OpenGL (see test_view.py)."""

import pytest

from tests.compare.view_results import result
from tests.launch import run_together

pytestmark = pytest.mark.xdist_group("ranks")


def test_view_under_mpirun(tmp_path):
    result(tmp_path / "out", 1)
    program = """
        import sys
        from tests.batch import attempt
        from tests.launch import undrawn

        with undrawn():
            done, again = (attempt("view", sys.argv[1]) for _ in range(2))
        sys.stdout.write(done.stderr)
        sys.stderr.write(again.stderr)
        assert (done.returncode, again.returncode) == (0, 2), (done, again)
    """
    done = run_together(program, tmp_path / "out", ranks=2)
    assert done.returncode == 0 and done.stdout.count("wrote") == 1, done
    assert done.stderr.count("--overwrite") == 1, done
    assert not list((tmp_path / "out").glob("*.partial")) and (tmp_path / "out" / "view" / "view.gif").exists()
