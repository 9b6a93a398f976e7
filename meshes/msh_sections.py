"""The sections of a .msh file of Gmsh: a line $NAME, data, and a line $EndNAME. Between sections a file is blank.

Gmsh takes a file with other text for a script and runs its commands, so freqbias does not read files with Gmsh. meshio
runs nothing, but cannot read all sections of geometry, parts and fields, which freqbias does not need.
"""

import re

from freqbias.errors import InputError

KEPT = ("MeshFormat", "Nodes", "Elements")
HEADER = re.compile(rb"\s*\$(\w+)[ \t]*\r?\n")
VERSION_4_0 = re.compile(rb"\$Nodes\s*\n[ \t]*\d+[ \t]+\d+[ \t]*\r?\n")  # 4.1 has four numbers


def mesh_sections(data: bytes) -> bytes:
    """Return a .msh file with only the sections MeshFormat, Nodes and Elements of the file.

    data: the content of a file of version 2 or 4, as text or binary. Raises InputError if there is text between the
    sections, if a section has no end, or if one of the three sections is missing or there twice.
    """
    sections: dict[str, list[bytes]] = {}
    start, stop = 0, len(data.rstrip())
    while start < stop:
        header = HEADER.match(data, start)
        if not header:
            line = 1 + data.count(b"\n", 0, start + len(data[start:]) - len(data[start:].lstrip()))
            raise InputError(
                f"line {line} is not the start of a section, such as $MeshFormat, so this is not a mesh of Gmsh; write "
                "the mesh again with Gmsh, or give a .vtu file"
            )
        name = header[1].decode("ascii", "replace")
        end = re.compile(rb"\$End%s[ \t\r]*(\n|\Z)" % header[1]).search(data, header.end())
        if not end:
            raise InputError(f"the section ${name} has no end, so the file is cut; write the mesh again with Gmsh")
        sections.setdefault(name, []).append(data[header.start() : end.end()].strip() + b"\n")
        start = end.end()
    for name in KEPT:
        if (count := len(sections.get(name, []))) != 1:
            raise InputError(
                f"the file has the section ${name} {count} times, not once; write the mesh again with Gmsh, in version "
                "4.1 and with Mesh.SaveParametric = 0"
            )
    form, nodes, elements = (sections[name][0] for name in KEPT)
    if VERSION_4_0.match(nodes):
        form = form.replace(b"\n4 ", b"\n4.0 ")  # Gmsh writes version 4.0 as 4, which meshio takes for 4.1
    return form + nodes + elements
