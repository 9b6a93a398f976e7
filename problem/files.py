"""Reading the user's own data: .npy .npz .csv .txt .dat .png .jpg .tif, as an array (n_1, ..., n_d, channels).

Array axis 0 is x_1, axis 1 is x_2. For images x_1 runs right and x_2 up. No pickle is ever read.
"""

from pathlib import Path

import numpy as np

from problem.errors import InputError

SAMPLE_SCHEME = "matplotlib:"
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
TABLES = (".csv", ".txt")
SUFFIXES = (".npy", ".npz", ".dat", *TABLES, *IMAGES)


def resolve(path: str, folder: Path) -> Path:
    """The file a `path` of a run file in `folder` means; `matplotlib:NAME` names a sample that matplotlib ships."""
    if path.startswith(SAMPLE_SCHEME):
        from matplotlib.cbook import get_sample_data

        name = path.removeprefix(SAMPLE_SCHEME)
        root = Path(str(get_sample_data("membrane.dat", asfileobj=False))).parent
        found = root / name
        if Path(name).name != name or not found.is_file():
            raise InputError(f"[data] path = {path!r}: matplotlib ships no sample of that name; look into {root}")
    else:
        found = folder / Path(path).expanduser()
        if not found.is_file():
            raise InputError(f"[data] path = {path!r}: no such file ({found}); paths are relative to the run file")
    if found.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"[data] path = {path!r}: cannot read {found.suffix or 'a file without an ending'}; use one of "
            f"{' '.join(SUFFIXES)}"
        )
    return found


def read(path: Path, *, key: str | None = None, dtype: str | None = None, dimension: int | None = None) -> np.ndarray:
    """The file's values as float64, shape (n_1, ..., n_d, C).

    key: the array inside an .npz; dtype: the number type of a raw .dat; dimension: d, where the array's axes leave it
    open.
    A d-dimensional array is one channel, a (d+1)-dimensional one has its channels last. Raises InputError naming the
    key and the remedy.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in IMAGES:
            return _image(path)
        if suffix == ".npz":
            values = _npz(path, key)
        elif suffix == ".npy":
            values = np.load(path, allow_pickle=False)
        elif suffix == ".dat":
            values = _raw(path, dtype)
        else:
            values = np.loadtxt(path, delimiter="," if suffix == ".csv" else None, ndmin=2)
            values = values[:, 0] if values.shape[1] == 1 else values
    except InputError:
        raise
    except (OSError, ValueError, EOFError, SyntaxError) as failure:
        raise InputError(
            f"[data] path = {str(path)!r}: not readable as {suffix}: {failure}; write it anew"
        ) from failure
    if values.dtype.kind not in "fiub":
        raise InputError(f"[data] path = {str(path)!r}: holds {values.dtype}, not real numbers; convert it first")
    return _with_channels(values.astype(float), dimension, path)


def _with_channels(values: np.ndarray, dimension: int | None, path: Path) -> np.ndarray:
    if values.size == 0:
        raise InputError(f"[data] path = {str(path)!r}: the file is empty")
    dimension = values.ndim if dimension is None else dimension
    if values.ndim == dimension and dimension <= 3:
        return values[..., None]
    if values.ndim == dimension + 1:
        return values
    raise InputError(
        f"[data] dimension = {dimension}: the array in {path.name} has shape {values.shape}; expected {dimension} "
        f"axes, or one more for channels"
    )


def _npz(path: Path, key: str | None) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        names = list(archive)
        if key is None and len(names) == 1:
            key = names[0]
        if key not in names:
            met = "is missing" if key is None else f"= {key!r} is not in {path.name}"
            raise InputError(f"[data] key {met}; it holds {', '.join(names) or 'nothing'}: name one of them")
        return archive[key]


def _raw(path: Path, dtype: str | None) -> np.ndarray:
    if dtype is None:
        raise InputError(
            f'[data] dtype is missing: {path.name} is raw binary; name its number type, for example dtype = "float32"'
        )
    if path.stat().st_size % np.dtype(dtype).itemsize:
        raise InputError(
            f"[data] dtype = {dtype!r}: the {path.stat().st_size} bytes of {path.name} are not a whole number of them"
        )
    return np.fromfile(path, dtype=dtype)


def _image(path: Path) -> np.ndarray:
    """Values in [0, 1] for 8- and 16-bit images; x_1 runs right and x_2 up. Transparency is left out."""
    from PIL import Image

    with Image.open(path) as opened:
        image: Image.Image = opened
        if opened.mode in ("P", "PA", "CMYK", "YCbCr", "LAB", "HSV", "RGBA"):
            image = opened.convert("RGB")
        elif opened.mode in ("1", "LA"):
            image = opened.convert("L")
        values = np.asarray(image)
    full = {"u": {1: 255.0, 2: 65535.0}}.get(values.dtype.kind, {}).get(values.dtype.itemsize, 1.0)
    values = values[..., None] if values.ndim == 2 else values
    return np.swapaxes(values[::-1], 0, 1).astype(float) / full
