"""Mesh files of all formats open no other files, and reading them ends, within the memory that their size allows."""

import base64
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from types import SimpleNamespace

import h5py
import meshio
import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.meshes.mesh_readers import read_mesh

POINTS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
MESH = meshio.Mesh(POINTS, {"tetra": np.array([[0, 1, 2, 3]])})


@pytest.fixture
def elsewhere(tmp_path):
    """A folder with a mesh, beside the folder of the mesh files that name it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ("mesh.xdmf", "mesh.inp", "mesh.med"):
        MESH.write(folder / name)
    POINTS.tofile(folder / "points.bin")
    return folder


def refused(path, message):
    with pytest.raises(InputError, match=message):
        read_mesh(path)


def test_xdmf_and_the_data_file_beside_it(tmp_path, monkeypatch, new_reader):
    monkeypatch.chdir(tmp_path.parent)
    for data_format in ("HDF", "Binary"):
        path = tmp_path / f"{data_format}.xdmf"
        meshio.xdmf.write(path, MESH, data_format=data_format)
        points, [(kind, cells)] = read_mesh(path)
        assert (kind, cells.tolist(), points.tolist()) == ("tetra", [[0, 1, 2, 3]], POINTS.tolist())


@pytest.mark.parametrize("name", ["{}/mesh.h5", "../elsewhere/mesh.h5", "below/mesh.h5", "link.h5"])
def test_xdmf_opens_no_file_elsewhere(name, tmp_path, elsewhere):
    folder = tmp_path / "own"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "mesh.h5").write_bytes((elsewhere / "mesh.h5").read_bytes())
    (folder / "link.h5").symlink_to(elsewhere / "mesh.h5")
    text = (elsewhere / "mesh.xdmf").read_text().replace("mesh.h5", name.format(elsewhere))
    (folder / "mesh.xdmf").write_text(text)
    refused(folder / "mesh.xdmf", "which lies elsewhere; put the data file into the folder of the mesh file")
    (folder / "binary.xdmf").write_text(re.sub(r'"HDF"([^>]*)>[^<]*', rf'"Binary"\1>{elsewhere}/points.bin', text))
    refused(folder / "binary.xdmf", "points.bin', which lies elsewhere")


def test_xdmf_without_its_data_file(tmp_path, elsewhere):
    os.mkfifo(elsewhere / "pipe.h5")
    for name in ("none.h5", "pipe.h5"):
        (elsewhere / "new.xdmf").write_text((elsewhere / "mesh.xdmf").read_text().replace("mesh.h5", name))
        refused(elsewhere / "new.xdmf", f"the data file '{name}' is missing; put it into the folder")


def test_the_data_file_of_xdmf_brings_in_no_file(tmp_path, elsewhere):
    with h5py.File(tmp_path / "mesh.h5", "w") as file:
        file["data0"], file["data1"] = (h5py.ExternalLink("elsewhere/mesh.h5", f"/data{i}") for i in (0, 1))
    (tmp_path / "mesh.xdmf").write_text((elsewhere / "mesh.xdmf").read_text())
    refused(tmp_path / "mesh.xdmf", "data0 is a link to the file 'elsewhere/mesh.h5'; write all data into one file")


@pytest.mark.parametrize("suffix", ["med", "h5m", "hmf"])
def test_hdf5_meshes_bring_in_no_file(suffix, tmp_path):
    path = tmp_path / f"mesh.{suffix}"
    MESH.write(path)
    assert read_mesh(path).points.tolist() == POINTS.tolist()
    with h5py.File(path, "a") as file:
        file["more"] = h5py.ExternalLink("other.h5", "/points")
    refused(path, "more is a link to the file 'other.h5'; write all data into one file")


@pytest.mark.parametrize("name", ["mesh.inp", "../elsewhere/mesh.inp", "/etc/passwd"])
def test_abaqus_includes_no_file(name, elsewhere):
    (elsewhere / "new.inp").write_text(f"*INCLUDE, INPUT={name}\n")
    refused(elsewhere / "new.inp", "the file names another file, /.*; write the whole mesh into one file")


def test_tetgen_has_a_pair_of_files(tmp_path):
    MESH.write(tmp_path / "mesh.node")
    for name in ("mesh.node", "mesh.ele"):
        assert [kind for kind, _ in read_mesh(tmp_path / name).cells] == ["tetra"]
    (tmp_path / "mesh.ele").unlink()
    refused(tmp_path / "mesh.node", "the data file 'mesh.ele' is missing")


def test_entities_of_xml_open_nothing_and_do_not_grow(tmp_path, elsewhere):
    text = (elsewhere / "mesh.xdmf").read_text()
    path = elsewhere / "new.xdmf"
    path.write_text(text.replace("<Xdmf", '<!DOCTYPE Xdmf SYSTEM "Xdmf.dtd" []><Xdmf', 1))  # as other programs write
    assert read_mesh(path).points.tolist() == POINTS.tolist()
    path.write_text(f'<!DOCTYPE Xdmf [<!ENTITY e SYSTEM "file:///etc/passwd">]>{text.replace("mesh.h5", "&e;mesh.h5")}')
    refused(path, "meshio cannot read the file")
    entities = "".join(f'<!ENTITY e{i} "{10 * f"&e{i - 1};"}">' for i in range(1, 10))
    path.write_text(f'<!DOCTYPE Xdmf [<!ENTITY e0 "0123456789">{entities}]>{text.replace("mesh.h5", "&e9;")}')
    refused(path, "meshio cannot read the file")


def with_limit(limit, path):
    """The reader's process with a limit that a test can reach soon."""
    code = f"import sys; from freqbias.meshes import reader_process as r; r.{limit}; r.main(sys.argv[1])"
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)


