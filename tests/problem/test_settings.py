"""Settings that are built in Python raise the same errors as those of a run file."""

import pytest

from freqbias.errors import InputError
from freqbias.problem import Compare, Mesh, Network, Pde, Training
from freqbias.problem.settings import Time


@pytest.mark.parametrize(
    ("section", "keys", "lines"),
    [
        (
            Network,
            {"width": 0, "sigma": 1.0},
            [
                r"\[network\] sigma = 1.0: unknown key; did you mean sigma_a\?",
                r"\[network\] width = 0; expected a whole number from 1 .* for example width = 100000",
                r"\[network\] sigma_a is missing; expected a number .* for example sigma_a = 1.0",
            ],
        ),
        (
            Network,
            {"width": 3, "sigma_a": 1.0},
            [r"\[network\] width = 3 is odd, .*; use an even width, or symmetric = false"],
        ),
        (Time, {"times": [1.0, -2.0]}, [r"\[time\] times = -2.0; expected a list of increasing positive numbers.*"]),
        (
            Mesh,
            {"size": 2.0, "half_width": 1.0},
            [r"\[mesh\] size = 2.0 is larger than half_width = 1.0; use smaller .*"],
        ),
        (
            Pde,
            {"step": -1.0},
            [r'\[pde\] step = -1.0; expected "auto" .* or a positive number in gradient-flow time: the step size'],
        ),
        (Training, {"batch": 3}, [r'\[training\] batch = 3 is for "sgd".*; leave batch out']),
        (Compare, {"projection": "L2"}, [r"\[compare\] projection = 'L2'; expected \"interpolation\" .*"]),
    ],
)
def test_one_line_for_each_faulty_key(section, keys, lines):
    with pytest.raises(InputError, match=rf"\A{r'\n  '.join(lines)}\Z"):
        section(**keys)
