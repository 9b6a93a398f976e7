"""The tasks of a sweep. A task is one stage with one set of keys, which several runs may share.

    OUT/runs/ID/             the result folder of a run, as `freqbias run` writes it
    OUT/runs/ID/pde          a link to ../OTHER/pde, if another run has the same keys of this stage
    OUT/runs/ID/nn.failed    why a stage of this run failed

ID are the values of the swept keys, as on the command line: density.sigma=4,seed=0.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freqbias.problem import RunFile, SweepPlan, in_words, stage_keys
from freqbias.runtime import key_hash

NEEDS = {"compare": ("pde", "nn", "ntk")}  # the stages that must finish before a stage
AFTER = {"ntk": ("nn",)}  # those that must have ended, also by a failure
LONGEST_ID = 200  # bytes
_PLAIN = re.compile(r"[\w.+-]+")


@dataclass(frozen=True)
class Task:
    """A stage to compute.

    stage: the name of the stage. home: the ID of the run in whose folder the result lies. run: the index of the run
    file to compute it with. users: the indices of the runs that need the result. keys, key_hash: the keys of the stage,
    and their hash. needs: the positions of the tasks that must finish before this one starts. after: those that must
    have ended, also by a failure: `ntk` predicts the steps that `nn` took, if it has taken them.
    """

    stage: str
    home: str
    run: int
    users: tuple[int, ...]
    keys: Mapping[str, Any]
    key_hash: str
    needs: tuple[int, ...]
    after: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.home}/{self.stage}"


def identifiers(plan: SweepPlan) -> list[str]:
    """Return the ID of each run, which is the name of its folder."""
    return [_identifier(point) for point in plan.points]


def _identifier(point: Mapping[str, Any]) -> str:
    parts = [in_words({key: value}).partition("=") for key, value in point.items()]
    name = ",".join(f"{key}={text if _PLAIN.fullmatch(text) else _short_hash(text)}" for key, _, text in parts)
    if not name:
        return "run"
    return name if len(name.encode()) <= LONGEST_ID else _short_hash(name)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def stage_keys_of(run: RunFile, stage: str) -> Mapping[str, Any]:
    if stage != "design":
        return stage_keys(run, stage)
    from freqbias.compare.stages import design_keys  # imports torch, which a sweep of other stages may not need

    return design_keys(run)


def find_tasks(plan: SweepPlan, folder: Path) -> list[Task]:
    """Return the tasks of a sweep, in the order of the runs. folder: OUT/runs.

    A stage that several runs share lies in the folder of that run which has it already, or else of the first run.
    """
    names = identifiers(plan)
    index_of = {name: index for index, name in enumerate(names)}
    existing = dict(_existing(folder, known=index_of.keys()))
    users = defaultdict[tuple[str, str], list[int]](list)
    keys = dict[tuple[str, str], Mapping[str, Any]]()
    of_run = list[list[tuple[str, str]]]()
    for index, run in enumerate(plan.runs):
        of_run.append([])
        for stage in plan.stages:
            found = stage_keys_of(run, stage)
            name = (stage, key_hash(found))
            keys.setdefault(name, found)
            users[name].append(index)
            of_run[-1].append(name)
    positions = dict[tuple[str, str], int]()
    tasks = list[Task]()
    for names_of_run in of_run:
        for name in names_of_run:
            if name in positions:
                continue
            home = existing.get(name, "")
            if home in index_of and name not in of_run[index_of[home]]:  # an old result, to be refused or replaced
                home = ""
            home = home or names[users[name][0]]
            needs = [positions[each] for each in names_of_run if each[0] in NEEDS.get(name[0], ())]
            after = [positions[each] for each in names_of_run if each[0] in AFTER.get(name[0], ())]
            positions[name] = len(tasks)
            run_index = index_of.get(home, users[name][0])
            tasks.append(
                Task(name[0], home, run_index, tuple(users[name]), keys[name], name[1], tuple(needs), tuple(after))
            )
    return tasks


def _existing(folder: Path, known: Collection[str]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield (stage, hash of keys) and the ID of the run for each stage that is finished or was begun, the best last.

    known: the runs of this sweep. Only finished stages of other runs count.
    """
    for pattern in ("*/*.partial/unfinished.json", "*/*/manifest.json"):
        for path in sorted(folder.glob(pattern), reverse=True):
            stage = path.parent
            if stage.is_symlink() or (stage.suffix and stage.parent.name not in known):
                continue
            try:
                key = json.loads(path.read_bytes())["key_hash"]
            except (OSError, ValueError, KeyError, TypeError):
                continue
            yield (stage.name.removesuffix(".partial"), key), stage.parent.name
