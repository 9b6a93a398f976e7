"""[training] operator: the text, the boundary, and the weights."""

import numpy as np
import pytest
import tomli_w

from freqbias.errors import InputError
from freqbias.numerics import DifferentialOperator, Grid, OperatorRows, Positions, Scattered
from freqbias.problem import (
    BlockSquare,
    Gaussian,
    Laplace,
    Mixture,
    Network,
    OperatorConvolution,
    Problem,
    Samples,
    StudentT,
    Uniform,
    box_boundary,
    build,
    kernel_diagonal,
    load,
    make_operator,
    mean_diagonals,
    operator_samples,
    parse,
    parse_operator,
    two_layer_laws,
)
from tests.problem.run_files import table


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("-laplace + 30", {"laplace": -1.0, "1": 30.0}),
        ("dx - 0.1*dxx", {"dx": 1.0, "dxx": -0.1}),
        ("2 dxy - 1.5e-3 dx + dx", {"dxy": 2.0, "dx": 1 - 1.5e-3}),
        ("+5", {"1": 5.0}),
        (".5laplace-2.", {"laplace": 0.5, "1": -2.0}),
    ],
)
def test_texts(text, terms):
    assert parse_operator(text) == terms


@pytest.mark.parametrize(
    "text", ["", "+", "30 -", "laplase", "2 3", "dx dx", "3 * ", "dx + w", "1e400x", "__import__('os')"]
)
def test_texts_that_are_no_operator(text):
    with pytest.raises(ValueError, match="expected a linear differential operator"):
        parse_operator(text)


def test_operators_in_dimensions():
    assert make_operator({"laplace": -1.0, "1": 30.0}, 2).terms == {(0, 0): 30.0, (0, 2): -1.0, (2, 0): -1.0}
    assert make_operator({"dxy": 1.0, "dyx": 1.0, "dx": 2.0}, 3).terms == {(1, 0, 0): 2.0, (1, 1, 0): 2.0}
    with pytest.raises(InputError, match="there is no axis y; use x"):
        make_operator({"dy": 1.0}, 1)


@pytest.mark.parametrize("sites", [Grid((4, 3), (2.0, 1.0)), Scattered(np.array([[0.0, 0.0], [2.0, 1.0], [1.0, 0.2]]))])
def test_the_boundary_lies_on_the_faces_of_the_box(sites):
    boundary = box_boundary(sites, 5, 0.3, channels=2)
    centre = 0.0 if isinstance(sites, Grid) else np.array([1.0, 0.5])
    x = (boundary.sites.positions() - centre) / [2.0, 1.0]
    assert x.shape == (20, 2)
    assert len(np.unique(x, axis=0)) == 20
    np.testing.assert_allclose(np.abs(x).max(axis=1), 0.5)
    assert (boundary.values == 0.3).all()


def test_run_file(tmp_path, monkeypatch):
    """The rows, the file of the boundary and the weight, which is relative to the rows L f."""
    monkeypatch.chdir(tmp_path)
    np.savetxt("edge.csv", [[-0.5, 1.0], [0.5, 2.0], [0.0, 3.0]], delimiter=",")
    training = {"operator": "-laplace + 30", "boundary": "edge.csv", "boundary_weight": 7.0}
    problem = build(parse(table(training=training)))
    rows = problem.sites
    assert isinstance(rows, OperatorRows)
    assert rows.operator.terms == {(0,): 30.0, (2,): -1.0}
    np.testing.assert_array_equal(rows.boundary.points[:, 0], [-0.5, 0.5, 0.0])
    np.testing.assert_array_equal(problem.samples.values[0, -3:], [1.0, 2.0, 3.0])
    error = np.random.default_rng(0).standard_normal((1, rows.size))
    n = rows.interior.size
    expected = 0.5 * (np.mean(error[0, :n] ** 2) + 7 * np.mean(error[0, n:] ** 2))
    np.testing.assert_allclose(problem.loss.value(error), expected, rtol=1e-13)
    assert parse(table(training=training)).training.precision == "double"


