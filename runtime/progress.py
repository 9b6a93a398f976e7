"""The display of progress: a bar on a terminal, otherwise a line after two seconds and then every ten seconds.

Nothing is shown until `freqbias.runtime.configure` is called.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from freqbias.runtime.launcher import rank
from freqbias.runtime.logs import FILE_ONLY, log, on_terminal

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

FIRST_LINE, LINE_EVERY = 2.0, 10.0  # seconds
_REDRAW_EVERY = 0.1  # seconds


def duration(seconds: float) -> str:
    """Format a duration with about two digits: `45 s`, `10 min`, `2 h 05 min`, `3 d 4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


class Progress:
    """`with Progress("training", total=5000, unit="steps") as progress: progress.advance(10, note="loss 1e-3")`.

    total: the amount of work, measured in `unit`, or None if unknown. It may be changed later.
    steady: whether each unit takes about as long as any other. If not, no speed and no remaining time are shown.
    done: the work of an earlier run. The progress includes this work, and the speed does not.
    """

    _bar_shown = False  # only one bar at a time

    def __init__(
        self, name: str, *, total: float | None = None, unit: str = "steps", done: float = 0, steady: bool = True
    ) -> None:
        self.name, self.total, self.unit, self.done, self._steady = name, total, unit, done, steady
        self._done_before = done
        self._note = ""
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        self._started = self._last_draw = time.monotonic()
        self._next_line = self._started + FIRST_LINE
        if on_terminal() and not Progress._bar_shown:
            self._bar = _new_bar()
            self._task = self._bar.add_task(self.name, total=self.total, text="")
            self._bar.start()
            Progress._bar_shown = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            Progress._bar_shown = False

    def advance(self, amount: float = 1, *, note: str = "") -> None:
        """Add `amount` to the work done. `note` is shown behind the progress until another note replaces it."""
        self.done += amount
        self._note = note or self._note
        now = time.monotonic()
        if self._bar is not None and now - self._last_draw >= _REDRAW_EVERY:
            self._last_draw = now
            self._bar.update(self._task, completed=self.done, total=self.total, text=self._text(now))
        if rank() == 0 and now >= self._next_line:
            self._next_line = now + LINE_EVERY
            log.info("%s: %s", self.name, self._text(now), extra=FILE_ONLY if self._bar is not None else None)

    def _text(self, now: float) -> str:
        """Return text like `120/5000 steps (2 %), 8.1 steps/s, 10 min left, loss 1e-3`."""
        rate = (self.done - self._done_before) / max(now - self._started, 1e-9)
        if self.total is None:
            parts = [f"{self.done:g} {self.unit}"]
        else:
            share = f" ({100 * self.done / self.total:.0f} %)" if self.total > 0 else ""
            parts = [f"{self.done:.10g}/{self.total:.10g} {self.unit}{share}"]
        if self._steady:
            parts.append(f"{rate:.3g} {self.unit}/s")
        if self._steady and self.total is not None and rate > 0:
            parts.append(f"{duration(max(0.0, self.total - self.done) / rate)} left")
        if self._note:
            parts.append(self._note)
        return ", ".join(parts)


@contextmanager
def announced(text: str) -> Iterator[None]:
    """Print `text` on rank 0 once the work of the `with` statement has taken two seconds.

    This is for work that has no parts to count. A library call that holds Python's global lock delays the line.
    """
    timer = threading.Timer(FIRST_LINE, log.info, ("%s", text))
    timer.daemon = True
    if rank() == 0:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _new_bar() -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}", markup=False)
    return Bar(*columns, console=Console(stderr=True), transient=True)
