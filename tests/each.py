"""Thousands of quick checks as one test: pytest needs some milliseconds for each test, more than such a check."""

from collections.abc import Callable, Iterable


def check_each[Case](check: Callable[[Case], None], cases: Iterable[Case], name: Callable[[Case], str]) -> None:
    """Call check(case) for all cases, and report all failures, each with the name of its case."""
    failures = []
    for case in cases:
        try:
            check(case)
        except AssertionError as failure:
            failure.add_note(f"in the case: {name(case)}")
            failures.append(failure)
    if failures:
        raise ExceptionGroup(f"{len(failures)} cases failed", failures)
