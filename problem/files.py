"""Functions that find data files and read them as arrays (n_1, ..., n_d, channels).

Array axis 0 is x_1, and axis 1 is x_2. In images x_1 points right and x_2 points up. Pickled objects are never loaded.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from freqbias.errors import InputError
from freqbias.problem.arrays import read_npy, read_npz, read_raw
from freqbias.problem.contents import Contents
from freqbias.problem.hdf5_arrays import read_hdf5, read_mat
from freqbias.problem.images import read_jpeg, read_png
from freqbias.problem.section import error_prefix
from freqbias.problem.sound import read_sound
from freqbias.problem.tables import TableFormat, read_grid
from freqbias.problem.tiff import read_tiff
from freqbias.problem.volumes import read_nifti, read_nrrd

SAMPLE_SCHEME = "matplotlib:"
LONG_PATH = 256
IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
TABLES = (".csv", ".tsv", ".txt")
ARRAYS = (".npy", ".npz", ".dat", ".mat", ".h5", ".hdf5")
SOUND = (".wav", ".flac", ".ogg")
VOLUMES = (".nii", ".nii.gz", ".nrrd")
SUFFIXES = (*ARRAYS, *TABLES, *IMAGES, *SOUND, *VOLUMES)


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
            where = f" ({found})" if len(str(found)) < LONG_PATH else ""  # not twice, because long messages are cut
            raise InputError(f"{why_no_file(found)}{where}; give a path relative to the run file")
        if endings is not None and ending(found) not in endings:
            raise InputError(
                f"cannot read {ending(found) or 'a file without an ending'}; use one of {' '.join(endings)}"
            )
        return found


def why_no_file(path: Path) -> str:
    """Return why a path names no file."""
    if _test(Path.is_dir, path):
        return "this is a folder, not a file"
    return "this is a pipe or a device, not a file" if _test(Path.exists, path) else "no such file"


def ending(path: Path) -> str:
    """Return the ending of the file name in lower case, for example ".npy" or ".nii.gz"."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else Path(name).suffix


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


def read(path: Path, **options: Any) -> np.ndarray:
    """Return the values in a file as float64, (n_1, ..., n_d, C). The options are those of `read_contents`."""
    return read_contents(path, **options).values


def read_contents(
    path: Path,
    *,
    key: str | None = None,
    dtype: str | None = None,
    dimension: int | None = None,
    section: str = "data",
    table: TableFormat | None = None,
) -> Contents:
    """Return the contents of a file. The values have the type float64 and the shape (n_1, ..., n_d, C).

    key: the name of the array in a file with several arrays. dtype: the number type of a raw .dat file.
    dimension: d. An array with d axes has one channel. In an array with d + 1 axes, the last axis is that of the
    channels. By default the format states d, or d is the number of axes of the array.
    section: the section of the run file, for error messages. table: how to read a text table.
    Raises InputError, which names the key and the remedy.
    """
    with error_prefix(f"[{section}] "):
        contents = _read_real(path, key, dtype, dimension, table or TableFormat())
        return _with_channels(replace(contents, values=contents.values.astype(float)), dimension, path)


def _read_real(path: Path, key: str | None, dtype: str | None, dimension: int | None, table: TableFormat) -> Contents:
    """Return the array in the file. Raises InputError if the file is damaged or the values are not real numbers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # for some damaged files, libraries give only a warning
            contents = _read_array(path, key, dtype, dimension, table)
    except (InputError, ImportError):
        raise
    except MemoryError as failure:
        raise InputError(
            f"path = {str(path)!r}: the memory is too small for this array: {failure}; crop or average the data"
        ) from failure
    except Exception as failure:  # the libraries raise many types for damaged files
        reason = " ".join(str(failure).split())[:300]
        raise InputError(
            f"path = {str(path)!r}: the file cannot be read as {ending(path)}: {reason}; write the file again"
        ) from failure
    if (kind := contents.values.dtype).kind not in "fiub":
        raise InputError(f"path = {str(path)!r}: the file holds {kind} values; convert them to real numbers")
    return contents


def _read_array(path: Path, key: str | None, dtype: str | None, dimension: int | None, table: TableFormat) -> Contents:
    """Return the array as the file stores it. Images have the axes (x_1, x_2, channels)."""
    match ending(path):
        case ".npz":
            return Contents(read_npz(path, key, dimension))
        case ".npy":
            return Contents(read_npy(path, dimension))
        case ".dat":
            return Contents(read_raw(path, dtype, dimension))
        case suffix if suffix in TABLES:
            with error_prefix(f"path = {str(path)!r}: "):
                return Contents(read_grid(path, table, dimension))
        case ".png":
            return read_png(path)
        case ".jpg" | ".jpeg":
            return read_jpeg(path)
        case ".tif" | ".tiff":
            return read_tiff(path)
        case ".mat":
            return Contents(read_mat(path, key, dimension))
        case ".h5" | ".hdf5":
            return read_hdf5(path, key, dimension)
        case ".nii" | ".nii.gz":
            return read_nifti(path)
        case ".nrrd":
            return read_nrrd(path)
        case ".wav" | ".flac" | ".ogg":
            return read_sound(path)
        case _:
            raise ValueError(f"this is not one of the formats {' '.join(SUFFIXES)}")


def _with_channels(contents: Contents, dimension: int | None, path: Path) -> Contents:
    """Return the contents with a last axis of the values for channels, and with the dimension."""
    values, own = contents.values, contents.dimension
    if values.size == 0:
        raise InputError(f"path = {str(path)!r}: the file contains no values; give a file that is not empty")
    if own == 3 and dimension == 2 and values.shape[3:] in ((), (1,)):  # the slices of a volume as channels
        values, own = values.reshape(values.shape[:3]), 2
        contents = replace(contents, spacing=contents.spacing and contents.spacing[:2])
    if own is not None and dimension not in (None, own):
        what = "an image" if own == 2 and ending(path) in IMAGES else "an array"
        raise InputError(
            f"dimension = {dimension}: {path.name} is {what}, which has {own} dimensions; leave dimension out"
        )
    if own is None and dimension is None and not 1 <= values.ndim <= 3:
        raise InputError(
            f"path = {str(path)!r}: the array has shape {values.shape}; give 1 to 3 axes, or set dimension if an "
            f"additional axis is that of the channels"
        )
    dimension = own or dimension or values.ndim
    if values.ndim not in (dimension, dimension + 1):
        raise InputError(
            f"dimension = {dimension}: the array in {path.name} has shape {values.shape}; give {dimension} axes, or "
            f"{dimension + 1} with the channels last"
        )
    return replace(contents, values=values if values.ndim > dimension else values[..., None], dimension=dimension)
