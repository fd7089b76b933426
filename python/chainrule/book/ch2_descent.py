"""Chapter 2, §2.4: gradient descent on linear models."""
from __future__ import annotations

import numpy as np

import chainrule as cr

from ..models.descent import affine_dynamics, elongation, level_axes, rate_bound
from ..models.linear import design_matrix, least_squares
from .draw import COLOURS, contours, panels
from .registry import book
from .result import Result, at_least, fact, near, shown


def boston():
    """(rooms and status, (490, 2); value, (490,)) of Boston, or made data with its moments."""
    try:
        table = cr.data.boston(split=False, dtype=np.float64)
    except FileNotFoundError:
        table = cr.data.boston_like(rng=cr.Rng(0), split=False, dtype=np.float64)
    return cr.tensor(np.asarray(table.x)), cr.tensor(np.asarray(table.y))


def steps(X, y, alpha, epsilon=1e-5, limit=100_000):
    """Iterations of gradient descent from 0 until a step is shorter than epsilon, by θ ← A θ + c."""
    A, c = affine_dynamics(X, y, alpha)
    theta = cr.zeros(X.shape[1], dtype=X.dtype)
    for t in range(1, limit + 1):
        theta, before = A @ theta + c, theta
        if cr.norm(theta - before).item() < epsilon:
            return t
    return limit


def paths(axis, X, y, runs):
    """Level curves of the loss, and descent from 0 at each rate of `runs`, a dict of iterations."""
    best = least_squares(X, y).numpy()
    G, e = (X.mT @ X).numpy() / len(y), y - X @ least_squares(X, y)

    def loss(a, b):
        u, v = a - best[0], b - best[1]
        return G[0, 0] * u * u + 2 * G[0, 1] * u * v + G[1, 1] * v * v + (e @ e).item() / len(y)

    contours(axis, loss, (-42, 12), (-3, 15), levels=np.geomspace(45, 12_000, 12))
    found = {}
    for i, (alpha, limit) in enumerate(runs.items()):
        stop = cr.optim.Termination(gradient=None, step=1e-5, iterations=limit)
        found[alpha] = cr.optim.minimize(lambda theta: cr.losses.mse(X @ theta, y),
                                         cr.zeros(2, dtype=cr.float64), "gd", alpha=alpha, stop=stop,
                                         keep_path=True)
        points = np.array([p.numpy() for p in found[alpha].path])
        axis.plot(*points.T, lw=(2.0, 0.9, 0.4)[i], alpha=(1, 0.8, 0.45)[i], zorder=4 - i, color=COLOURS[i],
                  label=f"α = {alpha}, {found[alpha].nit} steps")
    axis.plot(*best, "k*", markersize=8, zorder=5)
    axis.set(xlabel="β₀", ylabel="β₁", xlim=(-42, 12), ylim=(-3, 15))
    axis.legend(loc="lower left")
    return found


@book("2.4-fig2.7")
def three_rates() -> Result:
    """A small rate, one just below the bound, and one above it.   Book: §2.4, Fig. 2.7

    490 made samples have the moments that give the book's eigenvalues. The rooms of Boston themselves give
    other eigenvalues, and a bound above the book's largest rate.
    """
    x = cr.normal((490,), rng=cr.Rng(0), dtype=cr.float64)
    x = 5.9294 + 2.4845 * (x - x.mean()) / x.std()
    X, y = design_matrix(x), -30.005 + 8.2686 * x
    top = cr.linalg.eigvalsh(X.mT @ X)[1].item()
    figure, axes = panels(2, width=5.2, height=4.2)
    # above the bound the fast direction wins within a few hundred steps: the book draws 300
    found = paths(axes[0], X, y, {0.01: 100_000, 0.0235: 100_000, 0.024: 300})
    axes[0].set_title("made data of the book's moments")
    rooms, value = boston()
    R = design_matrix(rooms[:, 0])
    paths(axes[1], R, value, {0.01: 3000, 0.0235: 3000, 0.024: 3000})
    axes[1].set_title("Boston, rooms and value; 3,000 steps")
    # distance from the minimum along the steep axis
    steep = cr.linalg.eigh(X.mT @ X)[1][:, 1]
    best = least_squares(X, y)
    along = {alpha: np.array([(steep @ (p - best)).item() for p in run.path[:200]])
             for alpha, run in found.items()}
    signs = {alpha: np.sign(a[1:9] * a[:8]) for alpha, a in along.items()}      # later steps are rounding
    growth = along[0.024][101] / along[0.024][100]
    counts = [steps(R, value, alpha) for alpha in (0.01, 0.0235, 0.024)]
    return Result(
        [near("largest eigenvalue of Xᵀ X", 20670.33, top, 0.5),
         near("bound n / λ_max", 0.02371, rate_bound(X), 5e-6),
         near("iterations with α = 0.01", 3109, found[0.01].nit, 5),
         near("iterations with α = 0.0235", 1446, found[0.0235].nit, 5),
         near("growth a step with α = 0.024", 1.0249, abs(growth), 1e-4),
         fact("α = 0.0235 and 0.024 jump across the valley", np.all(signs[0.0235] < 0) and growth < 0),
         fact("α = 0.01 does not", not np.any(signs[0.01] < 0)),
         shown("bound for the rooms of Boston", rate_bound(R)),
         near("its iterations with α = 0.01, 0.0235, 0.024", (30757, 14813, 14546), counts, 5)],
        {"Paths of gradient descent from the origin": figure},
        ["The book names Boston's rooms, but their largest eigenvalue is 19,806.34, and for them all three "
         "rates converge."])


