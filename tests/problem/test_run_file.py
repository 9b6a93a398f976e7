"""The run file: round trip, defaults, relative paths, and error messages."""

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqbias.errors import InputError
from freqbias.problem import Gaussian, Network, Uniform, build, parse, resolved, siren_density
from freqbias.problem.run_file import OUTPUTS
from tests.problem.run_files import filled, table

POSITIVE = st.floats(1e-12, 1e12)
TOLERANCE = st.floats(1e-5, 0.1)
PARTS = [{"kind": "annulus", "inner": 1.0, "radius": 2.0}, {"kind": "student-t", "sigma": 1.0, "freedom": 5.0}]
MIXTURE = {"kind": "mixture", "weights": [1.0, 2.5], "parts": PARTS}
KINDS = "gaussian, uniform, ball, annulus, laplace, student-t, table, octaves, points, mixture"
STEP = st.just("auto") | POSITIVE


@st.composite
def data_sections(draw):
    dimension = draw(st.integers(1, 3))
    points = draw(st.lists(st.integers(2, 400), min_size=dimension, max_size=dimension))
    extent = draw(st.lists(st.floats(1e-3, 1e3), min_size=dimension, max_size=dimension))
    limits = [n / (2 * length) for n, length in zip(points, extent, strict=True)]
    nu = st.tuples(*[st.floats(-limit, limit) for limit in limits]).map(list)
    return {
        "kind": "waves",
        "dimension": dimension,
        "points": points,
        "extent": extent,
        "frequencies": draw(st.lists(nu, min_size=1, max_size=3)),
        "window": draw(st.none() | POSITIVE),
        "standardize": draw(st.booleans()),
    }


@st.composite
def tables(draw):
    """Valid run files with any choice of optional keys."""
    symmetric = draw(st.booleans())
    integrator = draw(st.sampled_from(["lanczos", "crank-nicolson", "backward-euler"]))
    times = sorted(draw(st.lists(POSITIVE, min_size=1, max_size=5, unique=True)))
    last, sizes = times[-1], sorted(draw(st.tuples(POSITIVE, POSITIVE)))
    sections = {
        "name": draw(st.from_regex(r"[a-zä0-9_.-]{0,5}[A-Z0-9]", fullmatch=True)),
        "seed": draw(st.integers(0, 2**63 - 1)),
        "unit": draw(
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="$").filter(str.isprintable), max_size=20
            )
        ),
        "density": draw(
            st.fixed_dictionaries({"kind": st.just("gaussian"), "sigma": POSITIVE})
            | st.fixed_dictionaries({"kind": st.sampled_from(["uniform", "ball"]), "radius": POSITIVE})
            | st.just(MIXTURE)
        ),
        "data": draw(data_sections()),
        "network": {
            "width": 2 * draw(st.integers(1, 10**8)),
            "sigma_a": draw(POSITIVE),
            "sampling": draw(st.sampled_from(["iid", "sobol"])),
            "symmetric": symmetric,
        },
        "time": draw(
            st.sampled_from(
                [{"times": times}, {"end": last}, {"end": last, "outputs": 7}, {"times": times, "end": last}]
            )
        ),
        "mesh": draw(st.sampled_from([{}, {"size": sizes[0]}, {"half_width": sizes[1], "size": sizes[0]}])),
        "pde": {
            "operator": draw(st.sampled_from(["data", "local"])),
            "integrator": integrator,
            "initial": draw(st.sampled_from(["auto", "network", *["target"] * symmetric])),
            "step": "auto" if integrator == "lanczos" else draw(STEP),
            "degree": draw(st.integers(1, 8)),
            "tolerance": draw(TOLERANCE),
        },
        "training": {
            "integrator": draw(st.sampled_from(["rk4", "heun", "gradient-descent"])),
            "step": draw(STEP),
            "tolerance": draw(st.none() | TOLERANCE),
            "precision": draw(st.sampled_from(["single", "double"])),
            "device": draw(st.sampled_from(["auto", "cpu", "cuda", "cuda:3"])),
        },
    }
    optional = draw(st.sets(st.sampled_from(["name", "seed", "unit", "mesh", "pde", "training"])))
    return table(replace=True, **sections | dict.fromkeys(optional))


