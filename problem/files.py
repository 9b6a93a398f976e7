"""Reading data files (.npy .npz .csv .txt .dat .png .jpg .tif) as arrays (n_1, ..., n_d, channels).

Array axis 0 is x_1, axis 1 is x_2. In images x_1 points right and x_2 up. Pickled objects are never loaded.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.section import error_prefix

SAMPLE_SCHEME = "matplotlib:"
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
TABLES = (".csv", ".txt")
SUFFIXES = (".npy", ".npz", ".dat", *TABLES, *IMAGES)


def resolve(path: str, folder: Path, *, section: str = "data", endings: tuple[str, ...] | None = SUFFIXES) -> Path:
    """The file that a `path` key names; `matplotlib:NAME` is a sample file that comes with matplotlib.

    folder: of the run file; relative paths start there. section: of the run file, for error messages.
    endings: those allowed; None allows any.
    Raises InputError if there is no such file or its ending is not allowed.
    """
    with error_prefix(f"[{section}] path = {path!r}: "):
        found = _matplotlib_sample(path) if path.startswith(SAMPLE_SCHEME) else _expand(path, folder)
        if not _test(Path.is_file, found):
            problem = "this is a folder, not a file" if _test(Path.is_dir, found) else "no such file"
            raise InputError(f"{problem} ({found}); give a path relative to the run file")
        if endings is not None and found.suffix.lower() not in endings:
            raise InputError(
                f"cannot read {found.suffix or 'a file without an ending'}; use one of {' '.join(endings)}"
            )
        return found


def _matplotlib_sample(path: str) -> Path:
    from matplotlib.cbook import get_sample_data

    name = path.removeprefix(SAMPLE_SCHEME)
    root = Path(str(get_sample_data("membrane.dat", asfileobj=False))).parent
    found = root / name
    if Path(name).name != name or not found.is_file():
        raise InputError(f"matplotlib has no sample file of that name; choose one from {root}")
    return found


def _expand(path: str, folder: Path) -> Path:
    try:
        return folder / Path(path).expanduser()
    except RuntimeError as failure:
        raise InputError(f"{failure} write out the home folder") from failure


def _test(test: Callable[[Path], bool], path: Path) -> bool:
    """test(path), but False for a name that is too long or a folder that must not be read."""
    try:
        return test(path)
    except OSError:
        return False


def read(
    path: Path,
    *,
    key: str | None = None,
    dtype: str | None = None,
    dimension: int | None = None,
    section: str = "data",
) -> np.ndarray:
    """The values in a file as float64, (n_1, ..., n_d, C).

    key: name of the array in an .npz file. dtype: number type of a raw .dat file.
    dimension: d. An array with d axes has one channel; one with d + 1 axes has its channels last. By default every axis
    is one of x, except for images.
    section: of the run file, for error messages. Raises InputError that names the key and the remedy.
    """
    with error_prefix(f"[{section}] "):
        is_image = path.suffix.lower() in IMAGES
        if is_image and dimension not in (None, 2):
            raise InputError(
                f"dimension = {dimension}: {path.name} is an image, with 2 dimensions; leave dimension out"
            )
        values = _read_real(path, key, dtype)
        return _with_channels(values.astype(float), 2 if is_image else dimension, path)


def _read_real(path: Path, key: str | None, dtype: str | None) -> np.ndarray:
    """The array in the file. Raises InputError for a damaged file, or one whose values are not real numbers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Pillow and NumPy only warn about some damaged files
            values = _read_array(path, key, dtype)
    except InputError:
        raise
    except Exception as failure:  # zip, zlib, Pillow and NumPy raise many types for damaged files
        raise InputError(
            f"path = {str(path)!r}: cannot be read as {path.suffix}: {failure}; write the file again"
        ) from failure
    if values.dtype.kind not in "fiub":
        raise InputError(f"path = {str(path)!r}: it holds {values.dtype} values; convert them to real numbers")
    return values


def _read_array(path: Path, key: str | None, dtype: str | None) -> np.ndarray:
    """The array as the file stores it; images as (x_1, x_2, channels)."""
    match path.suffix.lower():
        case ".npz":
            return _read_npz(path, key)
        case ".npy":
            with path.open("rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        case ".dat":
            return _read_raw(path, dtype)
        case suffix if suffix in TABLES:
            values = np.loadtxt(path, delimiter="," if suffix == ".csv" else None, ndmin=2)
            return values[:, 0] if values.shape[1] == 1 else values
        case _:
            return _read_image(path)


def _with_channels(values: np.ndarray, dimension: int | None, path: Path) -> np.ndarray:
    """The array with a last axis for channels."""
    if values.size == 0:
        raise InputError(f"path = {str(path)!r}: the file holds no values; give a file that is not empty")
    if dimension is None and not 1 <= values.ndim <= 3:
        raise InputError(
            f"path = {str(path)!r}: the array has shape {values.shape}; give 1 to 3 axes, or set dimension if one more "
            f"axis holds the channels"
        )
    if dimension is None or values.ndim == dimension:
        return values[..., None]
    if values.ndim == dimension + 1:
        return values
    raise InputError(
        f"dimension = {dimension}: the array in {path.name} has shape {values.shape}; give {dimension} axes, or one "
        f"more for channels"
    )


def _read_npz(path: Path, key: str | None) -> np.ndarray:
    with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
        names = list(archive)
        if key is None and len(names) == 1:
            key = names[0]
        if key not in names:
            met = "is missing" if key is None else f"= {key!r} is not in {path.name}"
            raise InputError(f"key {met}; use one of {', '.join(names) or '(the file holds no arrays)'}")
        return np.asarray(archive[key])


def _read_raw(path: Path, dtype: str | None) -> np.ndarray:
    if dtype is None:
        raise InputError(f'dtype is missing: {path.name} is raw binary; give its type, for example dtype = "float32"')
    if path.stat().st_size % np.dtype(dtype).itemsize:
        raise InputError(
            f"dtype = {dtype!r}: the file size of {path.name}, {path.stat().st_size} bytes, is not a multiple of the "
            "size of this type; use another dtype"
        )
    return np.fromfile(path, dtype=dtype)


def _read_image(path: Path) -> np.ndarray:
    """An upright image (x_1, x_2, channels) without transparency; 8- and 16-bit values are scaled to [0, 1]."""
    from PIL import Image, ImageOps

    # Open the file here: given a path, Pillow maps a plain TIFF into memory and misreads it when EXIF asks for a turn.
    with path.open("rb") as file, Image.open(file) as opened:
        opened.load()  # this already turns a TIFF
        image: Image.Image = ImageOps.exif_transpose(opened)
        if image.mode in ("P", "PA"):  # through RGBA, since Pillow warns about palettes with transparent colours
            image = image.convert("RGBA").convert("RGB")
        elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBA"):
            image = image.convert("RGB")
        elif image.mode in ("1", "LA"):
            image = image.convert("L")
        values = np.asarray(image)
    full_scale = {"u": {1: 255.0, 2: 65535.0}}.get(values.dtype.kind, {}).get(values.dtype.itemsize, 1.0)
    values = values[..., None] if values.ndim == 2 else values
    return np.swapaxes(values[::-1], 0, 1).astype(float) / full_scale
