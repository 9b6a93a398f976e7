"""Small files that declare enormous arrays are refused by their header, within 1 s and 200 MB."""

import bz2
import gzip
import io
import re
import resource
import struct
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import h5py
import imagecodecs  # noqa: F401  (imported here, so that only reading counts)
import nibabel
import numpy as np
import pytest
import soundfile
from PIL import Image
from scipy.io import savemat

from freqbias.errors import InputError
from freqbias.problem import files
from tests.problem.test_images import chunk
from tests.problem.tiff_files import hand_made

MEMORY = 200 * 2**20  # bytes
TOO_LARGE = r"has .* values, which need [\d,.]+ GiB of memory; crop or average the data to at most 100,000,000 samples"
DAMAGED = "cannot be read as .*; write the file again"


def header_of_npy(shape, dtype="<f8"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"shape": shape, "fortran_order": False, "descr": dtype})
    return stream.getvalue()


def npz(head, size):
    """An archive of one array: this header, and zeros."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.npy", head + bytes(size))
    return stream.getvalue()


def png(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(2**20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg(width, height):
    stream = io.BytesIO()
    Image.fromarray(np.zeros((16, 16), dtype=np.uint8)).save(stream, format="JPEG")
    content = bytearray(stream.getvalue())
    at = content.index(b"\xff\xc0") + 5  # start of frame: marker, length, bits
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def nifti(shape, data):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape(shape)
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + bytes(4) + data


def nrrd(sizes, data, encoding="gzip"):
    head = (
        f"NRRD0004\ntype: uchar\ndimension: {len(sizes)}\nsizes: {' '.join(map(str, sizes))}\nencoding: {encoding}\n\n"
    )
    return head.encode() + data


def matlab(shape, data):
    """A packed array of doubles of this shape, with this element of data."""
    stream = io.BytesIO()
    savemat(stream, {"a": np.zeros((2, 2))})
    content = stream.getvalue().replace(struct.pack("<ii", 2, 2), struct.pack("<ii", *shape))
    array = content[136:-40] + struct.pack("<II", 9, len(data)) + data  # miDOUBLE
    packed = zlib.compress(struct.pack("<II", 14, len(array)) + array)  # miMATRIX
    return content[:128] + struct.pack("<II", 15, len(packed)) + packed  # miCOMPRESSED


def declared(suffix):
    """The content of a file that declares at least 2^30 values."""
    stream = io.BytesIO()
    match suffix:
        case ".npy":
            return header_of_npy((2**30,)) + bytes(1000)
        case ".npz":
            return npz(header_of_npy((2**30,)), 2**24)
        case ".png":
            return png(2**31 - 1, 2**31 - 1)
        case ".jpg":
            return jpeg(65_000, 65_000)
        case ".tif":
            return hand_made(60_000, 60_000, zlib.compress(bytes(2**20)), more=[(259, 8)])
        case ".nii":
            return nifti((2000, 2000, 2000), b"")
        case ".nii.gz":
            return gzip.compress(nifti((2000, 2000, 2000), b""))
        case ".nrrd":
            return nrrd((2000, 2000, 2000), gzip.compress(bytes(8)))
        case ".h5":
            with h5py.File(stream, "w") as file:
                file.create_dataset("a", (2**15, 2**15), "u1", chunks=(1000, 1000), compression="gzip")
            return stream.getvalue()
        case ".mat":
            savemat(stream, {"a": np.zeros((2, 2))})
            return stream.getvalue().replace(struct.pack("<ii", 2, 2), struct.pack("<ii", 2**16, 2**16))
    raise ValueError(suffix)


@contextmanager
def little_memory(memory):
    """Let this process use this much more memory than now."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def message_of(path, memory=MEMORY, **options):
    """The message with which a file is refused within this memory, or "" if it is read."""
    message = ""
    with little_memory(memory):
        try:
            files.read(path, **options)
        except InputError as failure:
            message = str(failure)
    return message


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png", ".jpg", ".tif", ".nii", ".nii.gz", ".nrrd", ".h5", ".mat"])
def test_declared_sizes(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(declared(suffix))
    assert path.stat().st_size < 2**20
    assert re.search(TOO_LARGE, message_of(path))


@pytest.mark.parametrize(("name", "head"), [("a.dat", b""), ("a.wav", b"RIFF")])
def test_large_files_without_content(tmp_path, name, head):
    """Files with holes need no space on the disk."""
    if head:
        soundfile.write(tmp_path / name, np.zeros(100), 8000)
        head = (tmp_path / name).read_bytes()[:40] + struct.pack("<I", 2**31)
    with (tmp_path / name).open("wb") as file:
        file.write(head)
        file.truncate(2**31 + len(head))
    assert re.search(TOO_LARGE, message_of(tmp_path / name, dtype="uint8" if name == "a.dat" else None))


def test_a_large_photograph(tmp_path):
    (tmp_path / "a.png").write_bytes(png(13_000, 13_000))
    message = message_of(tmp_path / "a.png")
    assert "the array has 13,000 x 13,000 x 1 values, which need 1.3 GiB of memory" in message


def test_large_tiles(tmp_path):
    tile = [(322, 2**16), (323, 2**16), (324, 8), (325, 100)]
    (tmp_path / "a.tif").write_bytes(hand_made(16, 16, bytes(100), more=tile))
    assert "the tiles have 65536 x 65536 pixels, more than the image" in message_of(tmp_path / "a.tif")


def test_headers_that_ask_for_more(tmp_path):
    """Neither a header of 2 GiB nor an element of 4 GB."""
    (tmp_path / "a.npz").write_bytes(npz(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31 - 1), 2**26))
    assert re.search(DAMAGED, message_of(tmp_path / "a.npz", memory=2**25))
    (tmp_path / "a.npy").write_bytes(header_of_npy((3,), "<U1000000000"))
    assert re.search(DAMAGED, message_of(tmp_path / "a.npy"))
    (tmp_path / "a.nrrd").write_bytes(nrrd((-1, 2, 2), gzip.compress(bytes(2**26), 1)))
    assert re.search(DAMAGED, message_of(tmp_path / "a.nrrd", memory=2**25))


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "b.nrrd", "a.mat"])
def test_more_than_the_header_declares_is_not_unpacked(tmp_path, name):
    zeros = bytes(2**20)
    content = {
        "a.nii.gz": lambda: gzip.compress(nifti((2, 2, 2), zeros)) + 99 * gzip.compress(zeros),
        "a.nrrd": lambda: nrrd((2, 2, 2), 99 * gzip.compress(zeros)),
        "b.nrrd": lambda: nrrd((2, 2, 2), 99 * bz2.compress(zeros), "bzip2"),
        "a.mat": lambda: matlab((2, 2), 99 * zeros),
    }[name]()
    (tmp_path / name).write_bytes(content)
    message = message_of(tmp_path / name, memory=2**25)
    refusals = {"a.mat": "103809024 bytes are not the size", "a.nii.gz": "more than 1,048,576 bytes follow the values"}
    assert re.search(refusals[name], message) if name in refusals else message == ""
