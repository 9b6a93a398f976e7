"""A colour image with noise and held-out samples, from its file to the comparison."""

import numpy as np
from PIL import Image

import freqbias
from freqbias.problem import ErrorHistory, squared_loss
from tests.batch import attempt

RUN = """
density = { kind = "gaussian", sigma = 3.0 }
data = { kind = "file", path = "image.png", standardize = true, held_out = 0.25, noise = 0.05 }
network = { width = 4000, sigma_a = 1.0, sampling = "sobol" }
time = { times = [1.0, 20.0] }
pde = { tolerance = 1e-2 }
"""


def test_colour_image_with_held_out_samples(tmp_path, undrawn):
    x, y = np.meshgrid(np.linspace(-1, 1, 12), np.linspace(-1, 1, 10))
    image = 128 + 100 * np.stack([np.sin(2 * x), np.cos(3 * y), x * y], axis=-1)
    Image.fromarray(image.astype(np.uint8)).save(tmp_path / "image.png")
    (tmp_path / "run.toml").write_text(RUN)
    out = tmp_path / "out"
    done = attempt("run", tmp_path / "run.toml", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "on the held-out samples" in done.stderr
    history = ErrorHistory.load(out / "nn" / "error.nc")
    assert history.error.shape == (3, 3, 90) and history.held_out_error.shape == (3, 3, 30)
    metrics = np.genfromtxt(out / "compare" / "metrics.csv", delimiter=",", names=True)
    np.testing.assert_allclose(metrics["loss_held_out"], history.held_out_loss, rtol=1e-12)
    assert metrics["loss_held_out"][-1] < 0.6 * metrics["loss_held_out"][0]
    assert metrics["error_over_initial"].max() < 0.05  # for 4000 neurons; 0.005 for 40,000
    assert metrics["mesh"].max() < 2e-3
    assert (out / "compare" / "learned.png").is_file()
    learned = freqbias.open(out)["compare/learned"]
    assert learned.nn.shape == (3, 3, 12, 10) and not np.isnan(learned.nn).any()  # also at the held-out samples
    assert int(learned.held_out.sum()) == 30 and int(learned.used.sum()) == 90
    used = learned.used.values.astype(bool)
    outside = np.abs(learned.nn.values[-1] - learned.target.values)[:, ~used]
    scale = np.array(history.normalisation.value_scale)[:, None]
    expected = np.sort(np.abs(scale * history.held_out_error[-1]), axis=None)
    np.testing.assert_allclose(np.sort(outside, axis=None), expected, rtol=0, atol=1e-9)
    assert np.abs(learned.nn.values[-1] - learned.pde.values[-1])[:, used].max() < 0.05  # colours from 0 to 1
    clean = squared_loss(history.error + freqbias.load(tmp_path / "run.toml").noise.added)
    np.testing.assert_allclose(metrics["true_clean_loss_nn"], clean, rtol=1e-12)
    spread = 0.05 * np.sqrt(2 * history.loss / 90)  # of the product of u and the noise
    assert (np.abs(metrics["clean_loss_nn"] - clean) < 3 * spread).all()
    assert metrics["psnr_nn"][-1] > metrics["psnr_nn"][0] and "ssim_nn" not in metrics.dtype.names
