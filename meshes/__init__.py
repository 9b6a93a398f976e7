"""Frequency meshes: how far and how fine (`plan`), in words (`describe`), and the DOLFINx mesh itself (`box`)."""

from typing import TYPE_CHECKING

from meshes.description import describe, vertices
from meshes.rule import Plan, plan

if TYPE_CHECKING:
    from meshes.boxes import box

__all__ = ["Plan", "box", "describe", "plan", "vertices"]


def __getattr__(name: str) -> object:
    if name == "box":  # DOLFINx takes seconds to import, and a plan does not need it
        from meshes.boxes import box

        return box
    raise AttributeError(f"module 'meshes' has no attribute {name!r}")
