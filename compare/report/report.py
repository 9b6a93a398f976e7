"""Write the report of a run, of a sweep, or of any runs."""

from collections.abc import Sequence
from pathlib import Path

from freqbias.compare.report.run_report import run_page
from freqbias.compare.report.sweep_report import sweep_page
from freqbias.compare.sweep import read_folders
from freqbias.errors import UsageError
from freqbias.runtime import atomic_write, log

NAME = "report.html"


def write_report(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Write one HTML file for the results in `folders`, and return its path.

    folders: one result folder, the folder of a sweep, or several of them to compare. out: the path of the file;
    OUT/report.html by default, if there is one folder.
    Raises UsageError if a folder holds no results, a file is damaged, or `out` is missing.
    """
    if len(folders) > 1 and out is None:
        raise UsageError("--out is missing; give the file for the report, for example --out comparison.html")
    folder, path = folders[0], out or folders[0] / NAME
    if len(folders) == 1 and not any(folder.glob("runs/*/run.toml")):
        if not (folder / "run.toml").is_file():
            raise UsageError(f"{folder} holds no run.toml; give result folders as `freqbias run` writes them")
        text = run_page(folder)
    else:
        records = read_folders(folders, own=True)
        if not any(record.seconds for record in records):
            raise UsageError(f"{folder}: no run has a finished stage; continue the sweep with --resume")
        name = folder.resolve().name if len(folders) == 1 else "comparison"
        text = sweep_page(records, {record.name: Path(record.name) for record in records}, name=name, out=path)
    with atomic_write(path) as temporary:
        temporary.write_text(text, "utf-8")
    log.info("wrote %s", path)
    return path
