"""A sample of each kind of random tests; `python -m tests.fuzz KIND` runs many more of them."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import damage, data
from tests.fuzz.mutations import run_file
from tests.fuzz.runfiles import check, judge
from tests.fuzz.valid_run_files import write_data
from tests.fuzz.verdicts import fault
from tests.launch import Answer

KINDS = [(key, ending) for key, endings in data.KEYS.items() for ending in endings]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    return tmp_path


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(random=st.randoms())
def test_run_files(folder, random):
    content, changed = run_file(random)
    path = folder / "run.toml"
    path.write_bytes(content)
    verdict = judge(check(path), changed)
    assert not verdict.failure


def test_damaged_result_folders(tmp_path):
    bench = damage.Bench(tmp_path, ["data"])
    verdicts = [bench.judge(number) for number in range(6)]
    assert [verdict.failure for verdict in verdicts if verdict.failure] == []
    assert {verdict.outcome for verdict in verdicts} == {"harmless", "named"}


@pytest.mark.filterwarnings("ignore:datetime:DeprecationWarning")  # from pynrrd
def test_data_files(tmp_path):
    bench = data.Bench(tmp_path)
    verdicts = [bench.judge(number) for number in range(20)]
    assert [verdict.failure for verdict in verdicts if verdict.failure] == []
    assert {verdict.outcome for verdict in verdicts} == {"read", "refused"}
    for key, ending in KINDS:  # otherwise damaged files could be refused for another reason
        path = bench.folder / f"file{ending}"
        keys = bench.write_plain(key, path, Random(0))
        bench.write_run_file(key, path, keys)
        answer, _, printed = bench.answer(key, path)
        assert (answer.returncode, answer.stderr, printed) == (0, "", ""), (key, ending)


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (Answer(0, "", ""), ""),
        (Answer(2, "", "warning: a\nerror: b\n  c\n"), ""),
        (Answer(75, "", "stopped early: a\n"), "exit code 75"),
        (Answer(1, "", "Traceback (most recent call last):\nerror: a\n"), "exit code 1"),
        (Answer(2, "", "error: a\nerror: b\n"), "not one message"),
        (Answer(2, "", ""), "not one message"),
        (Answer(0, "", "x.py:3: UserWarning: a\n"), "noise"),
        (Answer(2, "", "error: " + 2048 * "a" + "\n"), "2,056 characters"),
    ],
)
def test_rules(answer, wrong):
    assert fault(answer).startswith(wrong) and bool(fault(answer)) == bool(wrong)
