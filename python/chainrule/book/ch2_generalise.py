"""Chapter 2, §2.5: underfitting and overfitting, bias and variance, penalties, cross validation."""
from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .. import selection
from ..generalisation import bias_variance, expected_errors, unseen_error
from .draw import COLOURS, panels
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown

NOISE = 0.3
DEGREES = range(10)


def curve(x):
    """The true function, f(x) = sin(2πx); the book does not give its own."""
    return cr.sin(2 * np.pi * x[:, 0])


def noisy(x, rng):
    """(x, f(x) + 0.3 ε)."""
    return x, curve(x) + NOISE * cr.normal((x.shape[0],), rng=rng, dtype=cr.float64)


def spaced(n):
    """n equally spaced inputs in [0, 1], (n, 1)."""
    return cr.linspace(0.0, 1.0, n, dtype=cr.float64)[:, None]


def anywhere(n, rng):
    """n samples with x uniform on [0, 1]."""
    return noisy(cr.uniform((n, 1), rng=rng, dtype=cr.float64), rng)


def one_a_cell(n, rng):
    """n samples with x uniform on each of n cells of [0, 1]: no wide gap in which high powers run off."""
    cells = cr.arange(n, dtype=cr.float64)[:, None]
    return noisy((cells + cr.uniform((n, 1), rng=rng, dtype=cr.float64)) / float(n), rng)


def polynomial(k):
    """The model M_k."""
    return cr.models.PolynomialRegression(k)


@book("2.5-fig2.9-complexity-curves")
def complexity_curves() -> Result:
    """Expected errors in training and on unseen data against complexity.   Book: §2.5, Fig. 2.9

    Polynomials of degree k, each trained on 300 sets of 20 samples.
    """
    rng = cr.Rng(0)
    errors = [expected_errors(polynomial(k), one_a_cell, 20, repeats=300, fresh_samples=100, rng=rng)
              for k in DEGREES]
    train, unseen, gap = (np.array([e[i].mean for e in errors]) for i in range(3))
    best = int(np.argmin(unseen))
    figure, axis = panels(width=5.4)
    axis.plot(DEGREES, unseen, "o-", label="unseen, Ẽ_unseen")
    axis.plot(DEGREES, train, "o-", label="training, Ẽ_train")
    axis.vlines(8, train[8], unseen[8], color="0.4", linestyle=":", label="gap Δ̃ at k = 8")
    axis.axvline(best, color="0.6", linewidth=0.8, linestyle="--")
    axis.text(best - 0.15, 0.42, "underfitting", ha="right")
    axis.text(best + 0.15, 0.42, f"overfitting (best k = {best})")
    axis.set(xlabel="model complexity, degree k", ylabel="expected squared error", ylim=(0, 0.75))
    axis.legend(loc="upper right")
    return Result([fact("Ẽ_train falls with k", (np.diff(train) < 0).all()),
                   fact("Ẽ_unseen has its minimum strictly inside the range", 0 < best < 9),
                   fact("Ẽ_unseen rises to the right of it", (np.diff(unseen[best:]) > 0).all()),
                   fact("the gap at k = 9 is the largest", np.argmax(gap) == 9),
                   shown("best k", best), shown("Ẽ_unseen there; the noise alone is 0.09", unseen[best])],
                  {"The training error falls, the error on unseen data turns": figure},
                  ["The figure of the book is a sketch; this one is computed."])


def ten_points(seed):
    """The one training set of Fig. 2.10: n = 10."""
    return noisy(spaced(10), cr.Rng(seed))


