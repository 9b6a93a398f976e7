"""Messages, log files and progress, alone and under mpirun."""

import logging
import re
import sys
import time

import pytest

from freqbias.errors import UsageError
from freqbias.runtime import Progress, announced, configure, duration, log
from freqbias.runtime import progress as progress_module
from tests.launch import run_code


@pytest.fixture(autouse=True)
def restore_logger():
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield
    for handler in set(log.handlers) - set(handlers):
        handler.close()
    log.handlers, log.propagate = handlers, propagate
    log.setLevel(level)


def log_all_levels():
    log.debug("details")
    log.info("news")
    log.warning("careful")


def test_silent_without_configure():
    done = run_code("from freqbias.runtime import log, Progress; log.warning('careful'); log.error('bad')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("how", "printed"),
    [
        ({}, "news\nwarning: careful\n"),
        ({"verbosity": 1}, "debug: details\nnews\nwarning: careful\n"),
        ({"quiet": True}, "warning: careful\n"),
        ({"quiet": True, "verbosity": 2}, "warning: careful\n"),
    ],
)
def test_levels(how, printed, capsys):
    configure(verbosity=1)  # an earlier configuration is replaced
    configure(**how)
    log_all_levels()
    assert capsys.readouterr() == ("", printed)


def test_log_file_is_appended_with_times(tmp_path, capsys):
    for _ in range(2):
        configure(quiet=True, log_file=tmp_path / "log.txt")
        log.info("news")
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert len(lines) == 2 and all(
        re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO news", line) for line in lines
    )
    assert capsys.readouterr().err == ""


def test_unwritable_log_file(tmp_path):
    with pytest.raises(UsageError, match=r"cannot write the log file .*missing/log.*--log-file"):
        configure(log_file=tmp_path / "missing" / "log")


def test_messages_under_mpirun(tmp_path):
    code = f"""
        import logging
        from pathlib import Path
        from freqbias.runtime import configure, log, rank, world
        configure(verbosity=1, log_file=Path({str(tmp_path / "log")!r}))
        log.info("news"); log.warning("careful")
        world().Barrier()
        if rank() == 1:
            log.error("bad")
    """
    done = run_code(code, ranks=2)
    assert sorted(done.stderr.splitlines()) == ["news", "rank 1: error: bad", "warning: careful"]
    assert (tmp_path / "log").read_text().count("\n") == 2


# --- progress


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    return clock


def test_progress_lines_without_terminal(clock, capsys):
    configure()
    with Progress("training", total=5000, unit="steps") as progress:
        for step in range(240):
            clock.now += 0.125
            progress.advance(note=f"loss {1 / (step + 1):.0e}")
    assert capsys.readouterr().err.splitlines() == [
        "training: 16/5000 steps (0 %), 8 steps/s, 10 min left, loss 6e-02",
        "training: 96/5000 steps (2 %), 8 steps/s, 10 min left, loss 1e-02",
        "training: 176/5000 steps (4 %), 8 steps/s, 10 min left, loss 6e-03",
    ]


def test_progress_after_resume(clock, capsys):
    configure()
    with Progress("pde", total=1000, unit="products", done=900) as progress:
        clock.now += 20
        progress.advance(10)
    assert capsys.readouterr().err == "pde: 910/1000 products (91 %), 0.5 products/s, 3 min left\n"


def test_progress_without_total(clock, capsys):
    configure()
    with Progress("search", unit="trials") as progress:
        clock.now += 10
        progress.advance(5)
    assert capsys.readouterr().err == "search: 5 trials, 0.5 trials/s\n"


def test_slow_work_is_announced_once(capsys, monkeypatch):
    monkeypatch.setattr(progress_module, "FIRST_LINE", 0.05)
    configure()
    with announced("drawing"):
        time.sleep(0.2)
    with announced("quick work"):
        pass
    time.sleep(0.1)
    assert capsys.readouterr().err == "drawing\n"


@pytest.mark.parametrize("how", [None, {"quiet": True}])
def test_silent_progress(how, clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    if how is not None:
        configure(**how)
    with Progress("training", total=10) as progress:
        clock.now += 60
        progress.advance(5)
    assert capsys.readouterr() == ("", "")


def test_progress_bar_on_a_terminal(clock, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    configure(log_file=tmp_path / "log")
    with Progress("training", total=10) as outer, Progress("inner", total=2) as inner:
        assert outer._bar is not None and inner._bar is None
        clock.now += 60
        outer.advance(5, note="loss [1e-3]")
        log.info("news")
    printed = capsys.readouterr().err
    assert "training" in printed and "5/10 steps (50 %)" in printed and "loss [1e-3]" in printed
    assert printed.count("news") == 1 and "\n training: 5" not in printed
    assert printed.rstrip().endswith(("\x1b[2K", "\x1b[?25h")), "the bar is erased at the end"
    assert "training: 5/10 steps (50 %)" in (tmp_path / "log").read_text()
    with Progress("next", total=1) as progress:
        assert progress._bar is not None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (90, "2 min"),
        (600, "10 min"),
        (5399, "1 h 30 min"),
        (7500, "2 h 05 min"),
        (270_000, "3 d 3 h"),
    ],
)
def test_duration_text(seconds, words):
    assert duration(seconds) == words


def test_logger_name():
    assert log is logging.getLogger("freqbias")
