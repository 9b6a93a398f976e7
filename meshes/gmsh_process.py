"""python -P msh.py IN.msh OUT.vtk: Gmsh reads one and writes the other. By its path and with -P, so that no file of the
folder that the user is in is taken for a module."""

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
