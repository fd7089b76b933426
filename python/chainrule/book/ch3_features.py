"""Chapter 3, §3.4: polynomial features and the curved boundaries that they draw."""
from __future__ import annotations

import numpy as np

import chainrule as cr

from ..models import LogisticRegression, MultinomialRegression, Pipeline
from ..preprocessing import PolynomialFeatures, Standardizer, monomial_count
from .draw import panels, points, regions
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown

RAIN = np.array([10, 14, 15, 17, 20, 21, 28, 30, 32, 33, 35, 38, 40, 41, 44, 47, 48, 49, 50, 51, 53, 54, 55,
                 60, 61, 61, 63, 64, 68, 69, 70, 74, 79, 85, 86, 87, 88, 90.0])
SEEN = np.array([0] * 7 + [1, 0, 0, 1, 1, 1, 0] + [1] * 11 + [0, 1, 1, 1, 0, 1] + [0] * 7)

FOUR_X = np.array([
    [0.4, 0.85], [0.55, 0.95], [0.65, 0.8], [0.9, 0.87], [0.1, 0.5], [0.35, 0.55], [0.5, 0.5], [0.15, 0.2],
    [0.2, 0.1], [0.85, 0.3], [0.2, 0.7], [0.7, 0.5], [0.3, 0.3], [0.5, 0.7], [0.6, 0.6], [0.55, 0.65],
    [0.4, 0.7]])
FOUR_Y = np.array([1, 2, 2, 2, 1, 0, 0, 1, 0, 0, 1, 2, 1, 3, 3, 3, 3])


@book("3.4-fig3.8")
def presence() -> Result:
    """A species likes neither drought nor flood: a quadratic in the log-odds.   Book: §3.4, Fig. 3.8

    38 places, their precipitation and whether the species was seen. With x alone the sigmoid is almost flat;
    with x and x² it rises and falls about the vertex -w₁ / (2 w₂).
    """
    x = RAIN[:, None]
    squares = PolynomialFeatures(2)
    plain = LogisticRegression().fit(x, SEEN)
    quadratic = LogisticRegression().fit(squares.fit_transform(x), SEEN)
    b, w1, w2 = quadratic.theta_
    roots = np.sort(np.roots([w2, w1, b]))
    vertex = -w1 / (2 * w2)

    def phi(at):
        return quadratic.probability(squares.transform(np.reshape(at, (-1, 1))))
    fitted = plain.probability(x)
    z = squares.transform(x)
    figure, axis = panels(width=7.5, height=4)
    line = np.linspace(0, 100, 401)[:, None]
    low, high = quadratic.confidence_band(squares.transform(line))
    axis.fill_between(line[:, 0], low, high, color="#2b6cb0", alpha=0.15, linewidth=0, label="95 % band")
    axis.plot(line, phi(line), color="#2b6cb0", label="σ(b + w₁x + w₂x²)")
    axis.plot(line, plain.probability(line), color="#c53030", label="σ(b + w₁x)")
    axis.axvline(vertex, color="0.6", linestyle=":", label=f"vertex, {vertex:.1f}")
    axis.plot(x, SEEN, "k|", markersize=9)
    axis.set(xlabel="precipitation x", ylabel="probability of presence", ylim=(-0.05, 1.05))
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return Result([near("plain: b, w₁", (-0.15870162, 0.0031247), plain.theta_, 1e-6),
                   near("plain: their standard errors", (0.80229, 0.0144455), plain.standard_errors_, 1e-5),
                   near("plain: log-likelihood", -26.316168, plain.log_likelihood(x, SEEN), 1e-5),
                   near("plain: least and greatest fitted value", (0.4682, 0.5306),
                        (fitted.min(), fitted.max()), 1e-4),
                   near("quadratic: b", -19.44771803, b, 2e-4),
                   near("quadratic: w₁, w₂", (0.86341482, -0.00838293), (w1, w2), 8e-8),
                   near("quadratic: standard errors of b, w₁", (7.639498, 0.324443),
                        quadratic.standard_errors_[:2], 1e-4),
                   near("quadratic: standard error of w₂", 0.00317172, quadratic.standard_errors_[2], 1e-7),
                   near("quadratic: log-likelihood", -11.225111, quadratic.log_likelihood(z, SEEN), 1e-5),
                   near("quadratic: mean cross entropy", 0.2953977,
                        -quadratic.log_likelihood(z, SEEN) / len(x), 1e-6),
                   near("vertex -w₁ / (2 w₂)", 51.49837, vertex, 1e-4),
                   near("greatest probability", 0.941833, phi(vertex)[0], 1e-5),
                   near("φ = ½ at", (33.273, 69.72374), roots, 1e-4),
                   near("right among 38", 33, (quadratic.predict(z) == SEEN).sum(), 0)],
                  {"Presence of a species against precipitation": figure},
                  ["The book prints the vertex as -w₁ / w₂; it is half of that."])


