"""python -P gmsh_process.py IN.msh OUT.vtk: convert a mesh with Gmsh.

Started by its path and with -P: otherwise Python would import modules from files in the user's current folder.
"""

import sys


def main(source: str, target: str) -> None:
    import gmsh

    gmsh.initialize(interruptible=False)
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.option.setNumber("Mesh.SaveAll", 1)
    gmsh.open(source)
    gmsh.write(target)
    gmsh.finalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
