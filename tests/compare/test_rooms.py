"""The rooms inside compare import each other in one direction."""

import pytest

from tests.test_architecture import files, imports_of

ROOMS = (
    "evaluation",
    "style",
    "spectra",
    "comparison",
    "kappa",
    "view",
    "design",
    "stages",
    "paper",
    "sweep",
    "report",
    "commands",
)  # each may import those before it


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_downwards(room):
    allowed = {*ROOMS[: ROOMS.index(room) + 1]}
    for path in files(f"compare/{room}"):
        names = [name.split(".") for name, _ in imports_of(path) if name.startswith("freqbias.compare.")]
        assert {parts[2] for parts in names} <= allowed, path
