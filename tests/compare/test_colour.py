"""A colour image with noise and held-out samples, from its file to the comparison."""

import numpy as np
from PIL import Image

from freqbias.problem import ErrorHistory
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
