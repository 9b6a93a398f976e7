"""The warnings of the runs of a sweep, which are in its log."""

import re
from collections import defaultdict
from pathlib import Path

from freqbias.problem import counted

MOST_KINDS = 3
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


def log_warnings(log: Path, begin: int = 0) -> list[str]:
    """Return the warnings in a log behind byte `begin`, the most frequent first.

    Warnings that differ in their numbers only are one kind. Of each kind, the first is returned, with the number of
    stages. At the end, a sentence says how many more kinds there are.
    """
    if not log.is_file():
        return []
    with log.open("rb") as file:
        file.seek(begin)
        lines = [line.split(" ", 4) for line in file.read().decode(errors="replace").splitlines()]
    kinds, first = defaultdict[str, set[str]](set), dict[str, str]()
    for _, _, stage, level, text in (line for line in lines if len(line) == 5):
        if level == "WARNING":
            kind = _NUMBER.sub("", text)
            kinds[kind].add(stage)
            first.setdefault(kind, text)
    ordered = sorted(kinds, key=lambda kind: -len(kinds[kind]))
    shown = [f"{first[kind]} ({counted(len(kinds[kind]), 'stage')})" for kind in ordered[:MOST_KINDS]]
    more = len(ordered) - len(shown)
    return [*shown, f"{counted(more, 'more kind')} of warnings in {log}"] if more > 0 else shown