@book("2.5-fig2.10")
def underfit_and_overfit() -> Result:
    """Polynomials of degree 0 to 9 fitted to ten points.   Book: §2.5, Fig. 2.10

    The black curve is a simulation: 10,000 fresh samples for each k, the training set is fixed.
    """
    x, y = ten_points(seed=20)
    models = [polynomial(k).fit(x, y) for k in DEGREES]
    train = np.array([selection.error(m, x, y).mean for m in models])
    unseen = np.array([unseen_error(m, anywhere, 10_000, rng=cr.Rng(1)).mean for m in models])
    figure, axes = panels(2)
    grid = spaced(300)
    axes[0].plot(grid[:, 0].numpy(), curve(grid).numpy(), "--", color="0.6", label="sin(2πx)")
    for k, colour in zip((0, 1, 3, 9), COLOURS, strict=False):
        axes[0].plot(grid[:, 0].numpy(), models[k].predict(grid).numpy(), color=colour, label=f"k = {k}")
    axes[0].plot(x[:, 0].numpy(), y.numpy(), "ko", markersize=4, label="10 samples")
    axes[0].set(xlabel="x", ylabel="y", title="(a)", ylim=(-2, 2.6))
    axes[0].legend(ncols=2)
    axes[1].plot(DEGREES, train, "o-", color="red", label="E_train")
    axes[1].plot(DEGREES, unseen, "o-", color="black", label="E_unseen, 10,000 samples")
    axes[1].set(xlabel="degree k", ylabel="mean squared error", title="(b)", xticks=DEGREES)
    axes[1].legend()
    best = int(np.argmin(unseen))
    return Result([fact("E_train falls with k", (np.diff(train) <= 1e-12).all()),
                   near("E_train at k = 9", 0, train[9], 1e-15), near("best k", 3, best, 0),
                   at_least("least E_unseen of k = 0, 1, 2 in that of k = 3", 2, min(unseen[:3]) / unseen[3]),
                   at_least("E_unseen of k = 8, in that of k = 3", 2, unseen[8] / unseen[3]),
                   at_least("E_unseen of k = 9, in that of k = 3", 5, unseen[9] / unseen[3])],
                  {"(a) Four fits to one data set; (b) errors against the degree": figure},
                  ["The book does not give its curve; sin(2πx) with noise of deviation 0.3 is that of "
                   "Bishop's book, which inspired the figure. With k = 9 all ten points are met exactly."])


@book("2.5-bias-variance-plot")
def bias_and_variance() -> Result:
    """Bias², variance and noise against complexity.   Book: §2.5, (2.30)-(2.32)"""
    rng, points, inputs = cr.Rng(0), spaced(200), spaced(20)
    parts = [bias_variance(polynomial(k), curve, points, lambda rng: inputs, NOISE, repeats=300, rng=rng)
             for k in DEGREES]
    bias2, variance, noise, total = (np.array([getattr(p, name) for p in parts])
                                     for name in ("bias2", "variance", "noise", "total"))
    direct, spread = np.array([p.direct for p in parts]).T
    figure, axes = panels(2, width=4.8)
    axes[0].stackplot(DEGREES, noise, variance, bias2, labels=("noise σ²", "variance", "bias²"),
                      colors=("0.8", COLOURS[0], COLOURS[1]))
    axes[0].plot(DEGREES, direct, "ko", markersize=4, label="Ẽ_unseen, directly")
    axes[0].set(xlabel="degree k", ylabel="expected squared error", ylim=(0, 0.65))
    axes[0].legend()
    x = points[:, 0].numpy()
    for k, colour in ((1, COLOURS[1]), (9, COLOURS[0])):
        mean, deviation = parts[k].mean, parts[k].deviation
        axes[1].plot(x, mean, color=colour, label=f"k = {k}: mean ± deviation")
        axes[1].fill_between(x, mean - deviation, mean + deviation, color=colour, alpha=0.25, linewidth=0)
    axes[1].plot(x, curve(points).numpy(), "--", color="0.4", label="sin(2πx)")
    axes[1].set(xlabel="x*", ylabel="prediction")
    axes[1].legend()
    return Result([at_most("largest | bias² + variance + σ² - direct estimate | in standard errors", 3.5,
                           (np.abs(total - direct) / spread).max()),
                   fact("variance rises with k", (np.diff(variance) > 0).all()),
                   fact("bias² falls from k = 1 to 3 and 9", bias2[1] > bias2[3] > bias2[9] - 1e-4),
                   shown("bias², variance, noise at k = 3", (bias2[3], variance[3], noise[3]))],
                  {"The three parts stacked are the error on unseen data": figure},
                  ["The parts are those at each x*, averaged afterwards: (2.32) as printed does not add up."])


def circles(n, rng):
    """Two classes, inside and outside of a circle, with 10% of the labels wrong."""
    x = cr.normal((n, 2), rng=rng, dtype=cr.float64)
    inside = cr.sum(x * x, axis=1) < 1.4
    flip = cr.uniform((n,), rng=rng, dtype=cr.float64) < 0.1
    return x, (inside != flip).astype(cr.int64)


