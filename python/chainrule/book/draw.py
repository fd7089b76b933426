"""How pictures of the gallery look: panels without a window system, one set of colours, units on the axes."""
from __future__ import annotations

from typing import Any

import numpy as np

COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#b83280", "#6b46c1", "#b7791f", "#2c7a7b", "#4a5568")


def panels(columns: int = 1, rows: int = 1, *, width: float = 4.6, height: float = 3.6,
           **options: Any) -> Any:
    """(figure, axes): a matplotlib Figure, and one Axes or an array of them, as `Figure.subplots`."""
    try:
        from cycler import cycler
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ModuleNotFoundError("book: pictures need matplotlib: pip install 'chainrule[plot]'") from None
    style: Any = {"axes.prop_cycle": cycler(color=COLOURS), "axes.spines.top": False, "font.size": 9,
                  "axes.spines.right": False, "axes.titlesize": 10, "legend.frameon": False,
                  "legend.fontsize": 8, "lines.linewidth": 1.4}
    with rc_context(style):
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.subplots(rows, columns, **options)


def grid(x: tuple[float, float], y: tuple[float, float], n: int = 201) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of an n x n grid over a rectangle, for contours and surfaces."""
    X, Y = np.meshgrid(np.linspace(*x, n), np.linspace(*y, n))
    return X, Y


def contours(axis: Any, f: Any, x: tuple[float, float], y: tuple[float, float], *, levels: Any = 20,
             n: int = 201, log: bool = False, **options: Any) -> Any:
    """Level curves of f(X, Y) on arrays; `log` spaces the levels by powers."""
    X, Y = grid(x, y, n)
    Z = np.asarray(f(X, Y))
    if log and isinstance(levels, int):
        low = max(Z.min(), Z.max() * 1e-6)
        levels = np.geomspace(low, Z.max(), levels)
    style = {"colors": "0.7", "linewidths": 0.6} if "cmap" not in options else {"linewidths": 0.8}
    return axis.contour(X, Y, Z, levels=levels, **{**style, **options})


def path(axis: Any, points: Any, label: str | None = None, **options: Any) -> None:
    """The walk of an optimiser: its points joined, the first one marked."""
    P = np.asarray(points)
    line, = axis.plot(P[:, 0], P[:, 1], **{"marker": ".", "markersize": 3, "label": label, **options})
    axis.plot(*P[0], "o", color=line.get_color(), markersize=5)


def pictures(axes: Any, images: Any, titles: Any = None, cmap: str = "gray") -> None:
    """One picture in each of the axes; images are (rows, columns) or (channels, rows, columns)."""
    for i, axis in enumerate(np.ravel(axes)):
        axis.set_axis_off()
        if i >= len(images):
            continue
        image = np.asarray(images[i])
        image = image.transpose(1, 2, 0) if image.ndim == 3 and image.shape[0] in (1, 3) else image
        axis.imshow(image.squeeze(), cmap=cmap, interpolation="nearest")
        if titles is not None:
            axis.set_title(str(titles[i]), fontsize=8)


def regions(axis: Any, predict: Any, x: tuple[float, float], y: tuple[float, float], *, n: int = 301,
            colours: Any = COLOURS) -> np.ndarray:
    """Which class a classifier gives to each point of a rectangle, as coloured ground; the classes (n, n).

    predict(points (n², 2)) gives class numbers 0, 1, ...; class k has colour k; draw samples with `points`.
    """
    from matplotlib.colors import ListedColormap
    X, Y = grid(x, y, n)
    classes = np.asarray(predict(np.c_[X.ravel(), Y.ravel()])).astype(int).reshape(X.shape)
    K = max(int(classes.max()) + 1, 2)
    axis.pcolormesh(X, Y, classes, cmap=ListedColormap(list(colours[:K])), vmin=-0.5, vmax=K - 0.5,
                    alpha=0.22, linewidth=0, rasterized=True, shading="nearest")
    axis.set(xlim=x, ylim=y)
    return classes


def points(axis: Any, X: Any, classes: Any, *, names: Any = None, colours: Any = COLOURS,
           **options: Any) -> None:
    """Samples (n, 2) of classes 0, 1, ..., each class with its colour, marker and a line of the legend."""
    X, classes = np.asarray(X), np.asarray(classes)
    for k in np.unique(classes).astype(int):
        mine = X[classes == k]
        axis.scatter(mine[:, 0], mine[:, 1], color=colours[k], marker="os^Dv<>p"[k % 8],
                     label=f"class {k}" if names is None else names[k],
                     **{"s": 18, "edgecolor": "white", "linewidth": 0.4, "zorder": 3, **options})