def measured(axis, X, y, level, window):
    """Shortest by longest distance of the drawn level curve from its centre; draws a few of them."""
    best = least_squares(X, y).numpy()
    G, e = (X.mT @ X).numpy(), y - X @ least_squares(X, y)
    least = (e @ e).item()

    def loss(a, b):
        u, v = a - best[0], b - best[1]
        return G[0, 0] * u * u + 2 * G[0, 1] * u * v + G[1, 1] * v * v + least

    levels = least + (level - least) * np.array([0.1, 0.4, 1.0])
    drawn = contours(axis, loss, best[0] + np.array([-window, window]), best[1] + np.array([-window, window]),
                     levels=levels, n=401, linewidths=1.0, colors=COLOURS[0])
    axis.plot(*best, "k*", markersize=8)
    axis.set(aspect="equal")
    distance = np.linalg.norm(np.concatenate(drawn.allsegs[-1]) - best, axis=1)
    return distance.min() / distance.max()


@book("2.4-fig2.8-landscape")
def landscapes() -> Result:
    """Level sets of the loss are long ellipses for raw features, nearly round for standardised.

    Book: §2.4, Fig. 2.8
    """
    X, y = boston()
    Z = cr.preprocessing.Standardizer().fit_transform(X)
    rho = (Z[:, 0] @ Z[:, 1]).item() / len(y)
    figure, axes = panels(2, width=4.8, height=4.4)
    ratios, counts = [], []
    for axis, design, target, title in ((axes[0], X, y, "(a) raw rm and lstat"),
                                        (axes[1], Z, y - y.mean(), "(b) standardised")):
        e = target - design @ least_squares(design, target)
        level = 1.5 * (e @ e).item()
        longest = level_axes(design, target, level)[0].item()
        ratios.append(measured(axis, design, target, level, 1.1 * longest))
        axis.set(xlabel="θ₁", ylabel="θ₂", title=f"{title}: R = {elongation(design):.3f}")
        values = cr.linalg.eigvalsh(design.mT @ design)
        counts.append(steps(design, target, len(y) / (values[0] + values[1]).item(), 1e-8))
    return Result(
        [near("correlation of rm and lstat", -0.61037, rho, 1e-5),
         near("R_X = √(λ₂/λ₁)", 0.20260, elongation(X), 1e-5),
         near("R_Z = √((1 - |ρ|)/(1 + |ρ|))", 0.49189, np.sqrt((1 - abs(rho)) / (1 + abs(rho))), 1e-5),
         near("shortest by longest axis, measured in (a) and (b)", (0.20260, 0.49189), ratios, 2e-3),
         shown("descent steps at the best fixed rate, (a) and (b)", counts),
         at_least("steps of (a) by steps of (b)", 2, counts[0] / counts[1])],
        {"Level sets of ‖y - X θ‖² for raw and standardised features": figure})


@book("2.4-standardise-speeds-gd")
def one_step() -> Result:
    """Standardised, simple regression has Xᵀ X = n I: gradient descent needs one step.   Book: §2.4"""
    rooms, y = boston()
    x = rooms[:, :1]
    designs = {"raw": design_matrix(x),
               "standardised": design_matrix(cr.preprocessing.Standardizer().fit_transform(x))}
    figure, axis = panels(width=5.4)
    rows = []
    for name, X in designs.items():
        values = cr.linalg.eigvalsh(X.mT @ X)
        alpha = len(y) / (values[0] + values[1]).item()                     # the best fixed rate
        stop = cr.optim.Termination(gradient=None, iterations=60)
        run = cr.optim.minimize(lambda theta, X=X: cr.losses.mse(X @ theta, y), cr.zeros(2, dtype=cr.float64),
                                "gd", alpha=alpha, stop=stop, keep_path=True)
        axis.semilogy(run.values, "o-", markersize=3, label=f"{name}, α = {alpha:.4g}")
        rows.append(shown(f"eigenvalues of Xᵀ X, {name}", values.numpy().round(2)))
    rows += [near("both eigenvalues, standardised", (490, 490), values, 1e-8),
             near("best rate", 0.5, alpha, 1e-9),
             near("distance to the minimum after one step", 0,
                  cr.norm(run.path[1] - least_squares(X, y)).item(), 1e-10)]
    axis.set(xlabel="step", ylabel="mean square error (1,000 dollars)²", title="value of homes by rooms")
    axis.legend()
    return Result(rows, {"The loss of gradient descent, raw and standardised": figure})
