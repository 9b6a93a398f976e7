"""Formulas as plain Unicode text.

matplotlib sets a formula between dollar signs with a parser, which takes most of the time of a small figure: half of
`freqbias compare`. Simple formulas such as $|\\xi_1|$ and $10^{-3}$ have the same look in plain text.
"""

import re
from collections.abc import Iterator

from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter, LogFormatterMathtext, ScalarFormatter

SYMBOLS = {
    r"\xi": "ξ", r"\kappa": "κ", r"\sigma": "σ", r"\rho": "ρ", r"\mu": "µ", r"\varphi": "φ", r"\lambda": "λ",
    r"\Delta": "Δ", r"\pi": "π", r"\Vert": "‖", r"\leq": "≤", r"\geq": "≥", r"\to": "→", r"\times": "×",
    r"\cdot": "·", r"\propto": "∝", r"\sim": "∼", r"\,": " ", "-": "\N{MINUS SIGN}",
}  # fmt: skip
RAISED = dict(zip("0123456789+\N{MINUS SIGN}=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ", strict=True))
LOWERED = dict(zip("0123456789+\N{MINUS SIGN}=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))

_FORMULA = re.compile(r"(?<!\\)\$([^$]*)\$")
RELATIONS = "≤≥→×·∝∼"  # with space around; behind other commands, TeX ignores it
_WRAPPED = re.compile(r"\\math(?:default|rm|regular)\{((?:[^{}]|\{[^{}]*\})*)\}")
_SCRIPT = re.compile(r"([_^])(?:\{([^{}]*)\}|([^\\{}]))")
_SUBSCRIPT_IN_WORDS = re.compile(r"[_^]\s*\\math")


def _pattern(name: str) -> str:
    word = name[-1].isalpha()
    return re.escape(name) + "(?![A-Za-z])" * word + r"\s*" * (word and SYMBOLS[name] not in RELATIONS)


_COMMAND = re.compile("|".join(_pattern(name) for name in SYMBOLS))


def plain(text: str) -> str:
    """Return the text with simple formulas in Unicode. A formula that needs more remains as it is."""
    return _FORMULA.sub(lambda found: _plain_formula(found[1]) or found[0], text) if "$" in text else text


def _plain_formula(formula: str) -> str | None:
    """Return a formula in Unicode, or None if Unicode lacks a sign or the formula has more structure."""
    if _SUBSCRIPT_IN_WORDS.search(formula):
        return None
    text = _COMMAND.sub(lambda found: SYMBOLS[found[0].rstrip()], _WRAPPED.sub(r"\1", formula))
    try:
        text = _SCRIPT.sub(lambda found: _shifted(found[2] if found[2] is not None else found[3], found[1]), text)
    except KeyError:
        return None
    return None if re.search(r"[\\{}_^$]", text) else text


def _shifted(text: str, direction: str) -> str:
    letters = RAISED if direction == "^" else LOWERED
    return "".join(letters[letter] for letter in text.replace(" ", ""))


class _PlainFormatter(Formatter):
    """Formats the numbers on an axis as another formatter does, but in plain text."""

    def __init__(self, inner: Formatter) -> None:
        self._inner = inner

    def __call__(self, x: float, pos: int | None = None) -> str:
        return plain(self._inner(x, pos))

    def format_ticks(self, values: list[float]) -> list[str]:
        return [plain(text) for text in self._inner.format_ticks(values)]

    def get_offset(self) -> str:
        return plain(self._inner.get_offset())

    def set_axis(self, axis: object) -> None:
        super().set_axis(axis)  # type: ignore[arg-type]
        self._inner.set_axis(axis)  # type: ignore[arg-type]

    def set_locs(self, locs: list[float]) -> None:
        self._inner.set_locs(locs)


def use_plain_text(figure: Figure) -> None:
    """Write all simple formulas in a figure as plain text: labels, titles, legends, and the numbers on the axes."""
    for text in _texts(figure):
        if "$" in (found := text.get_text()):
            text.set_text(plain(found))
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for get, set_formatter in (
                (axis.get_major_formatter, axis.set_major_formatter),
                (axis.get_minor_formatter, axis.set_minor_formatter),
            ):
                if isinstance(formatter := get(), LogFormatterMathtext | ScalarFormatter):
                    set_formatter(_PlainFormatter(formatter))


def _texts(artist: Artist) -> Iterator[Text]:
    """Yield all text in an artist, except the numbers on an axis. Each drawing writes these numbers again.

    `Artist.findobj` would make all ticks first, which took a fifth of the time of a figure.
    """
    if isinstance(artist, Text):
        yield artist
    children = [artist.label, artist.offsetText] if isinstance(artist, Axis) else artist.get_children()
    for child in children:
        yield from _texts(child)
