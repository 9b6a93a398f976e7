"""The command `freqbias evaluate`: the values of a trained network at any positions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freqbias.errors import InputError, UsageError
from freqbias.runtime import Overwrite, Quiet, Verbose, atomic_write, commandline, log, on_root, writable

if TYPE_CHECKING:
    import numpy as np

DEFAULT = "evaluated.nc"

Folder = Annotated[
    Path,
    typer.Argument(metavar="OUT", help="A result folder, or a folder with a saved network.", show_default=False),
]
PointsFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[POINTS.csv]",
        help="A table or .npy array of positions, with a column for each axis.",
        show_default=False,
    ),
]
Points = Annotated[
    str | None,
    typer.Option(
        metavar="N[,N...]",
        help="Instead of a file: the number of points of a grid over the box of the data, for all axes or for each.",
        show_default=False,
    ),
]
OutputTime = Annotated[
    float | None,
    typer.Option(
        metavar="T",
        help='The output time, for a training with [training] keep = "outputs"; by default the last.',
        show_default=False,
    ),
]
OutFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The file to write: .nc (netCDF), .csv (a table), .npy (an array) or .png (a picture, one pixel for each "
        f"point). By default OUT/{DEFAULT}.",
        show_default=False,
    ),
]


def evaluate_command(
    folder: Folder,
    positions: PointsFile = None,
    points: Points = None,
    time: OutputTime = None,
    out: OutFile = None,
    overwrite: Overwrite = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Evaluate a trained network at any positions.

    \b
      freqbias evaluate out/my --points 512 --out fine.png    a finer picture
      freqbias evaluate out/my points.csv --out values.csv    values at your positions

    Positions and values are in your units, also after [data] center and standardize. Outside the box of the training
    data the network has learnt nothing.
    """
    with commandline.start_work(verbose=verbose, quiet=quiet):
        on_root(_evaluate, folder, positions, points, time, out or folder / DEFAULT, overwrite)


def _evaluate(
    folder: Path, positions: Path | None, points: str | None, time: float | None, out: Path, overwrite: bool
) -> None:
    from freqbias.compare.evaluation import ENDINGS, evaluate, write_values  # slow to import
    from freqbias.nn import load

    if (ending := out.suffix.lower()) not in ENDINGS:
        raise InputError(f"--out {out}: the ending {ending!r} is unknown; use {', '.join(ENDINGS)}")
    if (positions is None) == (points is None):
        raise UsageError("give either a file of positions or --points N, for example --points 512")
    network, numbers = load(folder, time=time), None if points is None else _numbers(points)
    at = None if positions is None else _read(positions, network.description.dimension)
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists already: choose another --out, or replace it with --overwrite")
    data = evaluate(network, at, points=numbers)
    if at is not None and (outside := int((~network.description.contains(at)).sum())):
        log.warning(
            "%s of the %s positions lie outside the box of the training data, where the network has learnt nothing",
            f"{outside:,}", f"{len(at):,}",
        )  # fmt: skip
    with writable(out), atomic_write(out) as temporary:
        write_values(data, temporary, ending)
    log.info("wrote %s", out)


def _read(path: Path, dimension: int) -> "np.ndarray":
    from freqbias.problem import POSITION_FILES, read_positions, why_no_file

    if not path.is_file():
        raise InputError(f"{path}: {why_no_file(path)}; give a file of positions")
    if path.suffix.lower() not in POSITION_FILES:
        raise InputError(f"{path}: positions are read from {', '.join(POSITION_FILES)}")
    try:
        return read_positions(path, dimension)
    except InputError as failure:
        raise InputError(f"{path}: {failure}") from None


def _numbers(text: str) -> int | list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--points {text}: give a whole number, or one for each axis, for example 512,256") from None
    return numbers[0] if len(numbers) == 1 else numbers
