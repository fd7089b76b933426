"""Chapter 2, §2.3: linear models, losses, several classes."""
from __future__ import annotations

import time
from typing import Any

import numpy as np

import chainrule as cr

from ..models.linear import design_matrix, least_squares, normal_equations
from .draw import COLOURS, panels
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown


def column(x):
    """Numbers as a float64 tensor."""
    return cr.tensor(np.asarray(x, np.float64))


@book("2.3-fig2.5-squares")
def squares() -> Result:
    """Least squares are squares: their total area is what the line makes smallest.   Book: §2.3, Fig. 2.5"""
    rng = cr.Rng(5)
    x = cr.linspace(0.5, 9.5, 8, dtype=cr.float64)
    y = 1.5 + 0.6 * x + 1.2 * cr.normal((8,), rng=rng, dtype=cr.float64)
    X = design_matrix(x)
    theta = least_squares(X, y)
    e = y - X @ theta
    figure, axis = panels(width=5.4, height=4.2)
    from matplotlib.patches import Rectangle
    for at, top, side in zip(x.numpy(), y.numpy(), e.numpy(), strict=True):
        axis.add_patch(Rectangle((at, top - side), abs(side), side, alpha=0.25, color=COLOURS[1]))
    ends = np.array([0.0, 11.0])
    axis.plot(ends, theta[0].item() + theta[1].item() * ends, color=COLOURS[1], label="b + w x")
    axis.plot(x.numpy(), y.numpy(), "o", label="samples")
    axis.set(xlabel="x (units)", ylabel="y (units)", aspect="equal", xlim=(0, 11.5))
    axis.legend()
    areas = [abs(p.get_width() * p.get_height()) for p in axis.patches]
    rss = np.linalg.lstsq(X.numpy(), y.numpy(), rcond=None)[1][0]
    loss = cr.losses.mse(X @ theta, y).item()
    return Result([shown("area of the squares that are drawn", sum(areas)),
                   at_most("its distance from NumPy's ‖y - ŷ‖²", 1e-9, abs(sum(areas) - rss)),
                   shown("loss, the mean area", loss),
                   at_most("its distance from the area by n", 1e-9, abs(loss - sum(areas) / 8))],
                  {"Each residual as a square; the line minimises the area of all": figure})


@book("2.3-fig2.6-losses-and-densities")
def losses_and_densities() -> Result:
    """Square, absolute and Huber loss, and the normal and Laplace densities.   Book: §2.3, Fig. 2.6"""
    e = cr.linspace(-3, 3, 601, dtype=cr.float64)
    zero = cr.zeros(601, dtype=cr.float64)
    u = cr.linspace(-40, 40, 800_001, dtype=cr.float64)
    normal, laplace = cr.distributions.Normal(0.0, 1.0), cr.distributions.Laplace(0.0, 0.5**0.5)
    figure, axes = panels(2)
    losses = {"square": cr.losses.mse, "absolute": cr.losses.mae, "Huber, δ = 1": cr.losses.huber}
    for name, loss in losses.items():
        axes[0].plot(e.numpy(), loss(e, zero, reduction="none").numpy(), label=name)
    axes[0].set(xlabel="error e = ŷ - y", ylabel="loss", title="(a) losses", ylim=(0, 5))
    area = {}
    for name, d in (("normal", normal), ("Laplace", laplace)):
        density = d.prob(u)
        area[name] = (cr.sum(density[1:] + density[:-1]) / 2 * (u[1] - u[0])).item()
        axes[1].plot(e.numpy() * 4 / 3, d.prob(e * 4 / 3).numpy(), label=name)
    axes[1].set(xlabel="u", ylabel="density", title="(b) densities of variance 1")
    for axis in axes:
        axis.legend()
    above = u[(laplace.prob(u) > normal.prob(u)).nonzero()[0]].numpy()
    tail = above[above > 1.5].min()
    return Result([near("area under the normal density", 1.0, area["normal"], 1e-6),
                   near("area under the Laplace density", 1.0, area["Laplace"], 1e-6),
                   shown("Laplace lies above normal beyond |u| =", tail),
                   fact("Laplace has the heavier tail beyond 2.34", tail <= 2.345)],
                  {"Losses, and the densities whose likelihoods they are": figure})


