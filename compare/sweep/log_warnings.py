"""The warnings of the runs of a sweep, which are in its log."""

import re
from collections import Counter
from pathlib import Path

from freqbias.problem import counted

MOST_KINDS = 3
_NUMBER = re.compile(r"[-+.\d]+")


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
    texts = [line[4] for line in lines if len(line) == 5 and line[3] == "WARNING"]  # date, time, stage, level, text
    first = {_NUMBER.sub("", text): text for text in reversed(texts)}
    kinds = Counter(_NUMBER.sub("", text) for text in texts).most_common()
    shown = [f"{first[kind]} ({counted(count, 'stage')})" for kind, count in kinds[:MOST_KINDS]]
    more = len(kinds) - len(shown)
    return [*shown, f"{counted(more, 'more kind')} of warnings in {log}"] if more > 0 else shown
