"""Formulas in figures as plain text: the same signs, and nothing is converted that plain text cannot say."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from freqbias.compare.style import lay_out, plain, save_figure


@pytest.mark.parametrize("text, expected", [
    (r"frequency $|\xi|$ (cycles/m)", "frequency |ξ| (cycles/m)"),
    (r"$|\xi_1|$ and $|v|$", "|ξ₁| and |v|"),
    (r"$\mathdefault{10^{-3}}$", "10⁻³"),
    (r"$\mathdefault{2\times10^{-12}}$", "2×10⁻¹²"),
    (r"$\Vert v(0)\Vert$", "‖v(0)‖"),
    (r"$|\Delta v|$", "|Δv|"),
    (r"$\sigma_a \to 0$", "σₐ → 0"),
    (r"$0 \leq t \leq 3$", "0 ≤ t ≤ 3"),
    (r"$v - w$", "v \N{MINUS SIGN} w"),
    ("no formula", "no formula"),
    (r"costs \$3", r"costs \$3"),
    (r"$\sum_c |v_c|^2$", r"$\sum_c |v_c|^2$"),  # no sign for the sum, nor for a lowered c
    (r"$v_\mathrm{pde}$", r"$v_\mathrm{pde}$"),
    (r"$\frac{1}{2}$", r"$\frac{1}{2}$"),
    (r"$\xivector$", r"$\xivector$"),
])  # fmt: skip
def test_a_formula_is_converted_if_unicode_has_its_signs(text, expected):
    assert plain(text) == expected


def test_no_formula_is_left_for_the_parser(tmp_path):
    figure = Figure()
    panel = figure.subplots()
    panel.loglog([1e-6, 1e3], [1e-8, 1.0], label=r"$|\xi|$")
    panel.set(xlabel=r"$\xi_1$", title=r"$t$ = 3")
    panel.legend()
    small = figure.add_axes((0.7, 0.2, 0.2, 0.2))
    small.ticklabel_format(useMathText=True)
    small.plot(np.arange(3.0), 1e9 + np.arange(3.0))
    lay_out(figure)
    figure.draw_without_rendering()
    texts = [text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text"))]
    assert not [text for text in texts if "$" in text]
    assert {"|ξ|", "ξ₁", "t = 3", "10⁻⁴"} <= {*texts} and any("10⁹" in text for text in texts)


def test_every_sign_is_in_the_font_of_the_figures(tmp_path, recwarn):
    from freqbias.compare.style import plain_text

    figure = Figure()
    figure.text(
        0.1, 0.5, "".join([*plain_text.SYMBOLS.values(), *plain_text.RAISED.values(), *plain_text.LOWERED.values()])
    )
    save_figure(figure, [tmp_path / "a.png"], "signs")
    assert not [warning for warning in recwarn if "missing from font" in str(warning.message)]