@given(tables())
def test_round_trip(tables):
    run = parse(tables)
    stored = tomllib.loads(resolved(run))
    assert parse(stored) == filled(run)
    assert resolved(parse(stored)) == resolved(run)


def test_every_default_is_stored():
    stored = tomllib.loads(resolved(parse(table(time={"end": 5.0}, replace=True))))
    assert stored["pde"] == {
        "operator": "data", "integrator": "lanczos", "dynamics": "flow", "initial": "auto", "step": "auto",
        "degree": 6, "tolerance": 1e-3, "device": "cpu", "fields": True,
    }  # fmt: skip
    assert stored["training"] == {
        "integrator": "rk4", "step": "auto", "tolerance": 1e-3, "precision": "single", "device": "auto",
        "backend": "auto", "checkpoint": 30.0, "keep": "end", "tensorboard": False,
        "loss": "mean-square", "weights": "equal", "nesterov": False, "decay": 0.0, "decay_towards": "start",
        "rate_schedule": "constant", "warm_up": 0.0,
        "rates": {"frequencies": 1.0, "hidden": 1.0, "output": 1.0, "biases": 1.0},
    }  # fmt: skip
    assert stored["compare"] == {"projection": "interpolation", "figures": True}
    assert stored["network"] == {
        "width": 64, "sigma_a": 1.0, "sampling": "iid", "symmetric": True, "diagonal": False, "depth": 2,
    }  # fmt: skip
    assert stored["time"] == {"end": 5.0, "outputs": OUTPUTS}
    assert stored["data"]["standardize"] is False


def test_defaults_of_hidden_layers():
    run = parse(table(network={"depth": 3}))
    assert (run.network.hidden_width, run.network.activation) == (64, "relu")
    own = parse(table(network={"depth": 4, "hidden_width": 32, "activation": "sine"}))
    assert (own.network.hidden_width, own.network.activation) == (32, "sine")
    assert parse(tomllib.loads(resolved(own))) == filled(own)


def test_defaults_of_siren():
    """No density, because omega_0 has one; the authors' output weights; not symmetric."""
    run = parse(table(network={"omega_0": 40.0, "depth": 3, "sigma_a": None}, density=None))
    assert run.density is None and run.starts_from_network
    assert run.network == Network(width=64, depth=3, omega_0=40.0, sigma_a=1 / 40, symmetric=False)
    assert parse(tomllib.loads(resolved(run))) == filled(run)
    assert build(run).density == siren_density(40.0, 1) == Uniform(40.0 / (2 * np.pi))
    plane = parse(table(network={"omega_0": 40.0}, density=None, data={"dimension": 2, "frequencies": [[1.0, 2.0]]}))
    assert build(plane).density == siren_density(40.0, 2) == Uniform(40.0 / (4 * np.pi))
    with pytest.raises(InputError, match=r"\[density\] is missing"):
        parse(table(network={"omega_0": None}, density=None) | {"network": {"width": 2, "sigma_a": 1, "omega_0": None}})
    own = parse(table(network={"omega_0": 40.0, "sigma_a": 1.0, "symmetric": True}))
    assert own.network.symmetric and own.network.sigma_a == 1.0
    assert build(own).density == Gaussian(4.0)


def test_step_of_gradient_descent():
    training = {"integrator": "gradient-descent", "step": 0.25}
    run = parse(table(pde={"dynamics": "gradient-descent"}, training=training))
    assert run.pde.step == 0.25
    assert parse(tomllib.loads(resolved(run))).pde == run.pde


def test_integers_are_numbers():
    assert parse(table(density={"sigma": 4})) == parse(table(density={"sigma": 4.0}))


def test_default_training_tolerance():
    assert parse(table(pde={"tolerance": 1e-2})).training_tolerance == 1e-2
    assert parse(table(pde={"tolerance": 1e-2}, training={"tolerance": 1e-4})).training_tolerance == 1e-4


