# /// script
# requires-python = ">=3.12"
# dependencies = ["ngsolve>=6.2.2600", "numpy>=2,<3"]
# ///
"""Crank-Nicolson in NGSolve: `sparsecholesky` (a third faster than `umfpack`, measured), one solve for each part of v.

NGSolve's real matrices cannot solve for two vectors at once, and multiply complex ones wrongly (6.2.2608).
Usage: uv run --script peers_ngsolve.py CASE.npz RESULT.json STEPS STRETCH
"""

import sys
from pathlib import Path

import numpy as np
from ngsolve import H1, QUAD, BilinearForm, GridFunction, IntegrationRule, dx, exp, grad, pi, x, y
from ngsolve.meshes import MakeStructured2DMesh
from peers_case import DEGREE, LAW_DEGREE, Case, clock, march, report


class Nodal:
    """Converts nodal values to coefficients in NGSolve's hierarchical basis (vertices, edges, cells), and back."""

    def __init__(self, space: H1) -> None:
        mesh = space.mesh
        points = np.array([vertex.point for vertex in mesh.vertices])
        self._edges = np.array([[v.nr for v in edge.vertices] for edge in mesh.edges])
        self._cells = np.array([[v.nr for v in cell.vertices] for cell in mesh.faces])
        self._sides = np.array([[e.nr for e in cell.edges] for cell in mesh.faces])
        self.points = np.concatenate([points, points[self._edges].mean(1), points[self._cells].mean(1)])
        bubble = GridFunction(space)

        def height(dof: int) -> float:
            bubble.vec[:] = 0
            bubble.vec[dof] = 1
            return bubble(mesh(*self.points[dof]))

        self._edge = height(len(points))
        self._cell = height(len(points) + len(self._edges))

    def coefficients(self, values: np.ndarray) -> np.ndarray:
        """(..., n) -> (..., n)."""
        vertices, edges, cells = np.split(values, np.cumsum([len(values.T) - sum(self._counts), self._counts[0]]), -1)
        edges = edges - vertices[..., self._edges].mean(-1)
        cells = cells - vertices[..., self._cells].mean(-1) - 0.5 * edges[..., self._sides].sum(-1)
        return np.concatenate([vertices, edges / self._edge, cells / self._cell], -1)

    @property
    def _counts(self) -> tuple[int, int]:
        return len(self._edges), len(self._cells)


def main() -> None:
    case, steps, stretch = Case.read(Path(sys.argv[1])), int(sys.argv[3]), int(sys.argv[4])
    outputs, side = len(case.times) - 1, 2 * case.half_width
    dt = float(case.times[-1]) / steps

    began = clock()
    mesh = MakeStructured2DMesh(
        quads=True,
        nx=case.cells,
        ny=case.cells,
        mapping=lambda s, t: (side * s - case.half_width, side * t - case.half_width),
    )
    space = H1(mesh, order=DEGREE)
    v, w = space.TnT()
    rho = exp(-(x * x + y * y) / (2 * case.sigma**2)) / (2 * pi * case.sigma**2)
    exact, at = ({QUAD: IntegrationRule(QUAD, degree)} for degree in (2 * DEGREE, LAW_DEGREE))
    mass_form = BilinearForm(v * w * dx(intrules=exact)).Assemble()
    operator_form = BilinearForm(rho * (v * w + case.sigma_a**2 * grad(v) * grad(w)) * dx(intrules=at)).Assemble()
    M, B = mass_form.mat, operator_form.mat
    implicit, explicit = M.CreateMatrix(), M.CreateMatrix()
    implicit.AsVector().data = M.AsVector() + 0.5 * dt * B.AsVector()
    explicit.AsVector().data = M.AsVector() - 0.5 * dt * B.AsVector()
    inverse = implicit.Inverse(inverse="sparsecholesky")
    prepared = clock() - began

    nodal = Nodal(space)
    case = case.on(nodal.points)
    start, reference = nodal.coefficients(case.start), nodal.coefficients(case.reference)
    shown = GridFunction(space)
    shown.vec.FV().NumPy()[:] = start[0]
    some = np.random.default_rng(0).integers(0, space.ndof, 200)
    assert np.allclose([shown(mesh(*nodal.points[i])) for i in some], case.start[0, some], rtol=0, atol=1e-12)
    case = Case(case.half_width, case.cells, case.sigma, case.sigma_a, case.times, nodal.points, start, reference)

    parts = [M.CreateColVector() for _ in start]
    right = M.CreateColVector()
    for part, values in zip(parts, start, strict=True):
        part.FV().NumPy()[:] = values

    def step() -> None:
        for part in parts:
            right.data = explicit * part
            part.data = inverse * right

    seconds, states = march(step, lambda: np.array([part.FV().NumPy() for part in parts]), steps, outputs, stretch)

    def mass(part: np.ndarray) -> np.ndarray:
        parts[0].FV().NumPy()[:] = part
        right.data = M * parts[0]
        return right.FV().NumPy()

    report(Path(sys.argv[2]), prepared=prepared, stepping=seconds, error=case.error(states, mass))


if __name__ == "__main__":
    main()
