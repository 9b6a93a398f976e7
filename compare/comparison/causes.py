"""The distance between network and finite elements, split: what lies between them, one cause after the other.

    network - feature learning - its kernel's steps - step size - its kernel's flow - finite width - kernel at infinite
    width - mesh - finite elements

Each cause is the distance between its two neighbours, so that the causes add up to no less than the whole. Where the
equation was solved for the steps themselves, the kernel at infinite width has them too, and step size is no cause.
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


def causes(there: Collection[str], *, dynamics: str, operator: str) -> dict[str, tuple[str, str]]:
    """By the name of each cause the two it lies between, from the network to the finite elements ("pde").

    there: the predictions at hand; without one of them, the causes to its sides are one, joined by "_and_". dynamics,
    operator: of the finite elements; the local operator is a cause beside the mesh.
    """
    chain = [
        *(STEPS if dynamics == "gradient-descent" else FLOW),
        "mesh" if operator == "data" else "mesh_and_operator",
        "pde",
    ]
    found: dict[str, tuple[str, str]] = {}
    last, names = chain[0], list[str]()
    for name, end in zip(chain[1::2], chain[2::2], strict=True):
        names.append(name)
        if end in there or end == "pde":
            found["_and_".join(names)] = (last, end)
            last, names = end, []
    return found if len(found) > 1 else {}


def is_cause(name: str) -> bool:
    """Whether a column of metrics.csv is one of these."""
    return all(part in TITLES for part in name.split("_and_"))


def title(cause: str) -> str:
    """In words."""
    return " and ".join(TITLES[part] for part in cause.split("_and_"))
