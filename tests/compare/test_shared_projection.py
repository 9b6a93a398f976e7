"""Under mpirun the ranks share the cells of an L2 projection, and write what one process writes."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from freqbias.compare.stages import run_kappa
from freqbias.problem import build, parse
from freqbias.runtime import Store
from tests import launch
from tests.compare.build import fabricated
from tests.compare.test_stage import TABLES, compare_stage, put

pytestmark = pytest.mark.xdist_group("ranks")

RUN = parse({**TABLES, "compare": {"projection": "l2"}})
CELLS = 6  # coarse: elsewhere the projection would hardly differ from interpolation
STAGES = """
    import sys
    from pathlib import Path
    from unittest.mock import patch
    from freqbias.compare.spectra import l2_projection
    from freqbias.compare.stages import run_compare, run_kappa
    from freqbias.problem import build, load
    from freqbias.runtime import StopRequest, Store, rank, exit_code_of
    from tests.launch import undrawn

    shares = []

    class Counted(l2_projection.Quadrature):
        def __init__(self, frequency, cells, *how, **more):
            shares.append(len(cells))
            super().__init__(frequency, cells, *how, **more)

    def main():
        run, store = load(Path(sys.argv[1])), Store(Path(sys.argv[2]))
        with StopRequest() as stop:
            run_compare(run, build(run), store, resume=False, overwrite=False, stop=stop)
        run_kappa(run, build(run), store, resume=False, overwrite=False)
        sys.stdout.write(f"{[rank(), *shares]}\\n")

    with patch.object(l2_projection, "Quadrature", Counted), undrawn():
        sys.exit(exit_code_of(main))
"""


def test_two_ranks_write_what_one_writes(tmp_path, undrawn):
    """Also if the cells of the spectrum come in another order, as from more ranks."""
    spectrum, history = fabricated(build(RUN), cells=(CELLS,), degree=2)
    alone, shared = Store(tmp_path / "alone"), Store(tmp_path / "shared")
    order = np.random.default_rng(0).permutation(CELLS)
    for store, cells in ((alone, spectrum.cells), (shared, spectrum.cells[order])):
        put(store, "pde", "spectrum.nc", replace(spectrum, cells=cells), run=RUN)
        put(store, "nn", "error.nc", replace(history, error=1.1 * history.error), run=RUN)
    compare_stage(alone, RUN)
    run_kappa(RUN, build(RUN), alone, resume=False, overwrite=False)
    done = launch.run_together(STAGES, alone.root / "run.toml", shared.root, ranks=2)
    assert done.returncode == 0, done.stderr
    shares = {rank: counts for rank, *counts in map(json.loads, done.stdout.splitlines())}
    assert shares == {0: [CELLS // 2] * 2, 1: [CELLS // 2] * 2}
    for name in ("compare/spectra.nc", "kappa/kappa.nc"):
        with xr.open_dataset(alone.root / name) as expected, xr.open_dataset(shared.root / name) as found:
            for variable in set(expected.variables) - {"cells"}:
                size = np.nanmax(np.abs(expected[variable])) if expected[variable].dtype.kind == "f" else 0
                np.testing.assert_allclose(found[variable], expected[variable], rtol=0, atol=1e-12 * size)
