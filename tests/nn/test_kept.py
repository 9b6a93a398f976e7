"""Networks that are kept: as torch modules, in files, and in other programs."""

import json
import shutil
from hashlib import sha256

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import freqbias
from freqbias import nn
from freqbias import problem as statement
from freqbias.errors import InputError, StoppedEarly, UsageError
from freqbias.nn import plan_training, trajectory
from freqbias.nn.kept_network import KeptNetwork, make_module
from freqbias.nn.network_description import NetworkDescription
from freqbias.nn.trained_module import trained_module
from freqbias.numerics import Grid, Positions, Scattered
from freqbias.problem import Gaussian, Network, Problem, Samples, Training
from tests.nn.test_stage import SHORT, TABLES, StopAfter, run_in

ROUNDING = {"double": 1e-10, "single": 1e-5}
TIMES = np.array([0.0, 1.0, 4.0])
RANDOM = np.random.default_rng(0)
CLOUD = Samples(Scattered(RANDOM.random((30, 2)) + np.array([0.0, 7.0])), 3 + RANDOM.normal(size=(2, 30)))
LINE = Samples(Grid((24,), (2.0,)), RANDOM.normal(size=(1, 24)))
DEEP = {"depth": 3, "hidden_width": 20, "activation": "relu"}
CASES = {
    "a line": (LINE, {}, "double"),
    "scattered, centred, standardised": (CLOUD.centered().standardized(), {}, "double"),
    "in single precision": (LINE, {}, "single"),
    "not symmetric": (LINE, {"symmetric": False}, "double"),
    "with a diagonal layer": (CLOUD.centered(), {"diagonal": True}, "double"),
    "three layers": (CLOUD.centered().standardized(), DEEP, "double"),
    "five layers": (LINE, DEEP | {"depth": 4, "activation": "gelu", "symmetric": False}, "double"),
    "with biases": (CLOUD.centered(), DEEP | {"depth": 4, "activation": "sine", "bias": 0.8}, "double"),
    "SIREN": (CLOUD.centered().standardized(), {"depth": 4, "omega_0": 5.0, "sigma_a": 0.2}, "double"),
    "symmetric SIREN in single precision": (LINE, {"omega_0": 9.0, "sigma_a": 0.1, "symmetric": True}, "single"),
    "deep in single precision": (LINE, DEEP | {"depth": 4, "activation": "tanh"}, "single"),
}


def trained(case: str) -> tuple[Problem, KeptNetwork, np.ndarray]:
    """A trained network, and what error.nc says that it gives on the samples in the units of the user, (C, N)."""
    samples, settings, precision = CASES[case]
    problem = Problem(Gaussian(3.0), samples, Network(**{"width": 40, "sigma_a": 1.0} | settings), TIMES, unit="km")
    plan = plan_training(problem, Training(integrator="gradient-descent", step=0.25, precision=precision))
    *_, last = trajectory(plan)
    values = samples.normalisation.restore(last.error.numpy() + samples.values)
    return problem, trained_module(plan, last.whole_state(), TIMES[-1]), values


def user_positions(problem: Problem) -> np.ndarray:
    return problem.samples.normalisation.restore_positions(problem.sites.positions())


def test_a_module_says_what_it_is():
    assert repr(trained("a line")[1]) == "KeptNetwork(40 neurons, 1-D, 1 channel, t = 4)"
    assert "4 layers of width 40, 2-D, 2 channels, t = 4" in repr(trained("SIREN")[1])


