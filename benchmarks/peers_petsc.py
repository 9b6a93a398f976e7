"""Crank-Nicolson, an adaptive PETSc TS and SLEPc's MFN on matrices of plain DOLFINx, with MUMPS.

Usage: python peers_petsc.py crank-nicolson|ts|mfn CASE.npz RESULT.json STEPS_OR_TOLERANCE STRETCH
"""

from mpi4py import MPI  # isort: skip
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import ufl
from dolfinx import fem, mesh
from dolfinx.fem.petsc import assemble_matrix
from peers_case import DEGREE, LAW_DEGREE, Case, clock, march, report
from petsc4py import PETSc
from slepc4py import SLEPc

TS_METHOD = {"ts_type": "rosw", "ts_rosw_type": "4l"}  # L-stable, order 4: the fastest of PETSc's adaptive methods
# here, before BDF of orders 3 to 5, ARKIMEX 3, DIRK ES325SAL and RODAS3 (measured)
MFN_BASIS = 20  # vectors; faster than 15, 30 and 60 (measured)


def space_on(case: Case, cells: int) -> fem.FunctionSpace:
    corner = np.full(2, case.half_width)
    return fem.functionspace(
        mesh.create_rectangle(MPI.COMM_SELF, [-corner, corner], [cells, cells], mesh.CellType.quadrilateral),
        ("Lagrange", DEGREE),
    )


def forms(case: Case, space: fem.FunctionSpace) -> tuple[fem.Form, fem.Form]:
    v, w, x = ufl.TrialFunction(space), ufl.TestFunction(space), ufl.SpatialCoordinate(space.mesh)
    rho = ufl.exp(-ufl.dot(x, x) / (2 * case.sigma**2)) / (2 * ufl.pi * case.sigma**2)
    mass = v * w * ufl.dx(metadata={"quadrature_degree": 2 * DEGREE})
    operator = rho * (v * w + case.sigma_a**2 * ufl.inner(ufl.grad(v), ufl.grad(w)))
    return fem.form(mass), fem.form(operator * ufl.dx(metadata={"quadrature_degree": LAW_DEGREE}))


def assembled(form: fem.Form) -> PETSc.Mat:
    matrix = assemble_matrix(form)
    matrix.assemble()
    return matrix


def cholesky(matrix: PETSc.Mat) -> PETSc.KSP:
    matrix.setOption(PETSc.Mat.Option.SPD, True)
    solver = PETSc.KSP().create(matrix.getComm())
    solver.setOperators(matrix)
    solver.setErrorIfNotConverged(True)
    direct(solver)
    solver.setUp()
    return solver


def direct(solver: PETSc.KSP) -> None:
    solver.setType("preonly")
    solver.getPC().setType("cholesky")
    solver.getPC().setFactorSolverType("mumps")


def crank_nicolson(case: Case, M: PETSc.Mat, B: PETSc.Mat, steps: int, stretch: int) -> tuple:
    """Crank-Nicolson with both parts of v as two right-hand sides of one solve."""
    began = clock()
    dt = case.times[-1] / steps
    implicit, explicit = M.copy(), M.copy()
    implicit.axpy(0.5 * dt, B, structure=PETSc.Mat.Structure.SAME)
    explicit.axpy(-0.5 * dt, B, structure=PETSc.Mat.Structure.SAME)
    factor = cholesky(implicit).getPC().getFactorMatrix()
    v, right = (PETSc.Mat().createDense((case.start.shape[1], 2), comm=M.getComm()) for _ in range(2))
    v.setUp()
    right.setUp()
    v.assemble()
    right.assemble()
    prepared = clock() - began
    v.getDenseArray()[:] = case.start.T

    def step() -> None:
        explicit.matMult(v, right)
        factor.matSolve(right, v)

    return prepared, *march(step, lambda: v.getDenseArray(readonly=True).T, steps, len(case.times) - 1, stretch)


