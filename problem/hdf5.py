"""HDF5 files (.h5, netCDF-4, MATLAB 7.3, some meshes) from anywhere: what a file may bring in, and how much."""

import os
from math import prod
from pathlib import Path

from freqbias.errors import InputError

MEMORY, MEMORY_PER_BYTE = 2**30, 64  # [bytes] more than numbers need, however well they are compressed
REMEDY = "write all data into one file"


def check_hdf5(path: Path) -> None:
    """Refuse an HDF5 file that reads other files, or that declares far more data than it holds, before data are read.

    An HDF5 file brings in other files by links to other files, by external storage of data, and by virtual datasets.
    A link within the file is harmless. Data that were never written, or that are repetitive and compressed, can be
    larger than the memory although the file is small.
    Raises InputError, which names the object in the file, and for damaged files the exceptions of h5py, of any type.
    """
    import h5py

    size = min((info := Path(path).stat()).st_size, 512 * info.st_blocks)  # a file may have holes
    declared = 0

    def refusal(name: str, link: object) -> str | None:
        nonlocal declared
        if isinstance(link, h5py.ExternalLink):
            return f"{name} is a link to the file {link.filename!r}; {REMEDY}"
        item = h5py.h5o.open(file.id, name.encode()) if isinstance(link, h5py.HardLink) else None
        if not isinstance(item, h5py.h5d.DatasetID):
            return None
        stored = item.get_create_plist()
        if stored.get_external_count():
            return f"{name} is stored in the file {os.fsdecode(stored.get_external(0)[0])!r}; {REMEDY}"
        if stored.get_layout() == h5py.h5d.VIRTUAL:
            return f"{name} is a virtual dataset, which reads other datasets; {REMEDY}"
        shape, chunk = item.shape, stored.get_chunk() if stored.get_layout() == h5py.h5d.CHUNKED else ()
        declared += max(item.get_space().get_simple_extent_npoints(), prod(chunk)) * item.get_type().get_size()
        if declared <= MEMORY + MEMORY_PER_BYTE * size:
            return None
        return (
            f"{name}, of shape {shape}, brings the data to {declared:.1e} bytes, but the file has only {size:.1e}; "
            "write the file again without compression, and with all its values"
        )

    with h5py.File(path, "r") as file:
        found = file.visititems_links(refusal)
    if found is not None:
        raise InputError(found)
