"""Reading the user's own data: .npy .npz .csv .txt .dat .png .jpg .tif, as an array (n_1, ..., n_d, channels).

Array axis 0 is x_1, axis 1 is x_2. For images x_1 runs right and x_2 up. No pickle is ever read.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from freqbias.errors import InputError

SAMPLE_SCHEME = "matplotlib:"
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
TABLES = (".csv", ".txt")
SUFFIXES = (".npy", ".npz", ".dat", *TABLES, *IMAGES)


def resolve(path: str, folder: Path, *, section: str = "data", endings: tuple[str, ...] | None = SUFFIXES) -> Path:
    """The file a `path` of a run file in `folder` means; `matplotlib:NAME` names a sample that matplotlib ships.

    Raises InputError naming the key, in this section of the run file, where there is no such file or its name has none
    of the endings (None: any will do).
    """
    with _errors_of(section):
        found = _sample(path) if path.startswith(SAMPLE_SCHEME) else _expanded(path, folder)
        if not _is(Path.is_file, found):
            what = "not a file but a folder" if _is(Path.is_dir, found) else "no such file"
            raise InputError(f"path = {path!r}: {what} ({found}); paths are relative to the run file")
        if endings is not None and found.suffix.lower() not in endings:
            raise InputError(
                f"path = {path!r}: cannot read {found.suffix or 'a file without an ending'}; use one of "
                f"{' '.join(endings)}"
            )
        return found


@contextmanager
def _errors_of(section: str) -> Iterator[None]:
    try:
        yield
    except InputError as failure:
        raise InputError(f"[{section}] {failure}") from failure


def _sample(path: str) -> Path:
    from matplotlib.cbook import get_sample_data

    name = path.removeprefix(SAMPLE_SCHEME)
    root = Path(str(get_sample_data("membrane.dat", asfileobj=False))).parent
    found = root / name
    if Path(name).name != name or not found.is_file():
        raise InputError(f"path = {path!r}: matplotlib ships no sample of that name; look into {root}")
    return found


def _expanded(path: str, folder: Path) -> Path:
    try:
        return folder / Path(path).expanduser()
    except RuntimeError as failure:
        raise InputError(f"path = {path!r}: {failure} write the home folder out") from failure


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    try:
        return kind(path)
    except OSError:  # a name too long, a folder that may not be looked into
        return False


def read(
    path: Path,
    *,
    key: str | None = None,
    dtype: str | None = None,
    dimension: int | None = None,
    section: str = "data",
) -> np.ndarray:
    """The file's values as float64, shape (n_1, ..., n_d, C).

    key: the array inside an .npz; dtype: the number type of a raw .dat; dimension: d, where the array's axes leave it
    open.
    A d-dimensional array is one channel, a (d+1)-dimensional one has its channels last. Raises InputError naming the
    key, in this section of the run file, and the remedy.
    """
    with _errors_of(section):
        is_image = path.suffix.lower() in IMAGES
        if is_image and dimension not in (None, 2):
            raise InputError(f"dimension = {dimension}: {path.name} is an image, which has 2; leave dimension out")
        values = _real(path, key, dtype)
        return _with_channels(values.astype(float), 2 if is_image else dimension, path)


def _real(path: Path, key: str | None, dtype: str | None) -> np.ndarray:
    """The array in the file, of real numbers; whatever a library raises on a damaged file becomes an InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # what Pillow and NumPy only warn about is a damaged file too
            values = _values(path, key, dtype)
    except InputError:
        raise
    except Exception as failure:  # zip, zlib, Pillow and NumPy raise what they like on damaged files
        raise InputError(f"path = {str(path)!r}: not readable as {path.suffix}: {failure}; write it anew") from failure
    if values.dtype.kind not in "fiub":
        raise InputError(f"path = {str(path)!r}: holds {values.dtype}, not real numbers; convert it first")
    return values


def _values(path: Path, key: str | None, dtype: str | None) -> np.ndarray:
    """The array in the file as it stands there; images as x_1, x_2, channels."""
    match path.suffix.lower():
        case ".npz":
            return _npz(path, key)
        case ".npy":
            with path.open("rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        case ".dat":
            return _raw(path, dtype)
        case suffix if suffix in TABLES:
            values = np.loadtxt(path, delimiter="," if suffix == ".csv" else None, ndmin=2)
            return values[:, 0] if values.shape[1] == 1 else values
        case _:
            return _image(path)


def _with_channels(values: np.ndarray, dimension: int | None, path: Path) -> np.ndarray:
    if values.size == 0:
        raise InputError(f"path = {str(path)!r}: the file is empty")
    if dimension is None and not 1 <= values.ndim <= 3:
        raise InputError(
            f"path = {str(path)!r}: the array has shape {values.shape}; give 1 to 3 axes, or name the dimension "
            f"where one more holds the channels"
        )
    if dimension is None or values.ndim == dimension:
        return values[..., None]
    if values.ndim == dimension + 1:
        return values
    raise InputError(
        f"dimension = {dimension}: the array in {path.name} has shape {values.shape}; expected {dimension} "
        f"axes, or one more for channels"
    )


def _npz(path: Path, key: str | None) -> np.ndarray:
    with path.open("rb") as file, np.lib.npyio.NpzFile(file, allow_pickle=False) as archive:
        names = list(archive)
        if key is None and len(names) == 1:
            key = names[0]
        if key not in names:
            met = "is missing" if key is None else f"= {key!r} is not in {path.name}"
            raise InputError(f"key {met}; it holds {', '.join(names) or 'nothing'}: name one of them")
        return np.asarray(archive[key])


def _raw(path: Path, dtype: str | None) -> np.ndarray:
    if dtype is None:
        raise InputError(
            f'dtype is missing: {path.name} is raw binary; name its number type, for example dtype = "float32"'
        )
    if path.stat().st_size % np.dtype(dtype).itemsize:
        raise InputError(
            f"dtype = {dtype!r}: the {path.stat().st_size} bytes of {path.name} are not a whole number of them"
        )
    return np.fromfile(path, dtype=dtype)


def _image(path: Path) -> np.ndarray:
    """Values in [0, 1] for 8- and 16-bit images; x_1 runs right and x_2 up, turned as the camera says (EXIF).
    Transparency is left out."""
    from PIL import Image, ImageOps

    # Not by its name: Pillow would map a plain TIFF into memory and read it wrong where it is to be turned.
    with path.open("rb") as file, Image.open(file) as opened:
        opened.load()  # which turns TIFF already
        image: Image.Image = ImageOps.exif_transpose(opened)  # upright, as a viewer shows it
        if image.mode in ("P", "PA"):  # by way of RGBA, or Pillow warns where the palette has transparent colours
            image = image.convert("RGBA").convert("RGB")
        elif image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBA"):
            image = image.convert("RGB")
        elif image.mode in ("1", "LA"):
            image = image.convert("L")
        values = np.asarray(image)
    full = {"u": {1: 255.0, 2: 65535.0}}.get(values.dtype.kind, {}).get(values.dtype.itemsize, 1.0)
    values = values[..., None] if values.ndim == 2 else values
    return np.swapaxes(values[::-1], 0, 1).astype(float) / full
