# /// script
# requires-python = ">=3.12"
# dependencies = ["scikit-fem>=12,<13", "scipy>=1.15,<2", "numpy>=2,<3"]
# ///
"""Crank-Nicolson in scikit-fem and SciPy: SuperLU, both parts of v as two right-hand sides of one solve.

Minimum degree on A^T + A with SuperLU's symmetric mode: half the fill and solve time of its default (measured).
Usage: uv run --script peers_skfem.py CASE.npz RESULT.json STEPS STRETCH
"""

import sys
from pathlib import Path

import numpy as np
from peers_case import LAW_DEGREE, Case, clock, march, report
from scipy.sparse.linalg import splu
from skfem import Basis, BilinearForm, ElementQuad2, MeshQuad
from skfem.helpers import dot, grad


def main() -> None:
    case, steps, stretch = Case.read(Path(sys.argv[1])), int(sys.argv[3]), int(sys.argv[4])
    outputs = len(case.times) - 1
    dt = case.times[-1] / steps

    @BilinearForm
    def mass(v, w, _):
        return v * w

    @BilinearForm
    def operator(v, w, at):
        rho = np.exp(-np.sum(at.x**2, axis=0) / (2 * case.sigma**2)) / (2 * np.pi * case.sigma**2)
        return rho * (v * w + case.sigma_a**2 * dot(grad(v), grad(w)))

    began = clock()
    axis = np.linspace(-case.half_width, case.half_width, case.cells + 1)
    basis = Basis(MeshQuad.init_tensor(axis, axis), ElementQuad2(), intorder=LAW_DEGREE)
    M, B = mass.assemble(basis), operator.assemble(basis)
    solve = splu(
        (M + 0.5 * dt * B).tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    ).solve
    explicit = M - 0.5 * dt * B
    prepared = clock() - began

    case = case.on(basis.doflocs.T)
    v = case.start.T.copy()

    def step() -> None:
        nonlocal v
        v = solve(explicit @ v)

    seconds, states = march(step, lambda: v.T, steps, outputs, stretch)
    report(Path(sys.argv[2]), prepared=prepared, stepping=seconds, error=case.error(states, M.dot))


if __name__ == "__main__":
    main()