@book("2.3-mle-equivalence")
def likelihoods() -> Result:
    """Least squares is likeliest under normal noise, least absolute errors under Laplace noise.   Book: §2.3

    n times the loss and the negative log likelihood differ by a factor and a constant, so that both have one
    minimum.
    """
    rng = cr.Rng(3)
    x = cr.normal((60,), rng=rng, dtype=cr.float64)
    y = 1 + 2 * x + cr.distributions.Laplace(0.0, 0.5).sample((60,), rng=rng)
    X = design_matrix(x)
    stop = cr.optim.Termination(gradient=None, step=1e-12, iterations=3000)
    rows, sigma, b = [], 0.7, 0.5
    pairs = (("normal", cr.distributions.Normal(0.0, sigma), cr.losses.mse, 1 / (2 * sigma**2),
              60 * np.log(sigma * np.sqrt(2 * np.pi)), 0.2),
             ("Laplace", cr.distributions.Laplace(0.0, b), cr.losses.mae, 1 / b, 60 * np.log(2 * b),
              lambda t: 0.9926**t))
    for name, noise, loss, factor, constant, alpha in pairs:
        def likelihood(theta, noise=noise):
            return -cr.sum(noise.log_prob(y - X @ theta))

        start = cr.zeros(2, dtype=cr.float64)
        lossy = cr.optim.minimize(lambda th, f=loss: f(X @ th, y), start, "gd", alpha=alpha, stop=stop).x
        likely = cr.optim.minimize(lambda th, f=likelihood: f(th) / 60, start, "gd", alpha=alpha, stop=stop).x
        points = cr.normal((20, 2), rng=rng, dtype=cr.float64)
        gaps = [likelihood(p).item() - 60 * factor * loss(X @ p, y).item() - constant for p in points]
        rows += [at_most(f"{name}: distance of the two minimisers", 1e-6, cr.norm(lossy - likely).item()),
                 at_most(f"{name}: -log L - n C × factor - constant, largest", 1e-9, np.abs(gaps).max())]
    return Result(rows)


@book("2.3-robustness-outliers")
def outlier() -> Result:
    """One outlier tilts the line of least squares, and hardly those of the other losses.   Book: §2.3"""
    x = np.linspace(0, 10, 21)
    y = 1 + 0.5 * x + 0.4 * cr.normal((21,), rng=cr.Rng(8), dtype=cr.float64).numpy()
    spoiled = y.copy()
    spoiled[19] += 15
    figure, axis = panels(width=5.6)
    axis.plot(x, spoiled, "o", color="0.5", label="samples, one spoiled")
    moved = {}
    for loss in ("square", "absolute", "huber"):
        clean, tilted = (cr.models.DescentRegression(loss).fit(x[:, None], t) for t in (y, spoiled))
        moved[loss] = abs(tilted.coef_[0] - clean.coef_[0])
        line, = axis.plot(x, tilted.predict(x[:, None]), label=loss)
        axis.plot(x, clean.predict(x[:, None]), ":", color=line.get_color())
    axis.set(xlabel="x", ylabel="y", title="with the outlier; dotted without it")
    axis.legend()
    return Result([shown("slope moves by, square loss", moved["square"]),
                   at_most("absolute loss, share of that", 0.1, moved["absolute"] / moved["square"]),
                   at_most("Huber loss, share of that", 0.1, moved["huber"] / moved["square"])],
                  {"Lines of three losses with an outlier": figure})


@book("2.3-multicollinearity")
def collinear() -> Result:
    """Nearly equal features: the normal equations lose the digits that singular values keep.   Book: §2.3"""
    rng = cr.Rng(1)
    x, v = cr.normal((2, 100), rng=rng, dtype=cr.float64)
    theta = column([1, 2, 3])
    noises = 10.0 ** -np.arange(1, 9)
    numbers: list[float] = []
    wrong: dict[str, list[float]] = {"normal equations": [], "singular values": []}
    for noise in noises:
        X = design_matrix(cr.stack([x, x + noise * v], axis=1))
        y = X @ theta
        numbers.append(cr.linalg.cond(X).item())
        try:
            found = cr.linalg.solve(X.mT @ X, X.mT @ y)
        except ValueError:                                       # rounding made Xᵀ X singular
            found = cr.full((3,), float("inf"), dtype=cr.float64)
        wrong["normal equations"].append(cr.norm(found - theta).item())
        wrong["singular values"].append(cr.norm(least_squares(X, y) - theta).item())
    fit = cr.norm(X @ least_squares(X, y) - y).item()
    try:
        refused = normal_equations(X, y) is None
    except ValueError:
        refused = True
    figure, axis = panels(width=5.4)
    for name, errors in wrong.items():
        axis.loglog(noises, np.maximum(errors, 1e-16), "o-", label=name)
    axis.set(xlabel="difference of the two features, x₂ - x₁", ylabel="‖θ - θ*‖",
             title="error of the solution")
    axis.legend()
    lost = np.log10(wrong["normal equations"][-1] / wrong["singular values"][-1])
    return Result([shown("condition number of X at 10⁻⁸", numbers[-1]),
                   shown("that of Xᵀ X, its square", numbers[-1] ** 2),
                   at_least("digits the normal equations lose more", 6, lost),
                   at_most("‖X θ - y‖ by singular values", 1e-6, fit),
                   fact("normal_equations says that Xᵀ X is singular", refused)],
                  {"Error of two routes to least squares": figure})


