"""Functions that read data files (.npy .npz .csv .tsv .txt .dat .png .jpg .tif) as arrays (n_1, ..., n_d, channels).

Array axis 0 is x_1, and axis 1 is x_2. In images x_1 points right and x_2 points up. Pickled objects are never loaded.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.section import error_prefix
from freqbias.problem.tables import TableFormat, read_grid

SAMPLE_SCHEME = "matplotlib:"
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
TABLES = (".csv", ".tsv", ".txt")
SUFFIXES = (".npy", ".npz", ".dat", *TABLES, *IMAGES)


def resolve(
    path: str, folder: Path, *, section: str = "data", key: str = "path", endings: tuple[str, ...] | None = SUFFIXES
) -> Path:
    """Return the path of the file that a key names. `matplotlib:NAME` names a sample file of matplotlib.

    folder: the folder of the run file, to which paths are relative. section, key: the run file's section and the name
    of the key, for messages.
    endings: the allowed endings of the file name. None allows every ending.
    Raises InputError if the file does not exist or the ending is not allowed.
    """
    with error_prefix(f"[{section}] {key} = {path!r}: "):
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
        raise InputError(f"matplotlib has no sample file with this name; choose a file in {root}")
    return found


def _expand(path: str, folder: Path) -> Path:
    try:
        return folder / Path(path).expanduser()
    except RuntimeError as failure:
        raise InputError(f"{failure} write the full path of the home folder") from failure


def _test(test: Callable[[Path], bool], path: Path) -> bool:
    """Return test(path), or False if the name is too long or the folder must not be read."""
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
    table: TableFormat | None = None,
) -> np.ndarray:
    """Return the values in a file as float64, (n_1, ..., n_d, C).

    key: the name of the array in an .npz file. dtype: the number type of a raw .dat file.
    dimension: d. An array with d axes has one channel. In an array with d + 1 axes, the last axis is that of the
    channels. By default d is 2 for images, and otherwise the number of axes of the array.
    section: the section of the run file, for error messages. table: how to read a text table.
    Raises InputError, which names the key and the remedy.
    """
    with error_prefix(f"[{section}] "):
        if path.suffix.lower() in TABLES:
            with error_prefix(f"path = {str(path)!r}: "):
                values = read_grid(path, table or TableFormat(), dimension)
            return _with_channels(values, dimension, path)
        is_image = path.suffix.lower() in IMAGES
        if is_image and dimension not in (None, 2):
            raise InputError(
                f"dimension = {dimension}: {path.name} is an image, which has 2 dimensions; leave dimension out"
            )
        values = _read_real(path, key, dtype)
        return _with_channels(values.astype(float), 2 if is_image else dimension, path)


def _read_real(path: Path, key: str | None, dtype: str | None) -> np.ndarray:
    """Return the array in the file. Raises InputError if the file is damaged or the values are not real numbers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # for some damaged files, Pillow and NumPy give only a warning
            values = _read_array(path, key, dtype)
    except InputError:
        raise
    except Exception as failure:  # zip, zlib, Pillow and NumPy raise many types for damaged files
        raise InputError(
            f"path = {str(path)!r}: the file cannot be read as {path.suffix}: {failure}; write the file again"
        ) from failure
    if values.dtype.kind not in "fiub":
        raise InputError(f"path = {str(path)!r}: the file holds {values.dtype} values; convert them to real numbers")
    return values


def _read_array(path: Path, key: str | None, dtype: str | None) -> np.ndarray:
    """Return the array as the file stores it. Images have the axes (x_1, x_2, channels)."""
    match path.suffix.lower():
        case ".npz":
            return _read_npz(path, key)
        case ".npy":
            with path.open("rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        case ".dat":
            return _read_raw(path, dtype)
        case _:
            return _read_image(path)


def _with_channels(values: np.ndarray, dimension: int | None, path: Path) -> np.ndarray:
    """Return the array with a last axis for channels."""
    if values.size == 0:
        raise InputError(f"path = {str(path)!r}: the file contains no values; give a file that is not empty")
    if dimension is None and not 1 <= values.ndim <= 3:
        raise InputError(
            f"path = {str(path)!r}: the array has shape {values.shape}; give 1 to 3 axes, or set dimension if an "
            f"additional axis is that of the channels"
        )
    if dimension is None or values.ndim == dimension:
        return values[..., None]
    if values.ndim == dimension + 1:
        return values
    raise InputError(
        f"dimension = {dimension}: the array in {path.name} has shape {values.shape}; give {dimension} axes, or "
        f"{dimension + 1} with the channels last"
    )


def _read_npz(path: Path, key: str | None) -> np.ndarray:
    with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
        names = list(archive)
        if key is None and len(names) == 1:
            key = names[0]
        if key not in names:
            met = "is missing" if key is None else f"= {key!r} is not in {path.name}"
            raise InputError(f"key {met}; use one of {', '.join(names) or '(the file contains no arrays)'}")
        return np.asarray(archive[key])


def _read_raw(path: Path, dtype: str | None) -> np.ndarray:
    if dtype is None:
        raise InputError(
            f'dtype is missing: {path.name} is raw binary; give the number type, for example dtype = "float32"'
        )
    if path.stat().st_size % np.dtype(dtype).itemsize:
        raise InputError(
            f"dtype = {dtype!r}: the file size of {path.name}, {path.stat().st_size} bytes, is not a multiple of the "
            "size of this number type; use another dtype"
        )
    return np.fromfile(path, dtype=dtype)


def _read_image(path: Path) -> np.ndarray:
    """Read an image as (x_1, x_2, channels), upright and without transparency. 8- and 16-bit values become [0, 1]."""
    from PIL import Image, ImageOps

    # Pillow gets an open file, because it misreads some TIFF files with an EXIF rotation if it gets a path.
    with path.open("rb") as file, Image.open(file) as opened:
        opened.load()  # this already rotates a TIFF
        image: Image.Image = ImageOps.exif_transpose(opened)
        if image.mode in ("P", "PA"):  # first to RGBA, since Pillow warns about transparent colours in palettes
            image = image.convert("RGBA").convert("RGB")
        elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBA"):
            image = image.convert("RGB")
        elif image.mode in ("1", "LA"):
            image = image.convert("L")
        values = np.asarray(image)
    full_scale = {"u": {1: 255.0, 2: 65535.0}}.get(values.dtype.kind, {}).get(values.dtype.itemsize, 1.0)
    values = values[..., None] if values.ndim == 2 else values
    return np.swapaxes(values[::-1], 0, 1).astype(float) / full_scale
