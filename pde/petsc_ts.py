"""Steps of  M du/dt = -B u  by PETSc's time stepper TS, with an error bound for each step.

TS needs only two functions of the operator: the residual F(u, u') = M u' + B u, and the solution of linear systems with
sigma M + B, where sigma is a number that TS chooses in proportion to 1/dt. So TS works with every operator. A new
solver is prepared only if the step size dt has changed.

The method is the Rosenbrock method `rodaspr2`. It is L-stable and of order 4, and it also gives an embedded solution of
order 3. A step multiplies a mode of decay rate lambda by R(z), z = lambda dt. In the embedded solution the factor is
R^(z). With g = dt / sigma and S = (M + g B)^-1 M, measurements for 0.1 <= z <= 1e5 give

    |R(z) - exp(-z)| <= 0.88 |(1 - S)(R - R^)|.

The quotient of the two sides without the factor 0.88 is largest at z = 1e5, where it is 0.874. At z = 0.1 it is 0.43.
So 0.88 (1 - S) times the difference of the two solutions bounds the error of a step in the norm of M. The bound has the
same order in dt as the error, and needs one more solve.
"""

from mpi4py import MPI  # noqa: F401  # isort: skip
import ctypes

import numpy as np
from petsc4py import PETSc

from freqbias.errors import ComputationError
from freqbias.pde.linear_algebra import petsc_message, reason_name
from freqbias.pde.petsc_options import PREFIX
from freqbias.pde.protocols import IntegrationRecord, Operator, Solve

METHOD, ORDER, BOUND = "rodaspr2", 4, 0.88

_library = ctypes.CDLL(PETSc.__file__)  # for TSEvaluateStep, which petsc4py does not provide
_evaluate_step = _library.TSEvaluateStep
_evaluate_step.argtypes = [
    ctypes.c_void_p,
    np.ctypeslib.as_ctypes_type(PETSc.IntType),
    ctypes.c_void_p,
    ctypes.c_void_p,
]


class ShiftedSystem:
    """The map b -> (sigma M + B)^-1 b = (M + B / sigma)^-1 b / sigma for each channel, as PETSc's preconditioner."""

    def __init__(self, operator: Operator, shape: tuple[int, ...], record: IntegrationRecord) -> None:
        self._operator, self._shape, self._record = operator, shape, record
        self._solve: Solve | None = None

    def prepare(self, sigma: float) -> None:
        self._solve = self._record.solver(self._operator, 1 / sigma)

    def solve(self, b: np.ndarray) -> np.ndarray:
        """Return (M + B / sigma)^-1 b, (C, n) -> (C, n)."""
        assert self._solve is not None
        return np.array([self._solve(channel) for channel in b])

    def apply(self, _pc: PETSc.PC, b: PETSc.Vec, x: PETSc.Vec) -> None:
        x.array[:] = self.solve(b.array_r.reshape(self._shape)).ravel() * self._record.shift


class PetscStepper:
    """Advance a state (C, n_local) by one step for all channels. Collective. Call `destroy` after the last step."""

    def __init__(self, operator: Operator, shape: tuple[int, ...], record: IntegrationRecord) -> None:
        self._operator, self._shape = operator, shape
        self._system = ShiftedSystem(operator, shape, record)
        comm, size = operator.state_comm, int(np.prod(shape))
        self._state = PETSc.Vec().createMPI((size, PETSc.DETERMINE), comm=comm)
        self._embedded, residual = self._state.duplicate(), self._state.duplicate()
        jacobian = PETSc.Mat().createPython(((size, PETSc.DETERMINE),) * 2, context=self._system, comm=comm)
        jacobian.setUp()
        self._ts = PETSc.TS().create(comm)
        self._ts.setOptionsPrefix(PREFIX)
        self._ts.setProblemType(PETSc.TS.ProblemType.LINEAR)
        self._ts.setIFunction(self._residual, residual)
        self._ts.setIJacobian(self._jacobian, jacobian)
        self._ts.setType(PETSc.TS.Type.ROSW)
        self._ts.getSNES().setType(PETSc.SNES.Type.KSPONLY)
        solver = self._ts.getSNES().getKSP()
        solver.setType(PETSc.KSP.Type.PREONLY)
        solver.getPC().setType(PETSc.PC.Type.PYTHON)
        solver.getPC().setPythonContext(self._system)
        database = PETSc.Options()
        for name, value in (("ts_rosw_type", METHOD), ("ts_adapt_type", "none")):
            database.setValue(PREFIX + name, value)  # petsc4py has no other way to set these two options
        self._ts.setFromOptions()
        self._ts.setExactFinalTime(PETSc.TS.ExactFinalTime.STEPOVER)
        self._ts.setMaxTime(1e300)
        self._ts.setSolution(self._state)

    def step(self, u: np.ndarray, time: float, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the state after one step and a vector that bounds the error of the step. Collective.

        Both are (C, n_local). The vector bounds the error in every mode. Raises ComputationError with PETSc's reason if
        PETSc cannot compute the step.
        """
        self._state.array[:] = u.ravel()
        self._ts.setConvergedReason(PETSc.TS.ConvergedReason.ITERATING)
        self._ts.setStepNumber(0)
        self._ts.setTime(time)
        self._ts.setTimeStep(dt)
        try:
            self._ts.step()
        except PETSc.Error as failure:
            raise ComputationError(self._failed(time, dt, petsc_message(failure))) from failure
        done = ctypes.c_int()
        if _evaluate_step(self._ts.handle, ORDER - 1, self._embedded.handle, ctypes.byref(done)) or not done.value:
            reason = reason_name(PETSc.TS.ConvergedReason, self._ts.getConvergedReason())
            raise ComputationError(self._failed(time, dt, reason))
        next_u = self._state.array_r.reshape(self._shape).copy()
        difference = next_u - self._embedded.array_r.reshape(self._shape)
        smoothed = self._system.solve(np.array([self._operator.mass(channel) for channel in difference]))
        return next_u, BOUND * (difference - smoothed)

    def destroy(self) -> None:
        """Free PETSc's objects. Collective, so Python's garbage collector cannot do it."""
        for owned in (self._ts, self._state, self._embedded):
            owned.destroy()

    def _residual(self, _ts: PETSc.TS, _t: float, u: PETSc.Vec, rate: PETSc.Vec, residual: PETSc.Vec) -> None:
        """Write M u' + B u into `residual`."""
        states, rates = (vector.array_r.reshape(self._shape) for vector in (u, rate))
        rows = [self._operator.mass(r) + self._operator.apply(s) for s, r in zip(states, rates, strict=True)]
        residual.array[:] = np.concatenate(rows)

    def _jacobian(
        self, _ts: PETSc.TS, _t: float, _u: PETSc.Vec, _rate: PETSc.Vec, sigma: float, _j: PETSc.Mat, _p: PETSc.Mat
    ) -> None:
        self._system.prepare(sigma)

    def _failed(self, time: float, dt: float, reason: str) -> str:
        return (
            f"PETSc TS cannot compute the step of size {dt:.3g} from t = {time:.6g}: {reason}; "
            "use a larger [pde] tolerance"
        )
