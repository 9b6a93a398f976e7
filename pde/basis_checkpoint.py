"""Checkpoints of a growing Krylov basis. A resumed run does not repeat the products in the basis.

Part `krylov-R` contains the basis and the Lanczos coefficients alpha and beta of Lanczos run number R. Each group of
output times has one Lanczos run for each channel, and the groups follow one another. A part is written at most once a
minute, when the command is stopped, and at the end of a run. Any number of ranks can read a part.
"""

from mpi4py import MPI  # isort: skip
import time

import numpy as np

from freqbias.numerics import Basis, Lanczos
from freqbias.pde.data_operator import DataOperator
from freqbias.pde.local_operator import LocalOperator
from freqbias.runtime import Stage, StopRequest, log, on_root

INTERVAL = 60.0  # seconds between two saves
LONG = 1.0  # seconds of a finished run that are worth a save


class BasisCheckpoint:
    """Save and load Krylov bases, by the two methods that `IntegrationHooks` needs. All methods are collective.

    stage: the stage on rank 0, None on other ranks.
    """

    def __init__(self, operator: DataOperator | LocalOperator, stage: Stage | None, stop: StopRequest) -> None:
        self._operator, self._stage, self._stop = operator, stage, stop
        self._comm: MPI.Comm = operator.comm
        self._last = time.monotonic()
        self._current: tuple[int, Lanczos] | None = None

    def on_step(self, run: int = 0, krylov: Lanczos | None = None) -> None:
        """Save the basis if a stop is requested, or if the last save was more than INTERVAL ago.

        Also save the basis of the Lanczos run before this one, if it took longer than LONG. Raises StoppedEarly after
        the save if a stop is requested.
        """
        if self._current is not None and self._current[0] != run:
            if self._has_passed(LONG):
                self._save(self._current[0], self._current[1].saved_basis())
            self._current = None
        if self._current is None and krylov is not None:
            self._current, self._last = (run, krylov), time.monotonic()
        stopping = self._stop.requested(self._comm)
        if krylov is not None and krylov.steps and (stopping or self._has_passed(INTERVAL)):
            self._save(run, krylov.saved_basis())
        if stopping:
            self._stop.check(self._comm)

    def saved_basis(self, run: int) -> Basis | None:
        """Return the basis that an interrupted command saved for this Lanczos run, or None."""
        loaded = on_root(self._load, run, broadcast=False)
        if not on_root(lambda: loaded is not None):
            return None
        vectors, alpha, beta = loaded if loaded is not None else (None, None, None)
        if alpha is not None:
            log.info("pde: continuing Lanczos run %d after %d products or solves", run + 1, len(alpha))
        return Basis(self._operator.scatter(vectors), *self._comm.bcast((alpha, beta)))

    def _has_passed(self, seconds: float) -> bool:
        """Return whether the last save, or the start of the run, is longer ago on rank 0. Collective."""
        return self._comm.bcast(time.monotonic() - self._last > seconds)

    def _save(self, run: int, basis: Basis) -> None:
        vectors = self._operator.gather(basis.vectors)
        on_root(self._write, run, vectors, basis.alpha, basis.beta, broadcast=False)
        self._last = time.monotonic()

    def _write(self, run: int, vectors: np.ndarray, alpha: np.ndarray, beta: np.ndarray) -> None:
        assert self._stage is not None
        self._stage.save_checkpoint(_part(run), {"vectors": vectors, "alpha": alpha, "beta": beta})

    def _load(self, run: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        assert self._stage is not None
        if _part(run) not in self._stage.checkpoints():
            return None
        arrays, _ = self._stage.load_checkpoint(_part(run))
        return arrays["vectors"], arrays["alpha"], arrays["beta"]


def _part(run: int) -> str:
    return f"krylov-{run:06d}"