# ---- digits
TABLE_21 = {                             # as printed: a row is a decision, a column a true digit
    "one against the rest": """
        944 0 18 4 0 23 18 5 14 15 | 0 1107 54 17 22 18 10 40 46 11 | 1 2 813 23 6 3 9 16 11 2
        | 2 2 26 880 1 72 0 6 30 17 | 2 3 15 5 881 24 22 26 27 80 | 7 1 0 17 5 659 17 0 40 1
        | 14 5 42 9 10 23 875 1 15 1 | 2 1 22 21 2 14 0 884 12 77 | 7 14 37 22 11 39 7 0 759 4
        | 1 0 5 12 44 17 0 50 20 801""",
    "pairs": """
        961 0 9 9 2 7 6 1 7 6 | 0 1120 18 1 4 5 5 16 17 5 | 1 3 936 18 6 3 12 17 8 1
        | 1 3 12 926 1 30 0 3 23 11 | 0 1 10 2 931 8 5 11 10 30 | 6 1 5 20 1 800 19 1 36 12
        | 8 4 10 1 7 17 908 0 10 0 | 3 1 10 7 4 2 1 955 10 21 | 0 2 22 21 3 15 2 1 840 3
        | 0 0 0 5 23 5 0 23 13 920""",
}


def printed(name):
    """A part of Table 2.1 as an array."""
    return np.array([row.split() for row in TABLE_21[name].split("|")], int)


def flat_digits():
    """MNIST as rows of 784 numbers in [0, 1]: ((x, y), (x, y)) for training and testing."""
    return [(np.asarray(part.x).reshape(len(part), -1), np.asarray(part.y)) for part in cr.data.mnist()]


@book("2.3-mnist-linear-data")
def sizes_of_digits() -> Result:
    """How many rows the linear classifiers of MNIST learn from.   Book: §2.3"""
    (x, y), _ = flat_digits()
    counts = np.bincount(y)
    start = time.perf_counter()
    cr.models.OneVsRest().fit(x, y)
    seconds = time.perf_counter() - start
    figure, axis = panels(width=5.4)
    axis.bar(range(10), counts)
    axis.set(xlabel="digit", ylabel="training images", xticks=range(10))
    return Result([near("rows and columns of X", (60000, 785), (len(x), 1 + x.shape[1]), 0),
                   near("images of a 2, and of the others", (5958, 54042), (counts[2], 60000 - counts[2]), 0),
                   near("images of a 7", 6265, counts[7], 0),
                   near("rows for the pair 2 and 7", 12223, counts[2] + counts[7], 0),
                   shown("seconds to learn all ten classifiers", round(seconds, 1), "about 1")],
                  {"Training images of each digit": figure})


@book("2.3-table2.1", "2.3-mnist-ovr-ovo", slow=True)
def linear_digits() -> Result:
    """Handwritten digits by least squares alone: ten classifiers, and forty-five.   Book: §2.3, Table 2.1

    Nothing here is left to chance. The table has its decisions in rows and the true digits in columns.
    """
    (x, y), (x_test, y_test) = flat_digits()
    figure, axes = panels(2, width=5.2, height=4.8)
    rows = []
    settings: Any = (("one against the rest", cr.models.OneVsRest(), 0.8603, 1e-3, (7, 9), 77, (5, 0.7388)),
                     ("pairs", cr.models.OneVsOne(), 0.9297, 2e-3, (5, 8), 36, (8, 0.8624)))
    for axis, (name, model, accuracy, tolerance, pair, confused, worst) in zip(axes, settings, strict=True):
        decided = model.fit(x, y).predict(x_test)
        M = cr.metrics.confusion_matrix(decided, y_test)
        recall = cr.metrics.recall(decided, y_test, "none")
        rows += [near(f"accuracy, {name}", accuracy, cr.accuracy(decided, y_test), tolerance),
                 near("  largest difference from the printed table", 0, np.abs(M.T - printed(name)).max(), 5),
                 near(f"  true {pair[1]}s decided as {pair[0]}", confused, M[pair[1], pair[0]], 5),
                 near(f"  recall of the worst digit, {worst[0]}", worst[1], recall[worst[0]], 5e-3)]
        axis.imshow(np.log1p(M.T), cmap="Blues")
        for i, j in np.ndindex(10, 10):
            axis.text(j, i, M[j, i], ha="center", va="center", fontsize=7, color="w" if i == j else "k")
        axis.set(xlabel="true digit", ylabel="decision", title=f"{name}: {cr.accuracy(decided, y_test):.4f}",
                 xticks=range(10), yticks=range(10))
    rows.append(near("classifiers of pairs", 45, len(model.pairs_), 0))
    return Result(rows, {"Decisions on the 10,000 test images": figure},
                  ["The book labels the axes of Table 2.1 the other way round; its columns add up to the "
                   "numbers of test images of each digit, so columns are the true digits."])
