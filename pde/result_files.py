"""The result files of the stage `pde`, written while the solution is computed: each rank writes its part."""

from mpi4py import MPI  # isort: skip
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from freqbias.pde.disk_space import ITEM
from freqbias.pde.fields import FieldsWriter
from freqbias.pde.snapshot import SpectrumSnapshot
from freqbias.pde.solver import Solver
from freqbias.problem import Targets, create_spectrum_file, finish_spectrum_file
from freqbias.runtime import OUT_OF_SPACE, Part, PartWriter, Stage, on_root, writable


@contextmanager
def result_files(solver: Solver, stage: Stage | None) -> Iterator["ResultFiles"]:
    """Yield the files of a result, for which `finish` must be called. After an exception they are deleted. Collective.

    stage: None on ranks other than 0.
    """
    with ExitStack() as stack:
        yield ResultFiles(solver, stage, stack)


class ResultFiles:
    """Writes `spectrum.nc` and, if [pde] fields = true, `fields.pvd`. All methods are collective."""

    def __init__(self, solver: Solver, stage: Stage | None, stack: ExitStack) -> None:
        """stack: closed on rank 0 by `finish`, which moves the files into the stage's folder."""
        self._solver, self._nodes, self._stack = solver, solver.operator.nodes, stack
        self._comm: MPI.Comm = solver.comm
        cells = self._nodes.cell_block()
        self._writers = list[PartWriter]()
        self._path, self._named, self._writer = self._start(stage, "spectrum.nc")
        self._places = on_root(self._create, (cells.count, cells.nodes.shape[1]))
        frequency = self._nodes.to_block(self._nodes.frequency.T).T
        indices = cells.nodes.astype(np.int64)
        rows = self._rows("frequency", self._nodes.first, frequency), self._rows("cells", cells.first, indices)
        self._writer.write(lambda: rows)
        self._fields: FieldsWriter | None = None
        if solver.settings.fields:
            path, _, writer = self._start(stage, "fields.pvd")
            self._fields = FieldsWriter(writer, path.parent, solver.problem, solver.plan, self._nodes)

    def _start(self, stage: Stage | None, name: str) -> tuple[Path, Path, PartWriter]:
        """Return the path at which to write a file, the path that messages name, and what writes there."""
        path, named = on_root(_temporary, self._stack, stage, name)
        writer = self._stack.enter_context(PartWriter(self._comm, path.parent, named=named.parent))
        self._writers.append(writer)
        return path, named, writer

    def _create(self, cells: tuple[int, int]) -> dict[str, int]:
        nodes, with_samples = self._nodes.count, self._solver.settings.operator == "data"
        with writable(self._named, only=OUT_OF_SPACE):
            return create_spectrum_file(
                self._path, self._solver.problem, nodes=nodes, cells=cells, with_samples=with_samples
            )

    def write(self, index: int, state: np.ndarray) -> None:
        """Write an output time. state: that of this rank."""
        v = self._nodes.to_block(self._solver.operator.spectrum(state))
        values = {"error_real": v.real, "error_imag": v.imag}
        if "sample_error" in self._places and self._comm.rank == 0:
            values["sample_error"] = state
        self._writer.write(lambda: [part for name in values for part in self._channels(name, index, values[name])])
        if self._fields is not None:
            self._fields.write(index, v)

    def finish(self, snapshots: list[SpectrumSnapshot]) -> Targets | None:
        """Write what is known at the end. Returns the values at held-out samples and other positions on rank 0."""
        for writer in self._writers:
            writer.finish()
        return on_root(self._finish, snapshots, broadcast=False)

    def _finish(self, snapshots: list[SpectrumSnapshot]) -> Targets:
        targets, plan = self._solver.targets(), self._solver.plan
        loss = np.array([snapshot.loss for snapshot in snapshots])
        attributes = {**self._solver.attributes(snapshots), "cell_type": plan.cell_type, "degree": plan.degree}
        with writable(self._named, only=OUT_OF_SPACE):
            finish_spectrum_file(self._path, loss, targets, attributes)
            if self._fields is not None:
                self._fields.finish()
        self._stack.close()
        return targets

    def _rows(self, name: str, first: int, rows: np.ndarray) -> Part:
        """Return the part of spectrum.nc with these rows (m, k) of a variable, the first of which has number first."""
        return self._path, self._places[name] + ITEM * first * rows.shape[1], [np.ascontiguousarray(rows)]

    def _channels(self, name: str, index: int, values: np.ndarray) -> list[Part]:
        """Return the parts of spectrum.nc with values (C, m) of this rank at an output time."""
        first, size = (0, values.shape[1]) if name == "sample_error" else (self._nodes.first, self._nodes.count)
        frame = index * len(values)
        return [
            (self._path, self._places[name] + ITEM * ((frame + channel) * size + first), [np.ascontiguousarray(row)])
            for channel, row in enumerate(values)
        ]


def _temporary(stack: ExitStack, stage: Stage, name: str) -> tuple[Path, Path]:
    """Delete what a killed command left of a file. Return the path at which to write it, and its path for messages."""
    for leftover in stage.folder.glob(f"{Path(name).stem}*"):  # perhaps of other ranks
        leftover.unlink()
    return stack.enter_context(stage.writing(name)), stage.folder / name
