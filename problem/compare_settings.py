"""The section [compare] of the run file."""

from typing import Literal

from pydantic import Field

from freqbias.problem.section import Settings


class Compare(Settings):
    """The settings of the comparison of the network with the finite-element solution."""

    projection: Literal["interpolation", "l2"] = Field(
        "interpolation",
        description='"interpolation" (compare spectra at the nodes of the mesh) or "l2" (compare their L2 projections '
        "onto the finite elements; the solution of the local operator needs no projection)",
    )
    figures: bool = Field(
        True, description="true or false: draw the figures of the stage compare, figure4, split, kappa and learned"
    )
