"""The output of network and equation on a grid: quality, file, sound and picture."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgba
from matplotlib.image import AxesImage
from scipy.io import wavfile
from scipy.ndimage import uniform_filter

from freqbias.compare import Learned, compare, draw_learned
from freqbias.compare.comparison.learned import psnr, ssim
from freqbias.compare.comparison.learned_figure import UNUSED_COLOUR
from freqbias.numerics import Grid, Scattered
from freqbias.problem import Gaussian, Network, Problem, Samples, waves
from tests.compare.build import fabricated, problem_1d, problem_2d
from tests.compare.legibility import assert_apart

TIMES = np.array([0.0, 1.0, 5.0])


def learned(values, unit="km", standardize=False, held_out=0.0):
    """The output for a target (C, n_1, ..., n_d). The errors are exp(-t) f* (network) and exp(-2 t) f* (equation)."""
    shape = values.shape[1:]
    samples = Samples(Grid(shape, (2.0,) * len(shape)), values.reshape(len(values), -1))
    samples = samples.split(held_out, 0)[0] if held_out else samples
    samples = samples.standardized() if standardize else samples
    problem = Problem(Gaussian(2.0), samples, Network(width=2, sigma_a=1.0), TIMES, unit=unit, name="picture")
    left = [-samples.values * np.exp(-rate * TIMES)[:, None, None] for rate in (1.0, 2.0)]
    return Learned.on_grid(problem, TIMES, dict(zip(("nn", "pde"), left, strict=True)))


def image(channels=1, shape=(9, 8)):
    return np.random.default_rng(0).uniform(size=(channels, *shape))


def test_psnr_of_known_errors():
    target = np.linspace(-1.0, 3.0, 8).reshape(2, 4)  # range 4
    values = target + np.array([0.4, 0.04, 0.0])[:, None, None]
    np.testing.assert_allclose(psnr(values, target)[:2], [20.0, 40.0], rtol=1e-12)
    assert psnr(values, target)[2] == np.inf
    assert np.isnan(psnr(values, np.ones((2, 4)))).all()


def test_ssim_is_the_mean_over_windows():
    """If a constant is added to an image, the variances stay the same and only the means change."""
    target = image(2, (12, 10))
    peak, shift = np.ptp(target), 0.3
    mean = np.array([uniform_filter(channel, 7)[3:-3, 3:-3] for channel in target])
    c = (0.01 * peak) ** 2
    expected = np.mean((2 * mean * (mean + shift) + c) / (mean**2 + (mean + shift) ** 2 + c))
    found = ssim(np.array([target, target + shift]), target)
    np.testing.assert_allclose(found, [1.0, expected], rtol=1e-9)
    assert np.isnan(ssim(np.ones((1, 1, 8, 8)), np.ones((1, 8, 8)))).all()


def test_standardize_is_undone():
    values = 1000 + 50 * image()
    plain, scaled = learned(values), learned(values, standardize=True)
    np.testing.assert_allclose(scaled.target, values, rtol=1e-12)
    left = np.exp(-TIMES)[:, None, None, None] * (values - values.mean())
    np.testing.assert_allclose(scaled.fields["nn"], values - left, rtol=1e-12)
    expected = 20 * np.log10(np.ptp(values) / (values.std() * np.exp(-TIMES)))
    np.testing.assert_allclose(scaled.metrics()["psnr_nn"], expected, rtol=1e-9)
    assert not np.allclose(plain.metrics()["psnr_nn"], expected, rtol=0.1)  # the network starts at 0 instead


def test_comparison_has_columns_for_grids_only():
    problem = problem_2d()
    spectrum, history = fabricated(problem)
    metrics = compare(spectrum, history, problem).metrics
    assert {"psnr_nn", "ssim_nn"} <= metrics.keys() and "psnr_pde" not in metrics  # no errors on the samples
    spectrum = replace(spectrum, sample_error=0.5 * history.error)
    record = compare(spectrum, history, problem)
    np.testing.assert_allclose(record.metrics["psnr_pde"] - record.metrics["psnr_nn"], 20 * np.log10(2), rtol=1e-9)
    assert (record.metrics["ssim_pde"] > record.metrics["ssim_nn"]).all()
    one = problem_1d()
    metrics = compare(*fabricated(one), one).metrics
    assert "psnr_nn" in metrics and "ssim_nn" not in metrics
    scattered = replace(problem, samples=Samples(Scattered(problem.grid.positions()), problem.samples.values))
    record = compare(replace(spectrum, loss=history.loss), history, scattered)
    assert record.learned is None and not {"psnr_nn", "ssim_nn"} & record.metrics.keys()
    assert "ssim_nn" not in learned(image(shape=(6, 8))).metrics()


@pytest.mark.parametrize(("channels", "shape"), [(1, (40,)), (1, (9, 8)), (3, (9, 8)), (1, (3, 4, 5))])
def test_held_out_samples_have_no_output(shape, channels):
    """The other samples are on the whole grid, and they alone count for PSNR, range and colours."""
    values = image(channels, shape)
    samples = Samples(Grid(shape, (2.0,) * len(shape)), values.reshape(channels, -1))
    training, held_out = samples.split(0.3, 0)
    values.reshape(channels, -1)[:, held_out.sites.indices] *= 100  # may not count
    record = learned(values, held_out=0.3, standardize=True)
    used = np.zeros(shape, dtype=bool)
    used.flat[training.sites.indices] = True
    np.testing.assert_array_equal(record.used, used)
    assert not record.is_whole and record.target.shape == values.shape and len(record.axes[0]) == shape[0]
    np.testing.assert_array_equal(np.isnan(record.target), np.broadcast_to(~used, values.shape))
    np.testing.assert_allclose(record.target[..., used], values[..., used], rtol=1e-12)
    known = values[..., used]
    left = np.exp(-5) * (known - known.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(record.fields["nn"][-1][..., used], known - left, rtol=1e-9)
    assert np.isnan(record.fields["nn"][..., ~used]).all()
    metrics = record.metrics()
    assert "ssim_nn" not in metrics and "ssim_nn" in learned(image(1, (9, 8))).metrics()
    expected = 20 * np.log10(np.ptp(known) / np.sqrt(np.mean(left**2)))
    assert metrics["psnr_nn"][-1] == pytest.approx(expected, rel=1e-9)

    figure = draw_learned(record)
    assert_apart(figure)
    assert f"{'gaps' if len(shape) == 1 else 'grey'}: not used for training" in figure.get_supxlabel()
    assert f"PSNR {expected:.1f} dB" in " ".join(panel.get_title() for panel in figure.axes)
    if len(shape) == 1:
        lines = figure.axes[0].lines
        assert all(np.isnan(line.get_ydata()[~used]).all() and line.get_marker() == "." for line in lines)
        return
    picture = figure.axes[0].images[0]
    assert figure.axes[0].get_facecolor() == to_rgba(UNUSED_COLOUR)
    shown = used.T if len(shape) == 2 else used[..., shape[-1] // 2].T
    if channels == 3 and len(shape) == 2:
        np.testing.assert_array_equal(picture.get_array()[..., 3], shown)
    else:
        np.testing.assert_array_equal(~np.ma.getmaskarray(np.ma.masked_invalid(picture.get_array())), shown)
        assert picture.get_clim() == pytest.approx((known[0].min(), known[0].max()), rel=1e-12)


@pytest.mark.parametrize("shape", [(9,), (9, 8), (3, 4, 5)])
def test_file_has_positions_and_units(shape, tmp_path):
    record = learned(image(2, shape))
    record.save(tmp_path / "learned.nc")
    with xr.open_dataset(tmp_path / "learned.nc") as data:
        dims = tuple(f"x{i + 1}" for i in range(len(shape)))
        assert data["nn"].dims == data["pde"].dims == ("time", "channel", *dims)
        np.testing.assert_array_equal(data["target"], record.target)
        np.testing.assert_array_equal(data["pde"], record.fields["pde"])
        np.testing.assert_allclose(data["x1"], Grid(shape, (2.0,) * len(shape)).axes()[0], rtol=1e-12)
        assert data["x1"].attrs["units"] == "km" and data["nn"].attrs["units"] == "unit of the file"


def test_sound(tmp_path):
    samples = waves(Grid((4000,), (0.5,)), [[440.0]])
    sound = learned(samples.values * 0.2, unit="s")
    sound = replace(sound, axes=tuple(samples.sites.axes()))
    assert sound.is_sound and not learned(samples.values).is_sound and not learned(image(), unit="s").is_sound
    sound.save_sound(tmp_path / "a.wav", "nn")
    rate, values = wavfile.read(tmp_path / "a.wav")
    assert rate == 8000 and values.dtype == np.float32
    expected = (1 - np.exp(-5)) * samples.values[0] / np.abs(samples.values).max()
    np.testing.assert_allclose(values, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "units"),
    [
        (image(shape=(40,)), "position x (km); f: value (unit of the data); PSNR of the network"),
        (image(4, (40,)), "position x (km)"),
        (1e5 * image(shape=(9, 16)), "position (x₁, x₂) (km); colours: value (unit of the data)"),
        (image(3), "position (x₁, x₂) (km)"),
        (2 * image(2, (16, 8)), "colours: value"),
        (image(shape=(7, 6, 5)), "slice x₃ = 0"),
    ],
    ids=["line", "four channels", "map", "image", "two channels", "volume"],
)
def test_pictures(values, units):
    record = learned(values)
    figure = draw_learned(record)
    assert_apart(figure)
    assert units in figure.get_supxlabel()
    titles = " ".join(panel.get_title() for panel in figure.axes)
    assert "t = 5" in titles and f"PSNR {record.metrics()['psnr_nn'][-1]:.1f} dB" in titles
    if record.dimension == 1:
        lines = figure.axes[len(TIMES) - 1].lines
        expected = [record.target[0], record.fields["pde"][-1, 0], record.fields["nn"][-1, 0]]
        for line, curve in zip(lines, expected, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), curve)
        return
    pictures = [image for panel in figure.axes for image in panel.images if isinstance(image, AxesImage)]
    target, last = pictures[0], pictures[len(TIMES)]
    middle = (..., record.target.shape[-1] // 2) if record.dimension == 3 else ...
    expected = record.fields["nn"][-1][middle]
    assert target.origin == "lower" and target.get_extent()[:2] == pytest.approx([-1.0, 1.0])  # x_1 right, x_2 up
    if len(values) == 3:
        np.testing.assert_array_equal(last.get_array(), np.clip(expected.transpose(2, 1, 0), 0, 1))
    else:
        np.testing.assert_array_equal(last.get_array(), expected[0].T)
        assert target.get_clim() == last.get_clim() == (record.target[0][...].min(), record.target[0].max())


def test_no_error_left_is_drawn():
    record = learned(image())
    done = replace(record, fields={"nn": record.target[None].repeat(3, axis=0)})
    assert "PSNR" not in "".join(panel.get_title() for panel in draw_learned(done).axes)
