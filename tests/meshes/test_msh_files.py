"""The .msh files that Gmsh writes are read, and the commands that Gmsh would run in one are not."""

import meshio
import numpy as np
import pytest

from freqbias.errors import InputError
from freqbias.meshes.mesh_readers import read_mesh
from freqbias.meshes.msh_sections import KEPT, mesh_sections

COMMAND = 'SystemCall "touch EXECUTED";\n'
POINTS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
TRIANGLES = np.array([[0, 1, 2], [1, 3, 2]])


@pytest.fixture(scope="module", params=["4.1", "4.1 binary", "2.2", "2.2 binary"])
def mesh_text(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("msh") / "mesh.msh"
    kind = {"4.1": "gmsh", "2.2": "gmsh22"}[request.param[:3]]
    meshio.Mesh(POINTS, {"triangle": TRIANGLES}).write(path, file_format=kind, binary="binary" in request.param)
    return path.read_bytes()


PLACES = {
    "alone": lambda text, script: script,
    "at the start": lambda text, script: script + text,
    "after a blank": lambda text, script: b" \n" + script + text,
    "after the format": lambda text, script: text.replace(b"$EndMeshFormat\n", b"$EndMeshFormat\n" + script),
    "after the nodes": lambda text, script: text.replace(b"$EndNodes\n", b"$EndNodes\n" + script),
    "on the line of a section": lambda text, script: text.replace(b"$Elements\n", b"$Elements; " + script),
    "on the line of an end": lambda text, script: text.replace(b"$EndNodes\n", b"$EndNodes; " + script),
    "at the end": lambda text, script: text + script,
    "after a comment": lambda text, script: b"// " + text + script,
    "after a mark of the byte order": lambda text, script: b"\xef\xbb\xbf" + text + script,
    "with CRLF": lambda text, script: text + script.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("script", [COMMAND, 'Merge "other.geo";\n', 'Include "other.geo";\n', 'Printf("a") > "b";\n'])
@pytest.mark.parametrize("place", PLACES)
def test_no_text_outside_of_sections(place, script, mesh_text):
    with pytest.raises(InputError, match=r"not the start of a section|has no end"):
        mesh_sections(PLACES[place](mesh_text, script.encode()))


def test_the_line_outside_of_sections_is_named(mesh_text):
    with pytest.raises(InputError, match="line 3 is not the start of a section"):
        mesh_sections(b"\n\n" + COMMAND.encode() + mesh_text)


@pytest.mark.parametrize("name", ["Comments", "PhysicalNames", "Entities", "Parametrizations", "Periodic"])
def test_other_sections_are_left_out(name, mesh_text):
    """freqbias skips the sections that it does not need, so no reader sees their content."""
    section = f'${name}\n1\n2 1 "a"; {COMMAND}$End{name}\n'.encode()
    for text in (section + mesh_text, mesh_text.replace(b"$Nodes\n", section + b"$Nodes\n"), mesh_text + section):
        kept = mesh_sections(text)
        assert b"SystemCall" not in kept
        assert kept == mesh_sections(mesh_text)
        assert all(kept.count(f"${section}\n".encode()) == 1 for section in KEPT)


def test_a_cut_file_is_refused(mesh_text):
    for end in ("$EndElements", "$Elements", "$EndNodes", "$Nodes"):
        with pytest.raises(InputError, match=r"has no end|not once"):
            mesh_sections(mesh_text[: mesh_text.index(end.encode())])
    with pytest.raises(InputError, match=r"\$Nodes 2 times, not once"):
        mesh_sections(mesh_text + b"$Nodes\n0\n$EndNodes\n")


@pytest.mark.parametrize("text", [COMMAND, f"$MeshFormat\n4.1 0 8\n$EndMeshFormat\n{COMMAND}"])
@pytest.mark.parametrize("name", ["mesh.msh", "mesh.MSH"])
def test_no_mesh_file_runs_commands(text, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match="not the start of a section"):
        read_mesh(tmp_path / name)
    assert not list(tmp_path.rglob("EXECUTED"))


def test_no_file_beside_a_mesh_runs_commands(tmp_path, monkeypatch):
    """Gmsh runs MESH.msh.opt, .gmshrc and other files as scripts."""
    monkeypatch.chdir(tmp_path)
    meshio.Mesh(POINTS, {"triangle": TRIANGLES}).write("mesh.msh", file_format="gmsh")
    for name in ("mesh.msh.opt", ".gmshrc", ".gmsh-options", "mesh.geo"):
        (tmp_path / name).write_text(COMMAND)
    points, [(kind, cells)] = read_mesh(tmp_path / "mesh.msh")
    assert (kind, cells.tolist(), points.tolist()) == ("triangle", TRIANGLES.tolist(), POINTS.tolist())
    assert not list(tmp_path.rglob("EXECUTED"))


@pytest.mark.parametrize("version, binary", [(2.2, 0), (2.2, 1), (4.0, 0), (4.1, 0), (4.1, 1)])
def test_parts_and_groups_of_gmsh(version, binary, tmp_path):
    """meshio itself cannot read the groups and parts of version 4.1, which are in other sections."""
    try:
        import gmsh
    except (ImportError, OSError) as missing:  # OSError: a system library that Gmsh needs is missing
        pytest.skip(f"Gmsh does not start here: {missing}")
    gmsh.initialize(interruptible=False)
    gmsh.option.setNumber("General.Terminal", 0)
    for name, value in {"MshFileVersion": version, "Binary": binary, "SaveAll": 1, "MeshSizeMax": 0.5}.items():
        gmsh.option.setNumber(f"Mesh.{name}", value)
    disk = gmsh.model.occ.addDisk(0, 0, 0, 2, 2)
    gmsh.model.occ.synchronize()
    gmsh.model.addPhysicalGroup(2, [disk], 7, f'a"; {COMMAND.strip()}')
    gmsh.model.mesh.generate(2)
    tags = gmsh.model.mesh.getNodes()[0]
    gmsh.model.mesh.renumberNodes(tags.tolist(), (3 * np.arange(len(tags)) + 5).tolist())
    gmsh.model.mesh.partition(3)
    path = tmp_path / "disk.msh"
    gmsh.write(str(path))
    gmsh.finalize()
    points, cells = read_mesh(path)
    corners = points[np.concatenate([nodes for kind, nodes in cells if kind == "triangle"])][..., :2]
    area = np.linalg.det(corners[:, 1:] - corners[:, :1]).sum() / 2
    assert area == pytest.approx(4 * np.pi, rel=0.02)
