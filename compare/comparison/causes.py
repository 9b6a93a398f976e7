"""The causes of the distance between the spectra of network and finite elements.

The spectra form a chain, and each cause is the distance between two neighbouring spectra of this chain:

    network
        | feature learning
    prediction of the network's own kernel, by the steps of gradient descent
        | step size
    prediction of the network's own kernel, by gradient flow
        | finite width
    prediction of the kernel at infinite width, by gradient flow
        | mesh
    finite elements

By the triangle inequality, the causes add up to at least the whole distance. If the equation was solved for gradient
descent instead of gradient flow, both kernels predict the steps of gradient descent, and the step size is not a cause.
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
    """Map the name of each cause to its two neighbouring spectra, from the network to the finite elements ("pde").

    available: the names of the predictions that were computed. If a prediction is missing, the causes before and after
    this prediction are joined by "_and_". Return an empty dict if only one cause remains.
    dynamics, operator: the attributes of the finite-element solution. With the local operator, mesh and operator are
    one cause.
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
    """Return whether a column of metrics.csv is a cause."""
    return all(part in TITLES for part in column.split("_and_"))


def cause_title(cause: str) -> str:
    """Return the name of a cause in words."""
    return " and ".join(TITLES[part] for part in cause.split("_and_"))