@book("3.4-stirling")
def counts() -> Result:
    """How many parameters all monomials up to degree r need.   Book: §3.4

    For r far below p the exact (p + r)! / (p! r!) is about p^r / r!.
    """
    ps, ratio = (10, 100, 1000, 10_000, 100_000), []
    figure, axes = panels(2)
    for r in (1, 2, 4, 8):
        axes[0].loglog(ps, [monomial_count(p, r) for p in ps], "o-", label=f"r = {r}")
    for r in (2, 4):
        factorial = 2 if r == 2 else 24
        ratio.append([monomial_count(p, r) / (p ** r / factorial) for p in ps])
        axes[1].semilogx(ps, ratio[-1], "o-", label=f"r = {r}")
    axes[0].set(xlabel="features p", ylabel="parameters d")
    axes[1].set(xlabel="features p", ylabel="d / (pʳ / r!)")
    for axis in axes:
        axis.legend()
    fourth = ratio[1][1:4]
    return Result([near("d with p = 1,000, r = 2", 501_501, monomial_count(1000, 2), 0),
                   near("d with p = 1,000, r = 4", 42_084_793_751, monomial_count(1000, 4), 0),
                   near("pʳ / r! with p = 1,000, r = 4, in 10¹⁰", 4.16, 1000**4 / 24 / 1e10, 0.01),
                   near("d / (pʳ / r!) at p = 1,000, r = 4", 1, fourth[1], 0.011),
                   fact("its distance to 1 shrinks from p = 10² to 10³ to 10⁴",
                        fourth[0] - 1 > fourth[1] - 1 > fourth[2] - 1 > 0),
                   at_most("its distance to 1 at p = 10⁴", 0.0011, fourth[2] - 1)],
                  {"Parameters of a logistic model on all monomials": figure},
                  ["42,084,793,751 are 42 billion; the book says 40 trillion."])


def spirals(rng):
    """400 points a class on two turns of a spiral; the first class is standardised, the second is not."""
    radius, parts = np.linspace(0.05, 1, 400), []
    for j in (1, 2):
        noise = cr.normal((400,), 0.0, 0.3, rng=rng, dtype=cr.float64).numpy()
        angle = np.linspace((j - 1) * 4.7, j * 4.7, 400) + noise
        parts.append(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
    parts[0] = Standardizer().fit_transform(parts[0])
    return np.concatenate(parts), np.repeat([0, 1], 400)


@book("3.4-fig3.9")
def spiral_boundaries() -> Result:
    """Boundaries of degree 1, 2, 4 and 8 between two classes.   Book: §3.4, Fig. 3.9

    600 points for training, 200 for test. The features of each degree are standardised, and a ridge of
    λ = 10⁻³ keeps the weights finite where the classes can be separated.
    """
    rng, rows, losses = cr.Rng(0), [], []
    X, y = spirals(rng)
    order = cr.permutation(800, rng=rng).numpy()
    train, test = order[:600], order[600:]
    figure, axes = panels(2, 2)
    for axis, part, r in zip(axes.flat, "abcd", (1, 2, 4, 8), strict=True):
        model = Pipeline([PolynomialFeatures(r), Standardizer(), LogisticRegression(l2=1e-3)])
        model.fit(X[train], y[train])
        right = [model.score(X[half], y[half]) for half in (train, test)]
        p = model.predict_proba(X[train])
        losses.append(-np.log(p[np.arange(600), y[train]]).mean())
        d = model.steps_[-1].parameter_count()
        rows += [near(f"({part}) r = {r}: parameters d", {1: 3, 2: 6, 4: 15, 8: 45}[r], d, 0),
                 shown(f"({part}) mean cross entropy in training, nats", losses[-1]),
                 shown(f"({part}) right in training, in test", right)]
        if r < 4:
            claim = at_most if r == 1 else at_least
            rows.append(claim(f"({part}) right in training", 0.65 if r == 1 else 0.95, right[0]))
        regions(axis, model.predict, (-3, 3), (-3, 3))
        points(axis, X[train], y[train], s=8)
        axis.set(xlabel="x₁", ylabel="x₂", title=f"({part}) r = {r}, d = {d}")
    axes[0, 0].legend()
    rows.append(fact("training loss does not rise with the degree", (np.diff(losses) <= 1e-9).all()))
    return Result(rows, {"Decision regions": figure})


@book("3.4-fig3.10")
def four_classes() -> Result:
    """Softmax regression on monomials of degree 2 and 8, four classes.   Book: §3.4, Fig. 3.10

    The 17 points of Fig. 3.7. Degree 2 separates them all, so the likelihood has no maximum; a ridge of
    λ = 10⁻⁹ keeps the weights finite, and the loss goes to 0 with it.
    """
    rows, (figure, axes) = [], panels(2)
    for axis, part, r in zip(axes, "ab", (2, 8), strict=True):
        softmax = MultinomialRegression(l2=1e-9)
        model = Pipeline([PolynomialFeatures(r), softmax]).fit(FOUR_X, FOUR_Y)
        p = model.predict_proba(FOUR_X)[np.arange(17), FOUR_Y]
        d = model.steps_[-1].parameter_count()
        rows += [near(f"({part}) r = {r}: parameters", {2: 24, 8: 180}[r], d, 0),
                 near(f"({part}) right among 17", 17, (model.predict(FOUR_X) == FOUR_Y).sum(), 0),
                 at_most(f"({part}) total negative log-likelihood, nats", 0.01, -np.log(p).sum())]
        regions(axis, model.predict, (0, 1), (0, 1))
        points(axis, FOUR_X, FOUR_Y)
        axis.set(xlabel="x₁", ylabel="x₂", title=f"({part}) r = {r}, {d} parameters")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return Result(rows, {"Regions of four classes": figure})
