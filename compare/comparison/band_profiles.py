"""Draw the band over draws below the maps of figure 4: the root mean square of |v| over rings, against |xi|."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from freqbias.compare.comparison.draw_bands import RingProfile
from freqbias.compare.comparison.record import Comparison
from freqbias.compare.style import BAND_COLOUR, NN_COLOUR, PDE_COLOUR, network_label, open_frame, round_ticks

HEADROOM = 1.08  # upper end of the axis, relative to the largest value


def draw_profiles(
    comparison: Comparison, profile: RingProfile, shown: Sequence[int], reach: float, panels: Sequence[Axes]
) -> None:
    """Draw a panel for each of the S times shown. reach: the largest |xi| on the axes [cycles/length]."""
    middles = (profile.edges[1:] + profile.edges[:-1]) / 2
    ring = (middles <= reach) & np.isfinite(profile.equation).all(axis=0)
    dashes: dict[str, Any] = {"linewidth": 0.7, "linestyle": (0, (3, 1.5))}
    for panel, k in zip(panels, shown, strict=True):
        low, high, network, equation = (
            values[k, ring] for values in (profile.draws.low, profile.draws.high, profile.network, profile.equation)
        )
        label = f"{100 * profile.draws.level:.0f} % of draws"
        panel.fill_between(middles[ring], low, high, color=BAND_COLOUR, linewidth=0, label=label)
        panel.plot(middles[ring], equation, color=PDE_COLOUR, linewidth=1.4, label="finite elements")
        panel.plot(middles[ring], network, color=NN_COLOUR, label=network_label(comparison.attributes), **dashes)
        panel.set(xlim=(0, reach), ylim=(0, HEADROOM * max(high.max(), network.max(), equation.max()) or 1))
        panel.set_xlabel(r"$|\xi|$")
        open_frame(panel)
        round_ticks(panel.xaxis, 3)
        round_ticks(panel.yaxis, 3)
    panels[0].set_ylabel("$|v|$ over rings,\nroot mean square", linespacing=1.4)
    figure = panels[0].figure
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
