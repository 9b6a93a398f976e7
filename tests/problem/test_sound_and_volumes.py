"""Sound and volumes: values, channels, and the extent that follows from the rate or spacing in the file."""

import gzip

import nibabel
import nrrd
import numpy as np
import pytest
import soundfile
import tomli_w

from freqbias.errors import InputError
from freqbias.problem import build, files, load, parse, resolved
from tests.problem.run_files import table

pytestmark = pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning")  # from pynrrd

RNG = np.random.default_rng(0)
STEREO = RNG.uniform(-0.9, 0.9, (4000, 2))


def problem_of(path, **keys):
    return build(parse(table(unit=None, data={"kind": "file", "path": str(path), **keys}, replace=True)))


@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("a.wav", "PCM_U8", 2**-7),
        ("a.wav", "PCM_16", 2**-15),
        ("a.wav", "PCM_24", 2**-23),
        ("a.wav", "FLOAT", 1e-7),
        ("a.wav", "DOUBLE", 0),
        ("a.flac", "PCM_16", 2**-15),
        ("a.flac", "PCM_24", 2**-23),
    ],
)
def test_sound(tmp_path, name, subtype, step):
    soundfile.write(tmp_path / name, STEREO, 8000, subtype=subtype)
    contents = files.read_contents(tmp_path / name)
    assert contents.values.shape == (4000, 2)
    np.testing.assert_allclose(contents.values, STEREO, rtol=0, atol=1.01 * step)
    assert (contents.spacing, contents.unit) == ((1 / 8000,), "s")


def test_rate_and_unit_of_sound(tmp_path):
    soundfile.write(tmp_path / "a.wav", STEREO, 8000)
    problem = problem_of(tmp_path / "a.wav")
    assert problem.grid.extent == (0.5,)
    assert (problem.unit, problem.samples.channels) == ("s", 2)
    assert problem.notes == ("a.wav: extent = 0.5 s, from the spacing in the file",)
    averaged = problem_of(tmp_path / "a.wav", points=500)
    assert (averaged.grid.shape, averaged.grid.extent) == ((500,), (0.5,))
    own = problem_of(tmp_path / "a.wav", extent=2.0)
    assert (own.grid.extent, own.unit, own.notes) == ((2.0,), "", ())
    assert problem_of(tmp_path / "a.wav", spacing=0.25).grid.extent == (1000.0,)


