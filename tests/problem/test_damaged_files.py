"""Files of every format with some bytes changed or cut: read or refused by a short message, quickly."""

import h5py
import nibabel
import nrrd
import numpy as np
import pytest
import soundfile
import tifffile
from PIL import Image
from scipy.io import savemat

from freqbias.errors import InputError
from freqbias.problem import files

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 255, (20, 30), dtype=np.uint8)
COLOURS = np.stack([IMAGE] * 3, axis=-1)
COPIES = 60


def hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("g/a", data=IMAGE, chunks=(5, 5), compression="gzip")


def tiff(values, **options):
    return lambda path: tifffile.imwrite(path, values, **options)


WRITERS = {
    "a.npy": lambda path: np.save(path, IMAGE),
    "a.npz": lambda path: np.savez_compressed(path, a=IMAGE),
    "a.mat": lambda path: savemat(path, {"a": IMAGE, "s": {"b": 1}}),
    "packed.mat": lambda path: savemat(path, {"a": IMAGE}, do_compression=True),
    "a.h5": hdf5,
    "a.png": lambda path: Image.fromarray(IMAGE).save(path),
    "a.jpg": lambda path: Image.fromarray(COLOURS).save(path),
    "a.tif": tiff(IMAGE, compression="lzw", predictor=2),
    "tiles.tif": tiff(COLOURS, photometric="rgb", tile=(16, 16), compression="deflate"),
    "stack.tif": tiff(np.stack([IMAGE] * 3), photometric="minisblack"),
    "hyper.tif": tiff(np.stack([IMAGE] * 4).reshape(2, 2, 20, 30), imagej=True, metadata={"axes": "ZCYX"}),
    "ome.tif": tiff(np.stack([IMAGE] * 3), ome=True, photometric="minisblack"),
    "a.wav": lambda path: soundfile.write(path, RNG.uniform(-1, 1, 500), 8000),
    "a.flac": lambda path: soundfile.write(path, RNG.uniform(-1, 1, 500), 8000),
    "a.ogg": lambda path: soundfile.write(path, RNG.uniform(-1, 1, 500), 8000),
    "a.nii": lambda path: nibabel.Nifti1Image(IMAGE, np.eye(4)).to_filename(path),
    "a.nii.gz": lambda path: nibabel.Nifti1Image(IMAGE, np.eye(4)).to_filename(path),
    "a.nrrd": lambda path: nrrd.write(str(path), IMAGE),
}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one to five faults, most of them in the first 400 bytes, where the header is."""
    result = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(min(len(result), 400 if rng.random() < 0.7 else len(result))))
        match rng.integers(4):
            case 0 | 1:
                result[at] = rng.integers(256)
            case 2:
                result[at : at + 4] = (b"\xff" * 4, b"\x00" * 4, b"\x7f\xff\xff\xff")[rng.integers(3)]
            case _:
                del result[at + 4 if rng.random() < 0.3 else max(at, 8) : at + int(rng.integers(1, 40))]
    return bytes(result)


@pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning")
@pytest.mark.parametrize("name", WRITERS)
def test_changed_bytes(tmp_path, name, capfd):
    path, rng = tmp_path / name, np.random.default_rng(1)
    WRITERS[name](path)
    content = path.read_bytes()
    refused = 0
    for _ in range(COPIES):
        path.write_bytes(damaged(content, rng))
        try:
            assert files.read(path).dtype == float
        except InputError as failure:
            refused += 1
            assert str(failure).startswith("[data] ")
            assert len(str(failure)) < 1000
    assert refused
    assert capfd.readouterr() == ("", "")
