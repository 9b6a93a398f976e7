"""The causes of the distance between network and finite elements:

    network - feature learning - its kernel's steps - step size - its kernel's flow - finite width - kernel at infinite
    width - mesh - finite elements

Each cause is the distance between its two neighbours in this chain, so by the triangle inequality the causes add up to
at least the whole distance. If the equation was solved for gradient descent itself, the kernel at infinite width takes
the same steps, and the step size is no cause.
"""

from collections.abc import Collection

FLOW = ("network", "feature_learning", "empirical-steps", "step_size", "empirical", "finite_width", "infinite-width")
STEPS = ("network", "feature_learning", "empirical-steps", "finite_width", "infinite-width-steps")
TITLES = {
    "feature_learning": "feature learning",
    "step_size": "step size",
    "finite_width": "finite width",
    "mesh": "mesh",
    "operator": "local operator",
}


def causes(available: Collection[str], *, dynamics: str, operator: str) -> dict[str, tuple[str, str]]:
    """The two neighbours of each cause, by its name, from the network to the finite elements ("pde").

    available: the predictions at hand. If one is missing, the causes on its two sides become one, joined by "_and_".
    dynamics, operator: those of the finite elements; the local operator is a cause together with the mesh.
    """
    chain = [
        *(STEPS if dynamics == "gradient-descent" else FLOW),
        "mesh" if operator == "data" else "mesh_and_operator",
        "pde",
    ]
    neighbours: dict[str, tuple[str, str]] = {}
    previous, names = chain[0], list[str]()
    for name, following in zip(chain[1::2], chain[2::2], strict=True):
        names.append(name)
        if following in available or following == "pde":
            neighbours["_and_".join(names)] = (previous, following)
            previous, names = following, []
    return neighbours if len(neighbours) > 1 else {}


def is_cause(column: str) -> bool:
    """Whether a column of metrics.csv is a cause."""
    return all(part in TITLES for part in column.split("_and_"))


def cause_title(cause: str) -> str:
    """The cause in words."""
    return " and ".join(TITLES[part] for part in cause.split("_and_"))