def test_a_compressed_file_that_would_fill_the_memory(tmp_path):
    path, blocks = tmp_path / "mesh.vtu", 200
    MESH.write(path)
    block = zlib.compress(bytes(2**20), 9)
    header = struct.pack(f"<{3 + blocks}I", blocks, 2**20, 2**20, *[len(block)] * blocks)
    data = b"".join(map(base64.b64encode, (header, block * blocks))).decode()
    path.write_text(re.sub(r'(<DataArray[^>]*Name="Points"[^>]*>)[^<]*', rf"\g<1>{data}", path.read_text()))
    ended = with_limit("MEMORY = 2**27", path)
    assert ended.returncode == 2
    assert "the file declares data of more than 64 times its size" in ended.stderr


@pytest.mark.parametrize(
    "name, before, after",
    [
        ("mesh.vtk", b"POINTS 4", b"POINTS 400000000000"),
        ("mesh.ply", b"vertex 4", b"vertex 400000000000"),
        ("mesh.mesh", b"Vertices\n4", b"Vertices\n400000000000"),
    ],
)
def test_a_header_that_declares_too_much(name, before, after, tmp_path, new_reader):
    path = tmp_path / name
    MESH.write(path)
    path.write_bytes(path.read_bytes().replace(before, after))
    refused(path, "the file declares data of more than 64 times its size")


def test_a_reader_that_does_not_end(tmp_path, monkeypatch):
    """meshio reads an empty TetGen file for ever."""
    for name in ("mesh.node", "mesh.ele"):
        (tmp_path / name).write_text("")
    ended = with_limit("SECONDS = 1", tmp_path / "mesh.node")
    assert ended.returncode == -signal.SIGXCPU
    monkeypatch.setattr(
        "freqbias.meshes.mesh_readers.subprocess.run",
        lambda *args, **options: SimpleNamespace(returncode=ended.returncode, stderr=b""),
    )
    refused(tmp_path / "mesh.node", "it did not end in the time that is enough for a file of this size")


def test_no_program_is_started_and_no_file_written(tmp_path):
    """The reader process may not start programs or write files, even if meshio tried to."""
    path = tmp_path / "mesh.vtu"
    MESH.write(path)
    attempts = [
        "os.system('touch A')",
        "os.posix_spawn('/bin/touch', ['touch', 'A'], {})",
        "subprocess.run(['touch', 'A'])",
        "open(mesh, 'a')",
        "open('A', 'w')",
        "open('/etc/passwd')",
    ]
    code = ["import os, sys, pathlib, subprocess", "from freqbias.meshes import reader_process as r"]
    code += ["mesh = sys.argv[1]", "r.open_only({pathlib.Path(mesh)})", "open(mesh)"]
    code += [f"try: {attempt}\nexcept r.InputError: print('refused')" for attempt in attempts]
    command = [sys.executable, "-c", "\n".join(code), str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused"] * len(attempts)
    assert [file.name for file in tmp_path.iterdir()] == ["mesh.vtu"]


def test_only_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "mesh.vtu")
    refused(tmp_path / "mesh.vtu", "not a file")
    refused(tmp_path, "not a file")