@pytest.mark.parametrize(
    ("symmetric", "initial", "expected"),
    [
        (True, "auto", False), (True, "target", False), (True, "network", False),
        (False, "auto", True), (False, "network", True),
    ],
)  # fmt: skip
def test_starts_from_network(symmetric, initial, expected):
    run = parse(table(network={"symmetric": symmetric}, pde={"initial": initial}))
    assert run.starts_from_network is expected


def test_one_line_for_each_faulty_key():
    with pytest.raises(InputError) as failure:
        parse(table(density={"sigma": -1.0}, network={"width": 1.5, "sigma_a": None}, pde={"ordre": 3, "degree": 9}))
    lines = str(failure.value).splitlines()
    assert [line.strip().split(" = ")[0] for line in lines] == [
        "[pde] ordre", "[pde] degree", "[density] sigma", "[network] width",
        "[network] sigma_a is missing; expected a number of at least 0: the standard deviation of the output weights "
        "(of SIREN, times sqrt(2 / width), and by default 1 / omega_0), for example sigma_a",
    ]  # fmt: skip


def test_a_misspelt_key_comes_first():
    with pytest.raises(InputError) as failure:
        parse(table(density=None, network={"sigma_a": None, "omega0": 30.0}))
    assert str(failure.value).startswith("[network] omega0 = 30.0: unknown key; did you mean omega_0?")


@pytest.mark.parametrize("omega_0", [1e-300, 1e300])
def test_an_omega_0_out_of_range_is_the_only_error(omega_0):
    with pytest.raises(InputError) as failure:
        parse(table(network={"sigma_a": None, "omega_0": omega_0}))
    assert str(failure.value).startswith(f"[network] omega_0 = {omega_0}; expected a positive number")


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"pde": {"tolerence": 1e-3}}, "[pde] tolerence = 0.001: unknown key; did you mean tolerance?"),
        (
            {"mesh": {"xyz": 1}},
            "[mesh] xyz = 1: unknown key; the known keys are half_width, size, path, adaptive",
        ),
        ({"trainig": {}}, "trainig = {}: unknown key; did you mean training?"),
        ({"density": {"kind": "normal"}}, "[density] kind = 'normal'; use one of " + KINDS),
        ({"density": {"kind": None}}, "[density] kind is missing; use one of " + KINDS),
        ({"density": {"radius": 2.0}}, "[density] radius = 2.0: unknown key; the known keys are kind, sigma"),
        ({"data": 3}, "[data] = 3; expected a section [data] with a kind"),
        ({"time": None}, "[time] is missing; expected a section [time] with end or times"),
    ],
)
def test_wording(sections, message):
    with pytest.raises(InputError) as failure:
        parse(table(**sections))
    assert str(failure.value) == message


def test_run_files_are_frozen():
    run = parse(table())
    with pytest.raises(ValueError, match="frozen"):
        run.network.width = 2


@pytest.mark.parametrize(
    ("sigma", "limit"),
    [(1e300, "; the largest possible value is 1e+12"), (1e-300, "; the smallest possible value is 1e-12"), (-1.0, "")],
)
def test_limits_are_stated(sigma, limit):
    with pytest.raises(InputError) as refused:
        parse(table(density={"kind": "gaussian", "sigma": sigma}))
    assert str(refused.value).endswith(f"for example sigma = 10.0{limit}")


@pytest.mark.parametrize("keys", [{"step": 1e-31}, {"operator": "-laplace", "boundary": 0.0, "boundary_weight": 1e30}])
def test_limits_of_keys_that_allow_words(keys):
    with pytest.raises(InputError, match=r"; the (smallest|largest) possible value is 1e"):
        parse(table(training=keys))


@pytest.mark.parametrize("unit", ["mm", "", r"$\mu$m", r"US\$", r"\$ and \$", "$10^3$ km"])
def test_units_that_can_be_drawn(unit):
    assert parse(table(unit=unit)).unit == unit
