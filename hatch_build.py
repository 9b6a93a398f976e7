"""A build hook that makes the links src/freqbias/ROOM -> ROOM for an editable install.

A checkout contains these links, but an sdist does not. Hatchling calls the hook (see pyproject.toml).
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Links(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            return
        for room in Path(self.root).glob("*/__init__.py"):
            link = Path(self.root, "src", "freqbias", room.parent.name)
            if room.parent.name != "tests" and not link.exists():
                link.symlink_to(Path("..", "..", room.parent.name))
