"""Frequency meshes: how far and how fine (`plan`), in words (`describe`), and the DOLFINx mesh itself (`build`)."""

from typing import TYPE_CHECKING

from freqbias.libraries import explained
from freqbias.meshes.description import cells_in_words, describe, vertices
from freqbias.meshes.plans import BoxPlan, FilePlan, LayeredPlan, Plan
from freqbias.meshes.rule import plan

if TYPE_CHECKING:
    from freqbias.meshes.building import build

__all__ = ["BoxPlan", "FilePlan", "LayeredPlan", "Plan", "build", "cells_in_words", "describe", "plan", "vertices"]


def __getattr__(name: str) -> object:
    if name == "build":  # DOLFINx takes seconds to import, and a plan does not need it
        with explained():
            from freqbias.meshes.building import build

        return build
    raise AttributeError(f"module 'meshes' has no attribute {name!r}")