@pytest.mark.parametrize("case", CASES)
def test_saved_networks_give_the_training_s_values_back(case, tmp_path):
    problem, module, expected = trained(case)
    nn.save(module, tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    loaded, x = nn.load(tmp_path / "kept"), user_positions(problem)
    close = {"rtol": 0, "atol": ROUNDING[CASES[case][2]] * np.abs(expected).max()}
    np.testing.assert_allclose(loaded(torch.tensor(x)).detach().numpy().T, expected, **close)
    np.testing.assert_allclose(loaded.values_at(Positions(x)), expected, **close)
    with torch.no_grad():
        np.testing.assert_allclose(loaded(torch.tensor(x)).numpy().T, expected, **close)
    np.testing.assert_allclose(loaded.float()(torch.tensor(x)).detach().numpy().T, expected, rtol=0, atol=1e-3)
    assert loaded.description.unit == "km" and loaded.description.time == TIMES[-1]
    np.testing.assert_allclose(module.values_at(Positions(x)), expected, **close)


def test_values_on_a_grid_are_those_of_forward():
    _, module, _ = trained("a line")
    grid = Grid((65,), (3.0,))
    expected = module(torch.tensor(grid.positions())).detach().numpy().T
    np.testing.assert_allclose(module.values_at(grid), expected, rtol=0, atol=1e-12)


def test_forward_without_gradients_takes_little_memory(monkeypatch):
    """Few positions at a time, with the same values."""
    _, module, _ = trained("three layers")
    x = torch.rand(50, 2, dtype=torch.float64)
    whole = module(x)
    monkeypatch.setattr("freqbias.nn.kept_network.CHUNK", 1000)
    with torch.no_grad():
        torch.testing.assert_close(module(x), whole.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", ["scattered, centred, standardised", "with biases", "SIREN"])
def test_export(case, tmp_path):
    """torch.export and ONNX Runtime, for any number of positions."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    _, module, _ = trained(case)
    x, any_number = torch.rand(9, 2, dtype=torch.float64), ({0: torch.export.Dim("positions")},)
    exported = torch.export.export(module, (x[:5],), dynamic_shapes=any_number)
    torch.testing.assert_close(exported.module()(x), module(x), rtol=1e-12, atol=1e-12)
    torch.onnx.export(module.eval(), (x[:5],), dynamic_shapes=any_number, verbose=False).save(tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    (values,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    np.testing.assert_allclose(values, module(x).detach().numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", ["a line", "three layers", "SIREN"])
def test_networks_in_single_precision_are_kept_as_such(case, tmp_path):
    problem, module, _ = trained(case)
    module, x = module.float(), torch.tensor(user_positions(problem))
    nn.save(module, tmp_path / "single")
    loaded = nn.load(tmp_path / "single")
    assert loaded(x).dtype == torch.float32
    torch.testing.assert_close(loaded(x), module(x), rtol=0, atol=0)
    with pytest.raises(InputError, match=r"half precision; convert the network with network.float\(\)"):
        nn.save(module.half(), tmp_path / "half")
    assert not (tmp_path / "half" / "model.safetensors").exists()


def test_state_dict_and_further_training():
    _, module, _ = trained("three layers")
    other = make_module(module.description, {k: torch.zeros_like(v) for k, v in module.state_dict().items()})
    other.load_state_dict(module.state_dict())
    x = torch.rand(9, 2, dtype=torch.float64)
    torch.testing.assert_close(other(x), module(x))
    other(x).square().mean().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in other.parameters())


def test_networks_that_were_trained_further_have_no_time(tmp_path):
    nn.save(trained("SIREN")[1], tmp_path / "first")
    for change, name in ((lambda module: module.float(), "converted"), (lambda module: module, "copied")):
        nn.save(change(nn.load(tmp_path / "first")), tmp_path / name)
        assert nn.load(tmp_path / name).description.time == 4.0
    for name in dict(nn.load(tmp_path / "first").named_parameters()):
        module = nn.load(tmp_path / "first")
        with torch.no_grad():
            module.get_parameter(name).flatten()[-1] += 1e-3
        assert "t = 4" not in repr(module) and "changed weights" in repr(module)
        assert "time" not in freqbias.evaluate(module, np.zeros((1, 2))).attrs
        once, twice = tmp_path / "once" / name, tmp_path / "twice" / name
        nn.save(module, once)
        nn.save(nn.load(once), twice)
        for folder in (once, twice):
            about = nn.load(folder).description
            assert about.time is None and about.provenance["weights_changed"] == "after t = 4"


def test_forward_takes_tensors():
    with pytest.raises(InputError, match="torch tensor"):
        trained("a line")[1](np.zeros((3, 1)))


def test_save_overwrites_nothing(tmp_path):
    _, module, _ = trained("a line")
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"README\.md already; choose another folder"):
        nn.save(module, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def changed(path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def flip_last_byte(folder) -> None:
    packed = bytearray((folder / "model.safetensors").read_bytes())
    packed[-1] ^= 1
    (folder / "model.safetensors").write_bytes(packed)


def put_tensors(folder, **tensors: torch.Tensor) -> None:
    """Replace tensors, with the right SHA-256."""
    path = folder / "model.safetensors"
    save_file({name: each for name, each in (load_file(path) | tensors).items() if each is not None}, path)
    sign(folder)


def sign(folder) -> None:
    """Write the SHA-256 of the weights and of the description without it."""
    path = folder / "config.json"
    description = NetworkDescription.model_validate_json(path.read_text())
    signed = (folder / "model.safetensors").read_bytes() + description.model_dump_json(exclude={"sha256"}).encode()
    changed(path, lambda content: content.update(sha256=sha256(signed).hexdigest()))


def widen(folder, *, signed: bool = True) -> None:
    changed(folder / "config.json", lambda content: content["network"].update(width=10**9))
    if signed:
        sign(folder)


ONES = torch.ones(1, 40, dtype=torch.float64)
DAMAGES = {
    r"SHA-256": flip_last_byte,
    r"gains is unknown; the network has the tensors frequencies, cosine, sine": lambda f: put_tensors(f, gains=ONES),
    r"cosine has shape \(1, 39\)": lambda f: put_tensors(f, cosine=ONES[:, 1:].contiguous()),
    r"cosine has shape \(1, 40\) and type torch.int64": lambda f: put_tensors(f, cosine=ONES.long()),
    r"sine has NaN": lambda f: put_tensors(f, sine=ONES * float("nan")),
    r"sine is missing": lambda f: put_tensors(f, sine=None),
    r"config\.json: network: \[network\] width = 0": lambda f: changed(
        f / "config.json", lambda c: c["network"].update(width=0)
    ),
    r"frequencies has shape": widen,
    r"config\.json is damaged or has changed": lambda f: widen(f, signed=False),
    r"config\.json: .*value_mean has 2 numbers; give 1": lambda f: changed(
        f / "config.json", lambda c: c.update(value_mean=[0.0, 0.0])
    ),
    r"format_version": lambda f: changed(f / "config.json", lambda c: c.update(format_version=2)),
    r"program": lambda f: changed(f / "config.json", lambda c: c.update(program="x")),
    r"Invalid JSON": lambda f: (f / "config.json").write_text("{"),
    r"model\.safetensors": lambda f: (f / "model.safetensors").unlink(),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "kept"
    nn.save(trained("a line")[1], folder)
    return folder


@pytest.mark.parametrize("message", DAMAGES)
def test_damaged_files_are_refused(message, saved, tmp_path):
    folder = tmp_path / "kept"
    shutil.copytree(saved, folder)
    DAMAGES[message](folder)
    with pytest.raises((InputError, UsageError), match=message):
        nn.load(folder)


def test_folders_without_a_network(tmp_path, saved):
    with pytest.raises(InputError, match="has no network"):
        nn.load(tmp_path)
    with pytest.raises(InputError, match=r"time = 2: .* has one network only"):
        nn.load(saved, time=2.0)


def keep(what: str, **keys) -> dict:
    return {"training": {"step": 0.5, "precision": "double", "keep": what, **keys}}


def test_results_keep_networks(tmp_path):
    """At the end, at every output time, or none; a network of a result that was changed is refused."""
    store = run_in(tmp_path / "all", **keep("outputs"))
    history = statement.ErrorHistory.load(tmp_path / "all" / "nn" / "error.nc")
    problem = statement.build(statement.parse(TABLES | SHORT | keep("outputs")))
    for time, error in zip(history.time, history.error, strict=True):
        values = nn.load(tmp_path / "all", time=time).values_at(problem.sites)
        np.testing.assert_allclose(values - problem.samples.values, error, rtol=0, atol=1e-10)
    assert nn.load(str(tmp_path / "all")).description.time == history.time[-1]
    with pytest.raises(InputError, match=r"time = 3: .* has the network at t = 0, 2\.5, 5, 7\.5, 10"):
        nn.load(tmp_path / "all", time=3.0)
    weights = store.root / "nn" / "network.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(UsageError, match=r"network\.safetensors"):
        nn.load(tmp_path / "all")
    run_in(tmp_path / "none", **keep("none"))
    assert sorted(path.name for path in (tmp_path / "none" / "nn").iterdir()) == ["error.nc", "manifest.json"]
    with pytest.raises(InputError, match=r"the training kept no network; .* keep = \"end\""):
        nn.load(tmp_path / "none")


def test_resume_keeps_the_same_networks(tmp_path):
    run_in(tmp_path / "whole", **keep("outputs", checkpoint=0.0))
    for stop in (1, 12):
        with pytest.raises(StoppedEarly):
            run_in(tmp_path / "parts", stop=StopAfter(stop), resume=stop > 1, **keep("outputs", checkpoint=0.0))
    run_in(tmp_path / "parts", resume=True, **keep("outputs", checkpoint=0.0))
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.safetensors"))
    assert len(files) == 6
    for path in files:
        assert (tmp_path / "whole" / path).read_bytes() == (tmp_path / "parts" / path).read_bytes()