def test_the_file_of_the_boundary_is_relative_to_the_run_file(tmp_path, monkeypatch):
    for name, value in (("mine", 1.0), ("elsewhere", 9.0)):
        (tmp_path / name).mkdir()
        np.savetxt(tmp_path / name / "edge.csv", [[-0.5, value], [0.5, value]], delimiter=",")
    tables = table(training={"operator": "-laplace", "boundary": "edge.csv"})
    (tmp_path / "mine" / "run.toml").write_text(tomli_w.dumps(tables))
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = load(tmp_path / "mine" / "run.toml")
    assert run.training.boundary == str(tmp_path / "mine" / "edge.csv")
    assert (build(run).samples.values[0, -2:] == 1.0).all()
    run = load(tmp_path / "mine" / "run.toml", ["training.boundary=edge.csv"])  # relative to the current folder
    assert (build(run).samples.values[0, -2:] == 9.0).all()
    assert load(tmp_path / "mine" / "run.toml", ["training.boundary=0.5"]).training.boundary == 0.5


def test_the_box_of_scattered_samples_is_that_of_all_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.linspace(-0.5, 0.7, 13)
    np.savetxt("data.csv", np.stack([x, np.sin(5 * x)], axis=1), delimiter=",")
    data = {"kind": "file", "path": "data.csv", "layout": "scattered", "dimension": 1, "held_out": 0.8}
    tables = table(training={"operator": "-laplace", "boundary": 0.0}, data=None) | {"data": data}
    problem = build(parse(tables))
    assert np.ptp(problem.sites.interior.positions()) < 1.1
    np.testing.assert_allclose(problem.sites.boundary.points[:, 0], [-0.5, 0.7])
    assert isinstance(problem.held_out.sites, OperatorRows) and problem.held_out.sites.size == 10


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("sigma", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("density", [Gaussian, Uniform])
def test_kernels_of_narrow_densities(density, sigma, order):
    """Symbols of high order magnify rounding errors at frequencies far beyond the density."""
    grid, operator = Grid((9,), (1.0,)), DifferentialOperator({(order,): 1.0})
    x = grid.positions()
    laws, rows = two_layer_laws(density(sigma), 0.5, 1), OperatorRows(operator, grid)
    matrix = OperatorConvolution(laws, rows, rows, rows)(np.eye(9))
    gauss = np.polynomial.hermite_e.hermegauss if density is Gaussian else np.polynomial.legendre.leggauss
    nodes, weights = gauss(80)
    xi, weights = sigma * nodes[:, None], weights / weights.sum()
    symbol, gradient = operator.symbol(xi), operator.symbol_gradient(xi)[:, 0]
    waves = np.exp(2j * np.pi * x * xi[:, 0])
    slopes = (gradient + 2j * np.pi * x * symbol) * waves
    waves = symbol * waves
    expected = ((waves * weights) @ waves.conj().T + 0.25 * (slopes * weights) @ slopes.conj().T).real
    np.testing.assert_allclose(matrix, expected, rtol=0, atol=(1e-9, 1e-7, 1e-6)[order - 2] * expected.max())
    diagonal = kernel_diagonal(laws, rows, rows.span)
    np.testing.assert_allclose(diagonal, expected.diagonal(), rtol=1e-5)


def test_ntk_weights_of_a_run_file():
    """By the moments of a normal frequency: E |l|^2 = 3 a^2 + 60 a + 900 for l = 30 + a w^2 / sigma^2, and so on."""
    run = parse(table(training={"operator": "-laplace + 30", "boundary": 0.0, "boundary_weight": "ntk"}))
    problem = build(run)
    x, sigma = problem.sites.interior.positions()[:, 0], 4.0
    a, variance = 4 * np.pi**2 * sigma**2, (2 * np.pi * problem.network.sigma_a) ** 2
    square = 3 * a**2 + 60 * a + 900  # E l^2
    interior = square + variance * (16 * np.pi**2 * sigma**2 + np.mean(x**2) * square)
    boundary = 1 + variance * 0.25
    traces = np.array([len(x) * interior, 2 * boundary])
    np.testing.assert_allclose(problem.loss.block_weights, traces.sum() / traces, rtol=1e-11)


@pytest.mark.parametrize(
    ("density", "moment"), [(Uniform(3.0), 81 / 5), (Laplace(1.5), 24 * 1.5**4), (StudentT(2.0, 9.0), 3 * 16 * 81 / 35)]
)
def test_fourth_moments(density, moment):
    """l = (2 pi i xi)^2, so E |l|^2 = 16 pi^4 E xi^4."""
    rows = OperatorRows(DifferentialOperator({(2,): 1.0}), Grid((20,), (1.0,)))
    laws = two_layer_laws(density, 0.0, 1)
    np.testing.assert_allclose(mean_diagonals(laws, rows), [16 * np.pi**4 * moment], rtol=1e-6)


def test_third_order_and_shifted_positions():
    """The term that is linear in x: l = 2 pi i xi + 5, |grad l + 2 pi i x l|^2 = 4 pi^2 |1 + x l|^2."""
    x = np.array([[0.2], [0.5], [0.9]])
    rows = OperatorRows(DifferentialOperator({(1,): 1.0, (0,): 5.0}), Scattered(x))
    expected = 4 * np.pi**2 * np.mean((1 + 5 * x) ** 2 + x**2 * 4 * np.pi**2 * 2.5**2)
    found = mean_diagonals(two_layer_laws(Gaussian(2.5), 1.0, 1), rows)[0] - (25 + 4 * np.pi**2 * 2.5**2)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


HEAVY = StudentT(2.0, 4.0)


@pytest.mark.parametrize("density", [HEAVY, Mixture((1.0, 1e-3), (Gaussian(1.0), HEAVY))])
def test_heavy_tails_are_refused_by_name(density):
    rows = OperatorRows(DifferentialOperator({(2,): 1.0}), Grid((20,), (1.0,)))
    samples, network, times = Samples(rows, np.ones((1, 20))), Network(width=2, sigma_a=1.0), np.array([0.0, 1.0])
    with pytest.raises(InputError, match=rf'operator = "dxx": {type(density).__name__} falls as \|xi\|\^-5 only'):
        Problem(density, samples, network, times)
    Problem(StudentT(2.0, 4.1), samples, network, times)


def test_other_mistakes():
    data = Samples(Grid((4,), (1.0,)), np.ones((2, 4)))
    edge = Samples(Positions(np.zeros((1, 1))), np.ones((1, 1)), held_out=True)
    with pytest.raises(InputError, match="the boundary has 1 channel, but the data have 2"):
        operator_samples(data, DifferentialOperator({(1,): 1.0}), edge)
    with pytest.raises(InputError, match="give positive numbers"):
        BlockSquare([4, 1], (1.0, 0.0))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[-0.5, 0.0, 1.0]], "has 3 columns; give 1 for the position and 1 for the values"),
        ([[-0.5, 0.0], [50.0, 0.0]], r"position \[50.0\] of row 3 is far from the samples"),  # row 1 has the names
        ([[-0.5, 0.0], [0.5, 0.0], [-0.5, 1.0]], r"row 4 has the position \[-0.5\] of an earlier row"),
    ],
)
def test_wrong_boundary_files(tmp_path, monkeypatch, rows, message):
    monkeypatch.chdir(tmp_path)
    np.savetxt("edge.csv", rows, delimiter=",", header="x,h" if len(rows[0]) == 2 else "", comments="")
    with pytest.raises(InputError, match=rf"\[training\] boundary = 'edge.csv': .*{message}"):
        build(parse(table(training={"operator": "-laplace", "boundary": "edge.csv"})))
