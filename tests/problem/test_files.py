"""Reading data files: every format is written and read back; damaged, unknown and malicious files are refused."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from freqbias.errors import InputError
from freqbias.problem import files

RNG = np.random.default_rng(0)
LINE, MAP, VOLUME = RNG.normal(size=7), RNG.normal(size=(4, 5)), RNG.normal(size=(2, 3, 4))


def read(path, **options):
    return files.read(files.resolve(path.name, path.parent), **options)


@pytest.mark.parametrize("values", [LINE, MAP, VOLUME], ids=["1d", "2d", "3d"])
def test_npy_and_npz(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    np.savez_compressed(tmp_path / "a.npz", only=values)
    for name in ("a.npy", "a.npz"):
        np.testing.assert_array_equal(read(tmp_path / name), values[..., None])


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8", "bool", ">f8"])
def test_real_types_become_double(tmp_path, dtype):
    values = (10 * MAP).astype(dtype)
    np.save(tmp_path / "a.npy", np.asfortranarray(values))
    result = read(tmp_path / "a.npy")
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result[..., 0], values.astype(float))


def test_channels_are_last(tmp_path):
    np.save(tmp_path / "a.npy", VOLUME)
    np.testing.assert_array_equal(read(tmp_path / "a.npy", dimension=2), VOLUME)
    assert read(tmp_path / "a.npy", dimension=3).shape == (2, 3, 4, 1)
    np.save(tmp_path / "b.npy", VOLUME[..., None] * [1, 2])
    np.testing.assert_array_equal(read(tmp_path / "b.npy", dimension=3)[..., 1], 2 * VOLUME)


def test_npz_by_key(tmp_path):
    np.savez(tmp_path / "a.npz", map=MAP, line=LINE)
    np.testing.assert_array_equal(read(tmp_path / "a.npz", key="line")[:, 0], LINE)
    with pytest.raises(InputError, match="key is missing; use one of map, line"):
        read(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"key = 'mop' is not in a.npz; use one of map, line"):
        read(tmp_path / "a.npz", key="mop")


def test_tables(tmp_path):
    np.savetxt(tmp_path / "map.csv", MAP, delimiter=",")
    np.savetxt(tmp_path / "map.txt", MAP)
    np.savetxt(tmp_path / "line.csv", LINE, header="value")
    for name in ("map.csv", "map.txt"):
        np.testing.assert_allclose(read(tmp_path / name)[..., 0], MAP, rtol=1e-15)
        np.testing.assert_allclose(read(tmp_path / name, dimension=1), MAP, rtol=1e-15)
    assert read(tmp_path / "line.csv").shape == (7, 1)
    np.testing.assert_allclose(read(tmp_path / "line.csv")[:, 0], LINE, rtol=1e-15)


def test_raw(tmp_path):
    LINE.astype("float32").tofile(tmp_path / "a.dat")
    np.testing.assert_allclose(read(tmp_path / "a.dat", dtype="float32")[:, 0], LINE, rtol=1e-6)
    with pytest.raises(InputError, match="dtype is missing"):
        read(tmp_path / "a.dat")
    with pytest.raises(InputError, match=r"dtype = 'float64': the file size of a.dat, 28 bytes, is not a multiple"):
        read(tmp_path / "a.dat", dtype="float64")


# Images store rows from the top. x_1 points right and x_2 up, so values[0, -1] is the top left pixel.
def test_matplotlib_samples(tmp_path):
    elevation = files.resolve("matplotlib:jacksboro_fault_dem.npz", tmp_path)
    assert files.read(elevation, key="elevation").shape == (344, 403, 1)
    membrane = files.resolve("matplotlib:membrane.dat", tmp_path)
    assert files.read(membrane, dtype="float32").shape == (membrane.stat().st_size // 4, 1)
    for name in ("nothing.npz", "../matplotlibrc", "sub/membrane.dat", ""):
        with pytest.raises(InputError, match="matplotlib has no sample file with this name; choose a file in"):
            files.resolve(f"matplotlib:{name}", tmp_path)


def test_pickles_are_never_read(tmp_path):
    """An array of objects can contain code, which must not run."""
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return open, (str(marker), "w")

    evil = np.array([Evil()], dtype=object)
    np.save(tmp_path / "a.npy", evil, allow_pickle=True)
    np.savez(tmp_path / "a.npz", evil=evil)
    (tmp_path / "b.npy").write_bytes(evil.dumps())
    (tmp_path / "b.npz").write_bytes(evil.dumps())
    for name in ("a.npy", "a.npz", "b.npy", "b.npz"):
        with pytest.raises(InputError, match=r"\[data\] path = .*; write the file again"):
            read(tmp_path / name)
    assert not marker.exists()


def whole_file(suffix):
    stream = io.BytesIO()
    if suffix == ".npy":
        np.save(stream, MAP)
    elif suffix == ".npz":
        np.savez_compressed(stream, map=RNG.normal(size=(40, 40)))
    elif suffix in files.IMAGES:
        noise = RNG.integers(0, 256, (40, 40), dtype=np.uint8)
        Image.fromarray(noise).save(stream, format={".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF"}.get(suffix, "JPEG"))
    return stream.getvalue()


@pytest.mark.parametrize("suffix", [".npy", ".npz", *files.IMAGES])
def test_files_cut_short_are_refused(tmp_path, suffix):
    content = whole_file(suffix)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert np.isfinite(read(path)).all()
    for length in (0, 5, 30, len(content) // 2, len(content) - 40):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"\[data\] path = .* cannot be read as .*; write the file again"):
            read(path)


@pytest.mark.parametrize("suffix", [s for s in files.SUFFIXES if s not in (*files.TABLES, ".dat")])
def test_empty_files_and_garbage_are_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    for content in (b"", b"\x00\xff\x80garbage\n" * 99):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"\[data\] path = .*; write the file again"):
            read(path)


def test_one_wrong_byte_in_an_npz(tmp_path):
    content = bytearray(whole_file(".npz"))
    content[len(content) // 2] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as"):
        read(tmp_path / "a.npz")


def test_bytes_behind_an_array_are_refused(tmp_path):
    """A second array of a .npy file, and the rest of an array in a .npz file whose shape is damaged."""
    with (tmp_path / "a.npy").open("wb") as file:
        np.save(file, MAP)
        np.save(file, MAP)
    with pytest.raises(InputError, match="more bytes follow the array; save a single array"):
        read(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", np.zeros((400, 400)))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content.replace(b"(400, 400)", b"(400,   4)"))
    with pytest.raises(InputError, match=r"cannot be read as \.npz: "):
        read(tmp_path / "a.npz")


def test_wrong_endings(tmp_path):
    for content, name in ((whole_file(".npz"), "a.npy"), (whole_file(".npy"), "a.npz"), (whole_file(".npy"), "a.png")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="cannot be read as"):
            read(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("note.txt", "no array")
    with pytest.raises(InputError, match="the file contains no arrays of numbers; give a file with an array"):
        read(tmp_path / "b.npz")


@pytest.mark.parametrize("values", [MAP + 1j, np.array(["a", "b"]), np.zeros(3, dtype=[("x", float)])])
def test_values_that_are_not_real(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(InputError, match=r"holds .* values; convert them to real numbers"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("shape", "dimension", "message"),
    [
        ((), None, r"shape \(\); give 1 to 3 axes"),
        ((2, 2, 2, 2), None, r"shape \(2, 2, 2, 2\); give 1 to 3 axes"),
        ((2, 2, 2, 2), 2, r"dimension = 2: .* shape \(2, 2, 2, 2\); give 2 axes"),
        ((5,), 2, r"dimension = 2: .* shape \(5,\); give 2 axes"),
        ((0, 3), None, "the file contains no values"),
        ((4, 0), 1, "the file contains no values"),
    ],
)
def test_wrong_shapes(tmp_path, shape, dimension, message):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.npy", dimension=dimension)


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("none.npy", "no such file"),
        ("x" * 400 + ".npy", "no such file"),
        ("a\0b.npy", "no such file"),
        (".", "this is a folder, not a file"),
    ],
)
def test_missing_files(tmp_path, path, what):
    with pytest.raises(InputError, match=rf"\[data\] path = .*: {what}.*; give a path relative to the run file"):
        files.resolve(path, tmp_path)


def test_unknown_home_folder(tmp_path):
    with pytest.raises(
        InputError, match=r"\[data\] path = '~nobody-at-all/a.npy': .* write the full path of the home folder"
    ):
        files.resolve("~nobody-at-all/a.npy", tmp_path)


@pytest.mark.parametrize("name", ["a.doc", "a"])
def test_unknown_endings(tmp_path, name):
    (tmp_path / name).write_text("1")
    with pytest.raises(InputError, match=r"cannot read .*; use one of \.npy"):
        files.resolve(name, tmp_path)
