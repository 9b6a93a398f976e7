"""`freqbias figures` under mpirun ends on all ranks when one of them is asked to stop."""

import pytest

from tests import launch

pytestmark = pytest.mark.xdist_group("ranks")


def test_stop_request_on_one_rank_stops_all(tmp_path):
    """One rank may reach the end of --max-walltime before another."""
    code = """
        import sys
        from pathlib import Path
        from unittest.mock import patch
        from freqbias.compare.commands.run_files import shipped_run_files
        from freqbias.compare.paper import PaperRuns, make_figures
        from freqbias.runtime import StopRequest, exit_codes, rank, exit_code_of

        class OnOneRank(StopRequest):
            def requested(self, comm=None):
                self._reason = "enough" * rank()
                return super().requested(comm)

        paper_runs = PaperRuns(shipped_run_files(), Path(sys.argv[1]), True)
        with patch.object(exit_codes, "ABORT_TIMEOUT", 1.0):
            sys.exit(exit_code_of(lambda: make_figures([1], paper_runs, OnOneRank())))
    """
    done = launch.run_together(code, tmp_path, ranks=2)
    assert (done.returncode, list(tmp_path.iterdir())) == (75, []), done.stderr
    assert done.stderr.count("stopped early: enough") == 1, done.stderr
