"""Real signals for the benchmarks: images, maps, a volume's slice, scattered measurements, noisy ones.

All come with packages that freqbias or the benchmarks install: scikit-image and matplotlib.
"""

import gzip
from pathlib import Path

import matplotlib as mpl
import numpy as np
import skimage
from matplotlib.image import imread

from freqbias.numerics import Grid, Scattered
from freqbias.problem import Samples, area_average, load_samples

GREY, COLOUR = 64, 48  # points on each side
IMAGES = {
    "camera": 1, "coins": 1, "moon": 1, "page": 1, "brick": 1, "grass": 1, "gravel": 1, "cell": 1, "text": 1,
    "astronaut": 3, "chelsea": 3, "coffee": 3, "rocket": 3, "retina": 3, "ihc": 3,
}  # of scikit-image: channels  # fmt: skip
OTHERS = ("elevation", "sea floor", "MRI slice", "membrane", "scattered elevation", "stereo disparity")
NOISY = {"noisy camera": 0.5, "noisy moon": 1.0, "noisy elevation": 0.5}  # standard deviation of the noise


def image(name: str, channels: int) -> Samples:
    folder = Path(skimage.__file__).parent / "data"
    path = next(path for path in folder.iterdir() if path.stem == name and path.suffix in (".png", ".jpg"))
    values = imread(path).astype(float)
    values = values.mean(axis=-1, keepdims=True) if values.ndim == 3 and channels == 1 else values
    values = values[..., None] if values.ndim == 2 else values[..., :channels]
    return on_grid(values, GREY if channels == 1 else COLOUR)


def on_grid(values: np.ndarray, side: int) -> Samples:
    """The middle square of an array (n, m, C), averaged to side x side."""
    n = min(values.shape[:2])
    corner = [(size - n) // 2 for size in values.shape[:2]]
    square = values[corner[0] : corner[0] + n, corner[1] : corner[1] + n]
    averaged = area_average(square, (side, side))
    return Samples(Grid((side, side), (1.0, 1.0)), np.moveaxis(averaged, -1, 0).reshape(averaged.shape[-1], -1))


def signal(name: str) -> Samples:
    """The samples of a signal, standardised."""
    data = Path(mpl.get_data_path()) / "sample_data"
    if name in NOISY:
        clean = signal(name.removeprefix("noisy "))
        return clean.with_noise(NOISY[name], seed=0)
    if name in IMAGES:
        samples = image(name, IMAGES[name])
    elif name in ("elevation", "scattered elevation"):
        samples = load_samples("matplotlib:jacksboro_fault_dem.npz", key="elevation", points=[GREY, GREY])
    elif name == "sea floor":
        samples = on_grid(np.load(data / "topobathy.npz")["topo"][..., None].astype(float), GREY)
    elif name == "MRI slice":
        raw = gzip.decompress((data / "s1045.ima.gz").read_bytes())
        samples = on_grid(np.frombuffer(raw, ">u2").reshape(256, 256, 1).astype(float), GREY)
    elif name == "membrane":
        samples = load_samples("matplotlib:membrane.dat", dtype="float32", points=1024)
    else:
        disparity = np.load(Path(skimage.__file__).parent / "data" / "motorcycle_disp.npz")["arr_0"].astype(float)
        finite = np.where(np.isfinite(disparity), disparity, np.median(disparity[np.isfinite(disparity)]))
        samples = on_grid(finite[..., None], GREY)
    samples = samples.standardized()
    if name == "scattered elevation":
        chosen = np.sort(np.random.default_rng(0).permutation(samples.sites.size)[:2000])
        jitter = np.random.default_rng(1).uniform(-0.5, 0.5, (2000, 2)) / GREY
        return Samples(Scattered(samples.sites.positions()[chosen] + jitter), samples.values[:, chosen])
    return samples


def small_signal(name: str, side: int) -> Samples:
    """The mean over the channels of a signal, averaged to side x side points, or side^2 of its samples off a grid."""
    if name in NOISY:
        return small_signal(name.removeprefix("noisy "), side).with_noise(NOISY[name], seed=0)
    samples = signal(name)
    grey = samples.values.mean(axis=0)
    if isinstance(samples.sites, Grid) and samples.sites.dimension == 2:
        return on_grid(grey.reshape(*samples.sites.shape, 1), side).standardized()
    chosen = np.linspace(0, samples.sites.size - 1, min(side**2, samples.sites.size)).astype(int)
    return samples.subset(chosen)