@book("2.5-variance-diagnosis")
def variance_diagnosis() -> Result:
    """Training accuracy far above validation accuracy tells of overfitting.   Book: §2.5

    40 samples for a logistic model of all products of two features up to degree 7, with a ridge penalty λ.
    """
    lams, repeats = np.logspace(-4, 3, 8), 8
    scores = np.zeros((repeats, len(lams), 2))
    for r in range(repeats):
        rng = cr.Rng(r)
        (x, y), (x_val, y_val) = circles(40, rng), circles(500, rng)
        for i, lam in enumerate(lams):
            steps = [cr.preprocessing.PolynomialFeatures(7), cr.preprocessing.Standardizer()]
            model = cr.models.Pipeline([*steps, cr.models.LogisticRegression(l2=float(lam))]).fit(x, y)
            scores[r, i] = model.score(x, y), model.score(x_val, y_val)
    train, validation = scores.mean(0).T
    figure, axis = panels()
    axis.semilogx(lams, train, "o-", label="training accuracy")
    axis.semilogx(lams, validation, "o-", label="validation accuracy")
    axis.set(xlabel="regularisation λ", ylabel="share of correct labels", ylim=(0.5, 1.02))
    axis.legend()
    gap, gain = train - validation, validation.max() - validation[0]
    return Result([at_least("gap with the least λ", 0.2, gap[0]),
                   fact("the gap shrinks to less than half with regularisation", gap.min() < gap[0] / 2),
                   at_least("validation accuracy gained by the best λ", 0.03, gain),
                   shown("gap with the best λ", gap[validation.argmax()]),
                   shown("best λ", lams[validation.argmax()])],
                  {"Accuracy against the penalty, means over 8 data sets": figure})


@book("2.5-lasso", "2.5-elastic-net", "2.5-ridge")
def penalty_paths() -> Result:
    """How weights shrink with the penalty: LASSO to zeros, ridge together, elastic net in between.

    Book: §2.5, (2.34), (2.35)
    """
    rng = cr.Rng(0)
    X = cr.normal((60, 8), rng=rng, dtype=cr.float64)
    X = X + 0.8 * X[:, :1]                                                # all share something of the first
    truth = cr.tensor([3.0, -2.0, 0.0, 0.0, 1.5, 0.0, 0.0, 0.0], dtype=cr.float64)
    y = X @ truth + cr.normal((60,), rng=rng, dtype=cr.float64)
    lams = np.logspace(-2, 2, 60)
    families: dict[str, Any] = {"LASSO": cr.models.Lasso, "ridge, λ n": lambda lam: cr.models.Ridge(lam * 60),
                                "elastic net, λ₁ = λ₂ = λ": lambda lam: cr.models.ElasticNet(lam, lam)}
    figure, axes = panels(3, sharey=True, width=3.8)
    paths = {}
    for axis, (name, model) in zip(axes, families.items(), strict=True):
        paths[name] = W = np.array([model(float(lam)).fit(X, y).coef_ for lam in lams])
        for j in range(8):
            look = {"color": COLOURS[j], "label": f"w{j + 1}"} if truth[j].item() else {"color": "0.7"}
            axis.semilogx(lams, W[:, j], **look)
        axis.set(xlabel="λ", title=name)
    axes[0].set_ylabel("weight")
    axes[0].legend(title="not 0 in truth")
    lasso, ridge, net = paths.values()
    zeros = (lasso == 0).sum(1)
    centred = X - cr.mean(X, axis=0)
    limit = 2 / 60 * cr.max(cr.abs(centred.mT @ (y - cr.mean(y)))).item()
    support = [set(np.flatnonzero(w)) == {0, 1, 4} for w in lasso]
    return Result([fact("LASSO finds the three true weights for some λ", any(support)),
                   fact("LASSO: all weights are 0 from λ = max |gradient at 0| on",
                        not lasso[lams >= limit].any() and lasso[lams < limit].any(1).all()),
                   fact("ridge: no weight is exactly 0", (ridge != 0).all()),
                   fact("ridge: ‖w‖ falls with λ", (np.diff(np.linalg.norm(ridge, axis=1)) < 0).all()),
                   fact("elastic net: ‖w‖₁ <= LASSO's", (abs(net) - abs(lasso)).sum(1).max() < 1e-9),
                   shown("that λ", limit), shown("zeros of LASSO at λ = 0.5", zeros[lams.searchsorted(0.5)])],
                  {"Weights against the penalty; grey ones are 0 in truth": figure})


