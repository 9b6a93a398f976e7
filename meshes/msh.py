"""python -m meshes.msh IN.msh OUT.vtk: Gmsh reads one and writes the other."""

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
