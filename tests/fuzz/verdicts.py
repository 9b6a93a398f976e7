"""The rules that hold for every answer of the program, and the counts of a kind of tests."""

import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.launch import Answer

LONGEST_MESSAGE = 2048  # bytes
TOO_LONG = "takes too long"


@dataclass(frozen=True)
class Verdict:
    """outcome: how the case ended, in a word or two, for the counts. failure: what was wrong; empty if nothing."""

    outcome: str
    failure: str = ""


class TooSlowError(BaseException):  # not to be caught by the program
    pass


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooSlowError in the body after these seconds of computation, or after 10 times these seconds of waiting.

    Machines are shared, so that a wall clock alone would measure the other work.
    """

    def fail(*_: object) -> None:
        raise TooSlowError

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, 10 * seconds)}
    old = {number: signal.signal(number, fail) for number in timers}
    for timer, limit in timers.values():
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, old[number])


def fault(answer: Answer, codes: tuple[int, ...] = (0, 2)) -> str:
    """Return what is wrong with an answer whatever the case was, or an empty text.

    Every line of stderr begins with the kind of the message, or goes on with such a line.
    """
    code, _, err = answer
    start = {2: "error: ", 3: "error: ", 75: "stopped early: "}.get(code, "")
    if "TooSlowError" in err:
        return TOO_LONG
    if "Traceback" in err or code not in codes:
        return f"exit code {code}: {err[-1500:]}"
    if len(err.encode(errors="replace")) > LONGEST_MESSAGE:
        return f"{len(err):,} characters: {err[:200]}"
    lines = [line for line in err.splitlines() if not line.startswith(("  ", "warning: ", "stopping"))]
    if start and sum(line.startswith(start) for line in lines) != 1:
        return f"not one message: {err}"
    if [line for line in lines if not start or not line.startswith(start)]:
        return f"noise: {err}"
    return ""


def names(message: str, *words: str) -> bool:
    return any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", message) for word in words)


def judge_all(what: str, judge: Callable[[int], Verdict], first: int, count: int, *, long: bool = False) -> bool:
    """Judge `count` cases, print every failure and the counts, and return whether there was a failure.

    long: print every case, because each needs seconds.
    """
    outcomes, failures, slowest = Counter[str](), 0, (0.0, first)
    for number in range(first, first + count):
        began = time.monotonic()
        verdict = judge(number)
        slowest = max(slowest, (time.monotonic() - began, number))
        outcomes[verdict.outcome] += 1
        failures += bool(verdict.failure)
        if verdict.failure or long:
            print(f"case {number}, {verdict.outcome}: {verdict.failure or 'right'}", flush=True)
    counts = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.most_common())
    print(
        f"{count:,} {what}: {counts}; slowest {slowest[0]:.1f} s (case {slowest[1]}); {failures} failures", flush=True
    )
    return failures > 0
