"""Random changes of valid run files.

Every function takes a `random.Random`, or the strategy `randoms` of hypothesis, which has the same methods.
"""

import copy
import datetime
import math
from collections.abc import Callable
from random import Random
from typing import Any

import tomli_w

from tests.fuzz.valid_run_files import Tables, valid
from tests.problem.run_files import every_key

NUMBERS: list[Any] = [
    0, -1, 1, 2, 3, 7, 255, 2**31, 2**63 - 1, 2**63, 2**64, 10**9, 10**30, 10**400, 0.0, -0.0, 0.5, 1e-3, 1e-12, 1e-300,
    5e-324, 1e12, 1e300, math.nan, math.inf, -math.inf, 0.1 + 0.2,
]  # fmt: skip
TEXTS = [
    "", " ", "auto", "gaussian", "x.npy", "line.npy", "table.csv", "mine.nc", ".", "..", "/", "/dev/zero", "~", "~x/y",
    "matplotlib:topobathy.npz", "\0", "a\0.npy", "\x1b[31mred", "\r\n", "\u202eabc", "é" * 200, "💥", "𝟙", "$\\mu$",
    "$$$", "%s{}", "a" * 5000, "\\", "'\"",
]  # fmt: skip
OBJECTS: list[Any] = [
    True, False, [], {}, [[]], [1], [1.0, 2.0, 3.0], ["a"], [{}], {"kind": "gaussian"}, {"a": {"b": {"c": 1}}},
    datetime.date(1979, 5, 27), datetime.time(7, 32), datetime.datetime(1979, 5, 27, tzinfo=datetime.UTC),
    [[1.0]] * 300, list(range(5000)), {f"k{i}": i for i in range(300)},
]  # fmt: skip
NAMES = sorted({key.rpartition(".")[2] for key in every_key()})


def value(random: Random, old: Any) -> Any:
    """Return a value in place of `old`: near to it, hostile, or inside lists and tables."""
    match random.randrange(6):
        case 0 if isinstance(old, int | float) and not isinstance(old, bool):
            return random.choice(
                [-old, old + 1, old * 10 ** random.randint(-20, 20), str(old), [old], [old] * 3, float(old)]
            )
        case 1 | 2:
            return copy.deepcopy(random.choice(random.choice([NUMBERS, TEXTS, OBJECTS])))
        case 3:
            return random.choice(NUMBERS)
        case 4 if isinstance(old, list) and old:
            new = copy.deepcopy(old)
            new[random.randrange(len(new))] = value(random, new[0])
            return new
    deep: Any = random.choice(NUMBERS)
    for _ in range(random.choice([1, 2, 10, 30, 90])):
        deep = [deep] if random.random() < 0.5 else {"a": deep}
    return deep if random.random() < 0.5 else random.choice(TEXTS) * random.choice([1, 1, 40])


def change_slightly(tables: Tables, random: Random) -> str:
    """Take a section or a key from another valid run file, or change the size of a number; return the name."""
    other = valid(random)
    section = random.choice([name for name, content in other.items() if isinstance(content, dict)])
    content = tables[section]
    numbers = [key for key, old in content.items() if isinstance(old, int | float) and not isinstance(old, bool)]
    if numbers and random.random() < 0.7:
        key = random.choice(numbers)
        changed = content[key] * 10 ** random.uniform(-4, 4)
        content[key] = round(changed) if isinstance(content[key], int) else changed
        return key
    if random.random() < 0.5 and content.get("kind") == other[section].get("kind"):
        tables[section] = {**content, **other[section]}
    else:
        tables[section] = other[section]
    return section