def ts(case: Case, M: PETSc.Mat, B: PETSc.Mat, tolerance: float, stretch: int) -> tuple:
    """PETSc TS for M dv/dt + B v = 0, one part of v after the other; the steps meet every output time."""
    began, options = clock(), PETSc.Options()
    for name, value in TS_METHOD.items():
        options[name] = value
    jacobian = M.copy()
    jacobian.setOption(PETSc.Mat.Option.SPD, True)
    image, v = M.createVecLeft(), M.createVecRight()

    def residual(_ts: PETSc.TS, _t: float, u: PETSc.Vec, negative_gradient: PETSc.Vec, f: PETSc.Vec) -> None:
        M.mult(negative_gradient, f)
        B.multAdd(u, f, f)

    def derivative(
        _ts: PETSc.TS, _t: float, _u: PETSc.Vec, _slope: PETSc.Vec, shift: float, J: PETSc.Mat, _P: PETSc.Mat
    ) -> None:
        B.copy(J, structure=PETSc.Mat.Structure.SAME)
        J.axpy(shift, M, structure=PETSc.Mat.Structure.SAME)

    shown, steps = [], 0
    for part in case.start:
        solver = PETSc.TS().create(M.getComm())
        solver.setProblemType(PETSc.TS.ProblemType.LINEAR)
        solver.setIFunction(residual, image)
        solver.setIJacobian(derivative, jacobian)
        solver.setTimeSpan(case.times[: stretch + 1])
        solver.setExactFinalTime(PETSc.TS.ExactFinalTime.MATCHSTEP)
        solver.setMaxSteps(100_000)
        solver.setTimeStep(case.times[1] / 100)
        scale = np.abs(case.start).max()
        solver.setTolerances(rtol=0.0, atol=tolerance * scale)
        solver.getSNES().setType("ksponly")
        direct(solver.getSNES().getKSP())
        solver.setFromOptions()
        v.array[:] = part
        solver.solve(v)
        if solver.getConvergedReason() < 0:
            raise RuntimeError(f"TS: reason {solver.getConvergedReason()}")
        shown.append([u.array.copy() for u in solver.getTimeSpanSolutions()[1:]])
        steps += solver.getStepNumber()
        solver.destroy()
    return 0.0, (clock() - began) * (len(case.times) - 1) / stretch, list(np.stack(shown, axis=1)), steps


def mfn(case: Case, M: PETSc.Mat, B: PETSc.Mat, tolerance: float, stretch: int) -> tuple:
    """SLEPc's MFN: exp(-dt M^-1 B) from output to output, one part of v after the other, M^-1 by MUMPS."""
    began, solve = clock(), cholesky(M)

    class Rates:
        def __init__(self) -> None:
            self.products, self.image = 0, M.createVecLeft()

        def mult(self, _matrix: PETSc.Mat, u: PETSc.Vec, result: PETSc.Vec) -> None:
            self.products += 1
            B.mult(u, self.image)
            solve.solve(self.image, result)

    rates = Rates()
    matrix = PETSc.Mat().createPython(M.getSizes(), rates, comm=M.getComm())
    matrix.setUp()
    solver = SLEPc.MFN().create(M.getComm())
    solver.setOperator(matrix)
    exponential = solver.getFN()
    exponential.setType("exp")
    exponential.setScale(-case.times[1])
    solver.setTolerances(tol=tolerance)
    solver.setDimensions(ncv=MFN_BASIS)
    solver.setErrorIfNotConverged(True)
    solver.setFromOptions()
    prepared, began = clock() - began, clock()
    shown = []
    for part in case.start:
        u, later = M.createVecs()
        u.array[:] = part
        states = []
        for _ in range(stretch):
            solver.solve(u, later)
            u, later = later, u
            states.append(u.array.copy())
        shown.append(states)
    return prepared, (clock() - began) * (len(case.times) - 1) / stretch, list(np.stack(shown, axis=1)), rates.products


METHODS: dict[str, Callable[..., tuple]] = {"crank-nicolson": crank_nicolson, "ts": ts, "mfn": mfn}


def main() -> None:
    method, case, record, stretch = sys.argv[1], Case.read(Path(sys.argv[2])), float(sys.argv[4]), int(sys.argv[5])
    forms(case, space_on(case, 1))  # compiles
    began = clock()
    space = space_on(case, case.cells)
    M, B = (assembled(form) for form in forms(case, space))
    assembling = clock() - began
    case = case.on(space.tabulate_dof_coordinates()[:, :2])
    record = int(record) if method == "crank-nicolson" else record
    prepared, stepping, states, *steps = METHODS[method](case, M, B, record, stretch)
    vector, image = M.createVecs()

    def mass(part: np.ndarray) -> np.ndarray:
        vector.array[:] = part
        M.mult(vector, image)
        return image.array

    figures = {"steps": steps[0]} if steps else {}
    report(
        Path(sys.argv[3]),
        prepared=assembling + prepared,
        stepping=stepping,
        error=case.error(states, mass),
        **figures,
    )


if __name__ == "__main__":
    main()