def test_ogg(tmp_path):
    tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    soundfile.write(tmp_path / "a.ogg", 0.5 * tone, 8000)
    contents = files.read_contents(tmp_path / "a.ogg")
    assert contents.values.shape == (8000, 1)
    np.testing.assert_allclose(contents.values[500:-500, 0], 0.5 * tone[500:-500], rtol=0, atol=0.05)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_sound_cut_short(tmp_path, name):
    soundfile.write(tmp_path / name, STEREO, 8000)
    content = (tmp_path / name).read_bytes()
    for length in (0, 5, 30, len(content) // 2, len(content) - 40):
        (tmp_path / name).write_bytes(content[:length])
        with pytest.raises(InputError, match=r"cannot be read as \.\w+: .*; write the file again"):
            files.read(tmp_path / name)


def test_sound_of_unknown_length(tmp_path):
    """Programs that write to a pipe state the largest length."""
    soundfile.write(tmp_path / "a.wav", STEREO, 8000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = content[4:8] = b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(content)
    assert files.read(tmp_path / "a.wav").shape == (4000, 2)


VOLUME = RNG.integers(-1000, 3000, (5, 4, 3)).astype(np.int16)


def nifti(path, values, spacing, *, slope=None, intercept=0.0, unit="mm", model=nibabel.Nifti1Image):
    image = model(values, np.diag([*spacing[:3], 1.0]))
    image.header.set_zooms(spacing)
    image.header.set_xyzt_units(unit)
    if slope is not None:
        image.header.set_slope_inter(slope, intercept)
    image.to_filename(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("model", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_nifti(tmp_path, name, model):
    nifti(tmp_path / name, VOLUME, (0.5, 0.75, 2.0), model=model)
    contents = files.read_contents(tmp_path / name)
    np.testing.assert_array_equal(contents.values[..., 0], VOLUME)
    assert (contents.spacing, contents.unit) == ((0.5, 0.75, 2.0), "mm")
    problem = problem_of(tmp_path / name)
    assert (problem.grid.extent, problem.unit) == ((2.5, 3.0, 6.0), "mm")


def test_nifti_of_the_other_byte_order(tmp_path):
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    nibabel.Nifti1Image(VOLUME.astype(">i2"), np.eye(4), header).to_filename(tmp_path / "a.nii")
    np.testing.assert_array_equal(files.read(tmp_path / "a.nii")[..., 0], VOLUME)


def test_slope_and_intercept(tmp_path):
    nifti(tmp_path / "a.nii", VOLUME, (1.0, 1.0, 1.0))
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[112:120] = np.array([0.5, -3.0], dtype="<f4").tobytes()  # scl_slope and scl_inter
    (tmp_path / "a.nii").write_bytes(content)
    np.testing.assert_array_equal(files.read(tmp_path / "a.nii")[..., 0], 0.5 * VOLUME - 3)


def test_nifti_of_two_files_is_refused(tmp_path):
    nifti(tmp_path / "a.nii", VOLUME, (1.0, 1.0, 1.0))
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[344:347] = b"ni1"
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(InputError, match="the values are in another file; save header and values as one file"):
        files.read(tmp_path / "a.nii")


@pytest.mark.parametrize("length", [3, 10_000])  # Python reads up to 128 KiB beyond the values
def test_a_wrong_checksum_of_a_packed_volume(tmp_path, length):
    nifti(tmp_path / "a.nii.gz", np.zeros((5, 4, length)), (1.0, 1.0, 1.0))
    whole = (tmp_path / "a.nii.gz").read_bytes()
    content = bytearray(whole)
    content[-5] ^= 1
    (tmp_path / "a.nii.gz").write_bytes(content)
    with pytest.raises(InputError, match="CRC check failed"):
        files.read(tmp_path / "a.nii.gz")
    longer = bytearray(gzip.compress(gzip.decompress(whole) + bytes(6)))
    longer[-5] ^= 1
    (tmp_path / "a.nii.gz").write_bytes(longer)
    with pytest.raises(InputError, match="CRC check failed"):
        files.read(tmp_path / "a.nii.gz")


def test_values_far_behind_the_header_are_refused(tmp_path):
    """A packed file of zeros would be unpacked for minutes."""
    nifti(tmp_path / "a.nii", VOLUME, (1.0, 1.0, 1.0))
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[108:112] = np.array(1e9, dtype="<f4").tobytes()  # vox_offset
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match="the header states that the values begin at byte 1,000,000,000; write the"):
        files.read(tmp_path / "a.nii.gz")


def test_nifti_of_more_and_fewer_axes(tmp_path):
    """Axes after the third are channels; an axis of length 1 is no axis."""
    series = RNG.normal(size=(5, 4, 3, 2)).astype(np.float32)
    nifti(tmp_path / "a.nii", series, (1.0, 2.0, 3.0, 0.1))
    np.testing.assert_array_equal(files.read(tmp_path / "a.nii"), series)
    nifti(tmp_path / "b.nii", series[:, :, :1], (1.0, 2.0, 3.0, 0.1))
    contents = files.read_contents(tmp_path / "b.nii")
    np.testing.assert_array_equal(contents.values, series[:, :, 0])
    assert contents.spacing == (1.0, 2.0)


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd"])
def test_slices_as_channels(tmp_path, name):
    if name == "a.nii":
        nifti(tmp_path / name, VOLUME, (0.5, 0.75, 2.0))
    else:
        nrrd.write(str(tmp_path / name), VOLUME, {"spacings": [0.5, 0.75, 2.0], "units": ["mm", "mm", "s"]})
    problem = problem_of(tmp_path / name, dimension=2)
    np.testing.assert_array_equal(problem.samples.values, VOLUME.reshape(20, 3).T)
    assert problem.grid.extent == ((2.5, 3.0) if name == "a.nii" else (1.0, 1.0))


def test_a_series_at_one_point_is_refused(tmp_path):
    nifti(tmp_path / "a.nii", RNG.normal(size=(1, 1, 1, 9)), (1.0, 1.0, 1.0, 0.1))
    with pytest.raises(InputError, match=r"the array has shape \(1,\); give at least 2 points along every axis"):
        problem_of(tmp_path / "a.nii")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd"])
def test_volumes_cut_short(tmp_path, name):
    path = tmp_path / name
    if name == "a.nrrd":
        nrrd.write(str(path), VOLUME)
    else:
        nifti(path, VOLUME, (1.0, 1.0, 1.0))
    content = path.read_bytes()
    for length in (0, 5, 30, len(content) // 2, len(content) - 9):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"cannot be read as \.\S+: .*; write the file again"):
            files.read(path)


def test_a_wrong_byte_in_a_packed_volume(tmp_path):
    nifti(tmp_path / "a.nii", VOLUME, (1.0, 1.0, 1.0))
    content = bytearray(gzip.compress((tmp_path / "a.nii").read_bytes(), compresslevel=0))
    content[-30] ^= 1
    (tmp_path / "a.nii.gz").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as"):
        files.read(tmp_path / "a.nii.gz")


def run_file(folder, **data):
    path = folder / "run.toml"
    path.write_text(tomli_w.dumps(table(unit=None, data={"kind": "file", **data}, replace=True)))
    return path


def test_the_resolved_run_file_keeps_the_spacing_of_the_file(tmp_path):
    soundfile.write(tmp_path / "a.wav", STEREO[:200], 8000)
    run = load(run_file(tmp_path, path="a.wav"))
    (tmp_path / "again.toml").write_text(resolved(run))
    assert "extent" not in resolved(run)
    assert build(load(tmp_path / "again.toml")).grid == build(run).grid


def test_spacing(tmp_path):
    np.save(tmp_path / "a.npy", RNG.normal(size=(8, 6)))
    path = tmp_path / "a.npy"
    assert problem_of(path, spacing=0.5).grid.extent == (4.0, 3.0)
    assert problem_of(path, spacing=[0.5, 2.0], points=[4, 2]).grid.extent == (4.0, 12.0)
    assert "extent" not in resolved(load(run_file(tmp_path, path="a.npy", spacing=0.5)))


def test_a_warning_where_the_sides_differ(tmp_path):
    """By default all sides are 1, whatever the shape is."""
    np.save(tmp_path / "a.npy", RNG.normal(size=(8, 6)))
    np.save(tmp_path / "b.npy", RNG.normal(size=(6, 6)))
    problem = problem_of(tmp_path / "a.npy")
    assert problem.grid.extent == (1.0, 1.0)
    assert problem.warnings == [
        "[data] a.npy has 8 x 6 points, but all sides of the box count as equally long (extent = 1.0); set extent or "
        "spacing",
    ]
    silent = [({"extent": 1.0}, "a.npy"), ({"spacing": 1.0}, "a.npy"), ({}, "b.npy")]
    assert [problem_of(tmp_path / name, **keys).warnings for keys, name in silent] == [[]] * 3