@book("2.5-grid-search")
def grid_search() -> Result:
    """Two penalties chosen by validation, then one look at the test set.   Book: §2.5, (2.37), (2.26)"""
    rng = cr.Rng(2)
    X = cr.normal((150, 30), rng=rng, dtype=cr.float64)
    y = X[:, 0] - X[:, 1] + 0.5 * X[:, 2] + cr.normal((150,), rng=rng, dtype=cr.float64)
    X, X_val, X_test, y, y_val, y_test = selection.train_validate_test_split(X, y, rng=rng)
    lam1, lam2 = np.logspace(-3, 1, 17), np.logspace(-3, 1, 17)
    found = selection.search(cr.models.ElasticNet(), selection.grid(lam1=lam1, lam2=lam2), X, y,
                             validation=(X_val, y_val))
    table = np.array([e for _, e in found.table]).reshape(17, 17)
    test = selection.error(found.model, X_test, y_test)
    plain = selection.error(cr.models.LinearRegression().fit(X, y), X_test, y_test)
    figure, axis = panels(width=5)
    mesh = axis.pcolormesh(lam2, lam1, table, shading="nearest", cmap="viridis_r")
    axis.plot(found.settings["lam2"], found.settings["lam1"], "r*", markersize=12, label="smallest")
    axis.set(xscale="log", yscale="log", xlabel="λ₂", ylabel="λ₁")
    axis.legend()
    figure.colorbar(mesh, ax=axis, label="validation error")
    shares = [len(part) / 150 for part in (X, X_val, X_test)]
    return Result([near("shares for training, validation, test", (0.64, 0.16, 0.2), shares, 1e-12),
                   fact("error of the chosen λ is the table's least", found.error == table.min()),
                   fact("the chosen model's test error is below least squares'", test.mean < plain.mean),
                   shown("chosen (λ₁, λ₂)", list(found.settings.values())),
                   shown("its validation error", found.error),
                   shown("its test error ± standard error", test),
                   shown("least squares' test error ± standard error", plain)],
                  {"Validation error of the elastic net over a grid": figure},
                  ["The book writes argmax for the choice; the error is to be small."])


@book("2.5-fig2.11-kfold-diagram")
def kfold_diagram() -> Result:
    """K-fold cross validation: each chunk validates once.   Book: §2.5, Fig. 2.11"""
    n, K = 40, 5
    figure, axes = panels(2, height=2.8, sharey=True)
    seen = []
    for axis, rng, title in ((axes[0], None, "in order"), (axes[1], cr.Rng(0), "shuffled")):
        validating = np.zeros((K, n))
        for k, (_, validation) in enumerate(selection.KFold(K, rng=rng).split(np.arange(n))):
            validating[k, validation] = 1
        axis.pcolormesh(validating, cmap="Oranges", vmin=0, vmax=1.6, edgecolors="white", linewidth=0.6)
        axis.set(xlabel="sample", title=title, yticks=np.arange(K) + 0.5, yticklabels=range(1, K + 1))
        seen.append(validating)
    axes[0].set_ylabel("k")
    axes[0].invert_yaxis()                                                # shared by both
    return Result([fact("each sample validates exactly once", all((v.sum(0) == 1).all() for v in seen)),
                   near("share of samples that train, K = 5", 0.8, 1 - seen[0].mean(), 1e-12)],
                  {"Rows k = 1 ... 5; the validation chunk of each is orange, the rest trains": figure})


@book("2.5-cv-model-choice")
def choice_by_cross_validation() -> Result:
    """Cross validation in place of what cannot be known: the degree chosen from ten points.   Book: §2.5

    The black curve of Fig. 2.10 (b) needs the law of the data; leaving out each of the ten points in
    turn does not.
    """
    figure, axes = panels(2)
    distances = []
    for seed in range(20):
        x, y = ten_points(seed)
        cv = [selection.cross_validate(polynomial(k), x, y, folds=10) for k in DEGREES]
        models = [polynomial(k).fit(x, y) for k in DEGREES]
        unseen = [unseen_error(model, anywhere, 4000, rng=cr.Rng(100)).mean for model in models]
        distances.append(int(np.argmin([c.mean for c in cv])) - int(np.argmin(unseen)))
        if seed == 3:
            axes[0].errorbar(DEGREES, [c.mean for c in cv], [c.error for c in cv], fmt="o-", capsize=2,
                             label="E_cv ± standard error")
            axes[0].plot(DEGREES, unseen, "o-", color="black", label="E_unseen")
    axes[0].set(xlabel="degree k", ylabel="mean squared error", yscale="log", xticks=DEGREES,
                title="one data set")
    axes[0].legend()
    values, counts = np.unique(distances, return_counts=True)
    axes[1].bar(values, counts)
    axes[1].set(xlabel="k chosen minus best k", ylabel="data sets", title="20 data sets")
    near_best = int(np.sum(np.abs(distances) <= 2))
    return Result([at_least("data sets of 20 where the chosen k is within 2 of the best one", 14, near_best),
                   shown("data sets where it is the best", int(np.sum(np.array(distances) == 0)))],
                  {"Leave-one-out cross validation beside the truth": figure})