def change_tables(tables: Tables, random: Random) -> str:
    """Change one thing in the tables, and return the name of the key or section that has changed."""
    section = random.choice([name for name, content in tables.items() if isinstance(content, dict)] or ["name"])
    content = tables.get(section)
    match random.randrange(8):
        case 0:
            name = random.choice(list(tables) or ["seed"])
            tables[name] = value(random, tables.get(name))
            return name
        case 1:
            name = random.choice(["frobnicate", "é", "a b", "", "kind", "sigma_A", *NAMES])
            place = content if isinstance(content, dict) and random.random() < 0.8 else tables
            place[name] = value(random, 1.0)
            return name
        case 2 if isinstance(content, dict) and content:
            name = random.choice(list(content))
            del content[name]
            return name
        case 3:
            tables.pop(section, None)
            return section
        case 4:
            other = random.choice(list(tables) or ["name"])
            tables[section] = copy.deepcopy(tables.get(other, 1))
            return section
    if not isinstance(content, dict) or not content:
        tables[section] = value(random, content)
        return section
    name = random.choice(list(content))
    content[name] = value(random, content[name])
    return name


QUOTES = "'''"
CONTROLS = [
    "\0",
    "\x07",
    "\x1b",
    "\x7f",
    "\u2028",
    "\ufeff",
    "\r",
    "\t",
    "\ud800",
    "\\",
    '"""',
    "'''",
    "#",
    "=",
    "[",
    "]]",
]
LINES: list[Callable[[Random], str]] = [
    lambda random: f"k{random.randrange(9)} = {'[' * (depth := random.choice([9, 300, 20000]))}{']' * depth}",
    lambda random: f"seed = {random.randint(1, 9)}{'0' * random.choice([20, 999, 4400, 10**5])}",
    lambda random: f"a{'.a' * random.choice([3, 40, 20000])} = 1",
    lambda random: "\n".join(f"[t{i}]" for i in range(random.choice([5, 2000]))),
    lambda random: f'name = "{"x" * random.choice([300, 10**5, 10**7])}"',
    lambda random: "[" + random.choice(NAMES) + "]",
    lambda random: "[[density.parts]]\nkind = 'ball'",
    lambda random: "x = {" + ", ".join(f"k{i} = {i}" for i in range(random.choice([3, 3000]))) + "}",
    lambda random: f"{random.choice(NAMES)} = {random.choice(['', '1_000', '0x1f', '-nan', '1979-05-27', QUOTES])}",
    lambda random: "-" * random.choice([9, 10**6]),
]  # fmt: skip


def change_text(text: str, random: Random) -> bytes:
    """Change the text of a run file: bytes flipped, cut or inserted, lines doubled, moved or invented, encodings."""
    lines = text.splitlines() or [""]
    at = random.randrange(len(lines))
    encoded = bytearray(text.encode(errors="surrogatepass"))
    where = random.randrange(len(encoded) + 1)
    match random.randrange(10):
        case 0:
            for _ in range(random.randint(1, 4)):
                if encoded:
                    encoded[random.randrange(len(encoded))] = random.randrange(256)
            return bytes(encoded)
        case 1:
            return bytes(encoded[:where])
        case 2:
            del encoded[where : where + random.randint(1, 60)]
            return bytes(encoded)
        case 3:
            encoded[where:where] = random.choice(CONTROLS).encode(errors="surrogatepass")
            return bytes(encoded)
        case 4:
            lines.insert(at, lines[random.randrange(len(lines))])
        case 5:
            del lines[at]
        case 6:
            return text.encode(random.choice(["utf-16", "utf-32", "utf-8-sig", "utf-7"]), errors="replace")
        case 7:
            return (text + text[text.find("[") :]).encode(errors="surrogatepass")
        case _:
            lines.insert(at, random.choice(LINES)(random))
    return "\n".join(lines).encode(errors="surrogatepass")


def run_file(random: Random) -> tuple[bytes, str]:
    """Return a changed run file, and the key that was changed if it is a single one, or else an empty text."""
    tables = valid(random)
    if random.random() < 0.4:
        changed = change_slightly(tables, random)
        return tomli_w.dumps(tables).encode(), changed
    names = [change_tables(tables, random) for _ in range(random.choice([1, 1, 1, 2, 3]))]
    text = tomli_w.dumps(tables)
    if random.random() < 0.3:
        return change_text(text, random), ""
    return text.encode(errors="surrogatepass"), names[0] if len(names) == 1 else ""
