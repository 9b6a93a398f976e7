"""Convert a mesh with Gmsh: python -P gmsh_process.py IN.msh OUT.vtk

The script must be started by its path and with -P. Otherwise Python would import modules from the user's current
folder.
"""

import sys


def main(source: str, target: str) -> None:
    import gmsh

    gmsh.initialize(readConfigFiles=False, interruptible=False)
    gmsh.option.setNumber("General.Terminal", 0)
    gmsh.option.setNumber("Mesh.SaveAll", 1)
    gmsh.merge(source)  # `open` would also run SOURCE.opt
    gmsh.write(target)
    gmsh.finalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
