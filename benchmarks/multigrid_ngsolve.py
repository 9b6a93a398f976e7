# /// script
# requires-python = ">=3.12"
# dependencies = ["ngsolve>=6.2.2600", "numpy>=2,<3"]
# ///
"""NGSolve's multigrid for the matrices of `benchmarks.multigrid`, on triangles, which it refines.

Usage: uv run --script multigrid_ngsolve.py SHIFT COARSE REFINEMENTS
"""

import json
import sys
import time

import numpy as np
from ngsolve import H1, BilinearForm, GridFunction, Preconditioner, dx, exp, grad, pi, x, y
from ngsolve.krylovspace import CGSolver
from ngsolve.meshes import MakeStructured2DMesh

HALF_WIDTH, SIGMA = 30.0, 5.0

shift, coarse, refinements = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
began = time.perf_counter()
mesh = MakeStructured2DMesh(
    quads=False, nx=coarse, ny=coarse, mapping=lambda s, t: (HALF_WIDTH * (2 * s - 1), HALF_WIDTH * (2 * t - 1))
)
rho = exp(-(x * x + y * y) / (2 * SIGMA**2)) / (2 * pi * SIGMA**2)
space = H1(mesh, order=2)
u, v = space.TnT()
matrix = BilinearForm(space, symmetric=True)
matrix += u * v * dx + shift * rho * (u * v + grad(u) * grad(v) / (4 * pi**2)) * dx
preconditioner = Preconditioner(matrix, "multigrid")
matrix.Assemble()
for _ in range(refinements):
    mesh.Refine()
    space.Update()
    matrix.Assemble()
prepared = time.perf_counter() - began

right, solution = (GridFunction(space) for _ in range(2))
right.vec.FV().NumPy()[:] = np.random.default_rng(0).normal(size=space.ndof)
began = time.perf_counter()
solver = CGSolver(matrix.mat, preconditioner.mat, tol=1e-10, maxiter=500)
solution.vec.data = solver * right.vec
seconds = time.perf_counter() - began
print(json.dumps({"dofs": space.ndof, "iterations": solver.iterations, "prepared": prepared, "solve": seconds}))
