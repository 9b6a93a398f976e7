"""Each example prints the number that its docstring says, and draws its picture."""

import ast
import re
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("[0-9]*.py"))
NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?"
SMALL = 1e-3  # numbers below it are errors, of which one digit is given


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_says(path, capsys, tmp_path):
    stated = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n\nPrints: ")[1]
    names = runpy.run_path(str(path))  # its own last lines assert the bound
    printed = capsys.readouterr().out.strip()
    assert re.sub(NUMBER, "#", printed) == re.sub(NUMBER, "#", stated)
    for value, expected in zip(*(map(float, re.findall(NUMBER, text)) for text in (printed, stated)), strict=True):
        np.testing.assert_allclose(value, expected, rtol=0.05 if abs(expected) > SMALL else 0.5)
    names["draw"](tmp_path / "picture.png")
    plt.close("all")


def test_the_examples_are_numbered():
    assert [int(path.name[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1)) != []
