"""Models of one layer as drawings: inputs, weighted arrows, sums, activations."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

INK, BLUE = "0.25", "#2b6cb0"
Place = tuple[float, float]


def single_neuron(axis: Any, weights: Sequence[float], bias: float, names: Sequence[str],
                  activation: str) -> None:
    """ŷ = σ(b + wᵀ x) with its learned numbers on the arrows."""
    p = len(weights)
    places = [(0.0, 1.3 * ((p - 1) / 2 - i)) for i in range(p)]
    for place, name, w in zip(places, names, weights, strict=True):
        circle(axis, place, name)
        arrow(axis, place, (2.2, 0), f"{w:.3g}")
    circle(axis, (2.2, 1.6), "1")
    arrow(axis, (2.2, 1.6), (2.2, 0), f"b = {bias:.3g}", shift=(0.12, 0), at=0.45, align="left")
    circle(axis, (2.2, 0), r"$\Sigma$")
    circle(axis, (3.7, 0), activation)
    arrow(axis, (2.2, 0), (3.7, 0), "$z$")
    arrow(axis, (3.7, 0), (4.9, 0), r"$a = \hat{y}$")
    finish(axis, (-0.8, 5.1), (min(-1.3, places[-1][1] - 0.6), max(2.2, places[0][1] + 0.6)))


def softmax_layer(axis: Any, p: int, K: int) -> None:
    """z = b + W x, all K scores into one softmax, which gives K probabilities."""
    inputs = [(0.0, 1.1 * ((p - 1) / 2 - i)) for i in range(p)]
    sums = [(2.2, 1.1 * ((K - 1) / 2 - k)) for k in range(K)]
    for i, place in enumerate(inputs):
        circle(axis, place, f"$x_{i + 1}$")
        for end in sums:
            arrow(axis, place, end)
    from matplotlib.patches import FancyBboxPatch
    top, low = sums[0][1] + 0.45, sums[-1][1] - 0.45
    axis.add_patch(FancyBboxPatch((3.55, low), 0.7, top - low, boxstyle="round,pad=0.02", facecolor="#e2ecf7",
                                  edgecolor=INK, zorder=2))
    axis.text(3.9, 0, r"$S_{\mathrm{Softmax}}$", rotation=90, ha="center", va="center", zorder=4)
    for k, place in enumerate(sums):
        circle(axis, place, r"$\Sigma$")
        axis.text(place[0], place[1] + 0.3, f"$b_{k + 1}$", color=BLUE, ha="center")
        arrow(axis, place, (3.55, place[1]), f"$z_{k + 1}$", gap=(13, 0))
        arrow(axis, (4.25, place[1]), (5.2, place[1]), rf"$\hat{{y}}_{k + 1}$", gap=(0, 0))
    axis.text(1.1, low + 0.05, r"$W$", color=BLUE, ha="center")
    finish(axis, (-0.5, 5.4), (low - 0.2, top + 0.2))


def circle(axis: Any, at: Place, text: str) -> None:
    """A unit with its name; a long name goes below it."""
    axis.plot(*at, "o", markersize=24, color="white", markeredgecolor=INK, zorder=3)
    short = len(text) < 4 or "$" in text
    axis.text(at[0], at[1] - (0 if short else 0.42), text, ha="center", va="center", zorder=4)


def arrow(axis: Any, start: Place, end: Place, text: str = "", *, at: float = 0.5, shift: Place = (0, 0.1),
          align: str = "center", gap: Place = (13, 13)) -> None:
    """From unit to unit, with its weight beside it."""
    style = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.9, "shrinkA": gap[0], "shrinkB": gap[1]}
    axis.annotate("", end, start, arrowprops=style)
    x, y = (a + at * (b - a) + d for a, b, d in zip(start, end, shift, strict=True))
    axis.text(x, y, text, ha=align, color=BLUE)


def finish(axis: Any, x: Place, y: Place) -> None:
    axis.set(xlim=x, ylim=y, aspect="equal")
    axis.set_axis_off()
