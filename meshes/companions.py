"""The companions of a mesh file: other files that hold parts of the mesh and lie beside the mesh file."""

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from freqbias.errors import InputError


def find_companions(path: Path) -> list[Path]:
    """Return the companions of a mesh file.

    XDMF names its data files. TetGen has a pair of files, .node and .ele. The XML of legacy DOLFIN has functions on the
    cells, in files with longer names. Files of other formats have no companions.
    Raises InputError if a companion is missing or lies in another folder.
    """
    folder = path.resolve().parent
    companions = list(_named(path, folder))
    for companion in companions:
        if companion.resolve().parent not in (folder, path.parent):
            raise InputError(
                f"the file names the data file {str(companion)!r}, which lies elsewhere; put the data file into the "
                "folder of the mesh file, and name it without a folder"
            )
        if not companion.is_file():
            raise InputError(f"the data file {companion.name!r} is missing; put it into the folder of the mesh file")
    return companions


def _named(path: Path, folder: Path) -> Iterable[Path]:
    match path.suffix.lower():
        case ".xdmf" | ".xmf":
            return [folder / name for name in _data_files(path)]
        case ".node":
            return [path.with_suffix(".ele")]
        case ".ele":
            return [path.with_suffix(".node")]
        case ".xml":
            return [file for file in folder.iterdir() if file.name.startswith(f"{path.stem}_")]
    return []


def _data_files(path: Path) -> list[str]:
    """Return the names of the data files in an XDMF file. Any element with a Format counts, as it does for meshio."""
    try:
        elements = list(ElementTree.parse(path).iter())  # noqa: S314  # expat limits the growth of entities
    except (ElementTree.ParseError, ValueError, LookupError):
        return []  # meshio refuses the file
    texts = {(element.text or "").strip() for element in elements if element.get("Format") in ("HDF", "Binary")}
    return sorted({text.partition(":")[0] for text in texts})
