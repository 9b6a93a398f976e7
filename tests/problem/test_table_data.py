"""Text tables as the data and the density of a run file."""

import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.problem import build, files, parse
from tests.problem.run_files import table

STATIONS = "name;lon;lat;T;u\n;deg;deg;K;m/s\nA;2,5;48;280,5;1\nB;12;41,5;NA;2\nC;13;52;275,25;3\n"


def samples(tmp_path, text, **keys):
    (tmp_path / "s.csv").write_text(text, encoding="latin-1")
    data = {"kind": "file", "path": str(tmp_path / "s.csv"), **keys}
    return build(parse(table(data=data, replace=True)))


def test_scattered_samples_by_name(tmp_path):
    keys = {"layout": "scattered", "dimension": 2, "columns": ["lon", "lat", "u", "T"]}
    with pytest.raises(InputError, match=r'row 4, column 4 \(T\) has no value; .* with missing = "drop"'):
        samples(tmp_path, STATIONS, **keys)
    problem = samples(tmp_path, STATIONS, missing="drop", **keys)
    np.testing.assert_array_equal(problem.sites.positions(), [[2.5, 48], [13, 52]])
    np.testing.assert_array_equal(problem.samples.values, [[1, 3], [280.5, 275.25]])
    assert problem.notes == ("left out 1 of 3 rows, in which a value is missing",)
    complete = samples(tmp_path, STATIONS, missing="drop", **keys | {"columns": ["lon", "lat", "u"]})
    assert complete.sites.size == 3  # the cell that has no value is not among the columns
    assert complete.notes == ()


def test_centred_positions(tmp_path):
    rows = np.column_stack([np.linspace(60, 80, 41), np.sin(np.arange(41.0))])
    text = "\n".join(f"{x};{y}" for x, y in rows)
    problem = samples(tmp_path, text, layout="scattered", dimension=1, held_out=0.2, center=True, standardize=True)
    assert problem.held_out is not None
    x = np.concatenate([problem.sites.positions(), problem.held_out.sites.positions()])[:, 0]
    (shift,) = problem.samples.normalisation.position_shift
    np.testing.assert_allclose(np.sort(x) + shift, rows[:, 0], rtol=1e-14)
    np.testing.assert_allclose(
        np.sort(np.concatenate([s.restore(s.values)[0] for s in (problem.samples, problem.held_out)])),
        np.sort(rows[:, 1]),
        rtol=0,
        atol=1e-13,
    )
    assert problem.sites.positions().min() == -problem.sites.positions().max()
    assert problem.notes == (f"shifted the positions so that the centre of their box, ({shift:.6g}), is at x = 0",)
    assert problem.warnings == []
    assert samples(tmp_path, text, layout="scattered", dimension=1).warnings


def test_no_row_is_complete(tmp_path):
    with pytest.raises(InputError, match="a value is missing in every row; choose other columns"):
        samples(tmp_path, "1,NA\n2,NA\nNA,3\n", layout="scattered", dimension=1, missing="drop")


def test_columns_of_an_array(tmp_path):
    np.save(tmp_path / "a.npy", [[1.0, 0.5, 7], [2, np.nan, 8], [3, 1.5, 9]])
    data = {"kind": "file", "path": str(tmp_path / "a.npy"), "layout": "scattered", "dimension": 1, "columns": [3, 2]}
    problem = build(parse(table(data=data | {"missing": "drop"}, replace=True)))
    np.testing.assert_array_equal(problem.sites.positions(), [[7], [9]])
    np.testing.assert_array_equal(problem.samples.values, [[0.5, 1.5]])
    with pytest.raises(InputError, match="row 2, column 2 has no value"):
        build(parse(table(data=data, replace=True)))


def test_grids(tmp_path):
    assert samples(tmp_path, "x,y\n1,2\n3,4\n5,6\n", dimension=1).samples.channels == 2
    np.testing.assert_array_equal(samples(tmp_path, "x,y\n1,2\n3,4\n", columns=["y"]).samples.values, [[2, 4]])
    with pytest.raises(InputError, match=r"the columns have names: 1 \(x\), 2 \(y\); .* layout = \"scattered\""):
        samples(tmp_path, "x,y\n1,2\n3,4\n")
    with pytest.raises(InputError, match=r"row 3, column 2 \(y\) has no value; give every cell a value"):
        samples(tmp_path, "x,y\n1,2\n3,\n", dimension=1)


def test_densities_use_the_same_reader(tmp_path):
    (tmp_path / "rho.txt").write_text("xi;rho\n1/m;\n-1;0,5\n0;1\n1;0,5\n")
    keys = {"kind": "table", "path": str(tmp_path / "rho.txt"), "half_width": 1.0, "columns": ["rho"]}
    density = parse(table(density=keys, replace=True)).density.build()
    np.testing.assert_allclose(density.values / density.values.max(), [0.5, 1, 0.5])
    with pytest.raises(InputError, match=r"\[density\] path = .*the columns have names: 1 \(xi\), 2 \(rho\)"):
        parse(table(density={**keys, "columns": None}, replace=True)).density.build()


def test_every_text_table_has_the_same_reader(tmp_path):
    for suffix in files.TABLES:
        (tmp_path / f"a{suffix}").write_text("a;b\n0,5;1\n2;3\n")
        np.testing.assert_array_equal(files.read(tmp_path / f"a{suffix}", dimension=2)[..., 0], [[0.5, 1], [2, 3]])
