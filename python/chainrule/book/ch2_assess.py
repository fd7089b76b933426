"""Chapter 2, §2.1 and §2.2: workflows, regression on one feature, classifiers and their measures."""
from __future__ import annotations

import numpy as np

import chainrule as cr

from .. import metrics
from ..models.simple import confidence_band, simple_regression
from .draw import COLOURS, panels
from .registry import book
from .result import Result, at_least, fact, near, shown


@book("2.1-normal-range")
def normal_range() -> Result:
    """Most standardised normal samples lie between -3 and 3.   Book: §2.1"""
    x = cr.normal((100_000,), mean=170.0, std=8.0, rng=cr.Rng(0), dtype=cr.float64)
    z = cr.preprocessing.Standardizer().fit_transform(x[:, None])[:, 0]
    share = cr.mean((cr.abs(z) <= 3.0).astype(cr.float64)).item()
    figure, axis = panels()
    axis.hist(z.numpy(), bins=120, density=True, color="0.75")
    u = np.linspace(-4.5, 4.5, 301)
    axis.plot(u, cr.distributions.Normal().prob(u).numpy(), label="normal density")
    for edge in (-3, 3):
        axis.axvline(edge, color=COLOURS[1], linewidth=0.9)
    axis.set(xlabel="z, deviations from the mean", ylabel="density")
    axis.legend()
    normal = cr.distributions.Normal()
    exact = (normal.cdf(3.0) - normal.cdf(-3.0)).item()
    return Result([near("share of 100,000 samples in [-3, 3]", 0.9973, share, 1e-3),
                   near("Φ(3) - Φ(-3)", 0.9973, exact, 5e-5)],
                  {"Standardised heights and the range [-3, 3]": figure})


@book("2.1-fig2.1-2.2-workflows")
def workflows() -> Result:
    """Train and predict; find groups; reduce features: three pipelines.   Book: §2.1, Fig. 2.1, Fig. 2.2

    Each begins with the standardiser, learned together with the model and used with it in production.
    """
    train, production = cr.data.breast_cancer(dtype=np.float64)
    scale = cr.preprocessing.Standardizer()
    classify = cr.models.Pipeline([scale, cr.models.LogisticRegression(l2=1.0)]).fit(train.x, train.y)
    predicted = classify.predict(production.x)

    reduce = cr.models.Pipeline([scale, cr.models.PCA(2)]).fit(train.x)
    plane = reduce.transform(production.x).numpy()

    group = cr.models.Pipeline([scale, cr.models.KMeans(2, n_init=5)]).fit(train.x)
    groups = group.predict(production.x).numpy()
    agreement = max(np.mean(groups == production.y.numpy()), np.mean(groups != production.y.numpy()))

    figure, axes = panels(3, sharex=True, sharey=True, width=3.8)
    answers = (("labels predicted (Fig. 2.1)", predicted.numpy(), ("benign", "malignant")),
               ("groups found (Fig. 2.2)", groups, ("group 1", "group 2")),
               ("30 features as 2 (Fig. 2.2)", np.zeros(len(plane)), ("tumour",)))
    for axis, (title, labels, names) in zip(axes, answers, strict=True):
        for k, name in enumerate(names):
            axis.plot(*plane[labels == k].T, "o", markersize=3, label=name)
        axis.set(title=title, xlabel="1st principal component, deviations")
        axis.legend()
    axes[0].set_ylabel("2nd principal component")
    accuracy = metrics.accuracy(predicted, production.y)
    return Result([at_least("accuracy on data unseen in training", 0.9, accuracy),
                   at_least("agreement of the two groups with the labels they never saw", 0.85, agreement),
                   near("features before and after", (30, 2), (train.x.shape[1], plane.shape[1]), 0)],
                  {"113 tumours that no model had seen, in the plane of two principal components": figure})


def band(axis, X, y, grid, features, colour, label):
    """Fit, draw the line with its 95% band, and return it."""
    found = confidence_band(features(X), y, features(grid))
    x = grid.numpy()
    axis.fill_between(x, found.low.numpy(), found.high.numpy(), color="0.6", alpha=0.5, linewidth=0)
    axis.plot(x, found.fit.numpy(), color=colour, label=f"{label}, 95% band")
    return found


def parabola(x):
    """The features x and x²."""
    return cr.stack([x, x * x], axis=1)


@book("2.2-fig2.3a-rm-medv")
def rooms_and_prices() -> Result:
    """House prices against rooms: a straight line and its band.   Book: §2.2, Fig. 2.3 (a)

    The data set also has a column made from the share of Black people among the residents; it is not used.
    """
    data = cr.data.boston(split=False, dtype=np.float64)
    rm, medv = data.x[:, 0], data.y
    b0, b1 = simple_regression(rm, medv)
    figure, axis = panels()
    axis.plot(rm.numpy(), medv.numpy(), ".", color="0.3", markersize=3, label="490 districts")
    grid = cr.linspace(3.5, 8.8, 200, dtype=cr.float64)
    line = band(axis, rm, medv, grid, lambda x: x, "red", f"{b0:.2f} + {b1:.2f} rm")
    axis.set(xlabel="rm, mean number of rooms", ylabel="medv, median price in 1,000 dollars")
    axis.legend()
    means = cr.mean(rm).item(), cr.mean(medv).item()
    off = b0 + b1 * means[0] - means[1]
    return Result([near("districts, without the 16 capped at 50", 490, len(data), 0),
                   near("intercept β₀", -30.01, b0, 0.005),
                   near("slope β₁, 1,000 dollars a room", 8.27, b1, 0.005),
                   fact("the line goes through the means of rm and medv", abs(off) < 1e-9),
                   shown("these means", means), shown("standard errors of β", line.errors),
                   shown("deviation s of the noise", line.s.item())],
                  {"Median price against mean number of rooms": figure},
                  ["Footnote 3 drops rows with rm = 50; it is medv = 50 that marks a capped price."])


@book("2.2-fig2.3b-lstat-medv")
def status_and_prices() -> Result:
    """House prices against lower status: the line misfits, the parabola fits.   Book: §2.2, Fig. 2.3 (b)"""
    data = cr.data.boston(split=False, dtype=np.float64)
    lstat, medv = data.x[:, 1], data.y
    grid = cr.linspace(1.5, 38.0, 200, dtype=cr.float64)
    figure, axis = panels()
    axis.plot(lstat.numpy(), medv.numpy(), ".", color="0.3", markersize=3, label="490 districts")
    line = band(axis, lstat, medv, grid, lambda x: x, "red", "line")
    curve = band(axis, lstat, medv, grid, parabola, "blue", "quadratic")
    axis.set(xlabel="lstat, % of lower status", ylabel="medv, median price in 1,000 dollars", ylim=(-3, 52))
    axis.legend()
    fits = [cr.models.PolynomialRegression(k).fit(lstat[:, None], medv) for k in (1, 2)]
    r2 = [model.score(lstat[:, None], medv) for model in fits]
    t = (curve.theta[2] / curve.errors[2]).item()
    return Result([shown("θ of the line", line.theta), shown("θ of the quadratic", curve.theta),
                   shown("R² of line and quadratic", r2),
                   at_least("gain of R² by the square", 0.07, r2[1] - r2[0]),
                   at_least("curvature of the line's residuals, in standard errors", 4, t)],
                  {"Median price against lower status": figure},
                  ["The line's band is as tight as the parabola's: it does not show a wrong model."])


@book("2.2-degenerate-classifier")
def degenerate_classifier() -> Result:
    """Always calling the majority is accurate and useless.   Book: §2.2"""
    shares = np.linspace(0.01, 0.5, 50)
    accuracy = []
    for share in shares:
        y = np.arange(10_000) < share * 10_000
        accuracy.append(metrics.accuracy(np.zeros(10_000), y))
    y = (np.arange(1000) < 50).astype(int)
    never = np.zeros(1000, int)
    figure, axis = panels()
    axis.plot(100 * shares, accuracy, label="accuracy")
    axis.plot(100 * shares, 0 * shares, label="recall, F1")
    axis.plot(5, 0.95, "o", color=COLOURS[1], label="5% positives: 0.95")
    axis.set(xlabel="positives, %", ylabel="measure", ylim=(-0.05, 1.05))
    axis.legend()
    return Result([near("accuracy with 5% positives", 0.95, metrics.accuracy(never, y), 0),
                   near("recall", 0, metrics.recall(never, y, "binary"), 0),
                   near("F1", 0, metrics.f_score(never, y, average="binary"), 0)],
                  {"Measures of the classifier that always says no": figure})


def tumour_scores(p: int, seed: int):
    """(scores, labels) on the test fifth of the logistic model with 1 or all 30 features."""
    data = cr.data.breast_cancer(split=False, dtype=np.float64)
    train, test = cr.selection.train_test_split(data, test=0.2, rng=cr.Rng(seed))
    columns = [data.features.index("smoothness_worst")] if p == 1 else list(range(30))
    fit = cr.models.LogisticRegression(l2=0.0 if p == 1 else 1.0)         # 30 features nearly separate
    model = cr.models.Pipeline([cr.preprocessing.Standardizer(), fit]).fit(train.x[:, columns], train.y)
    return model.predict_proba(test.x[:, columns])[:, 1], test.y


def measures(predicted, y):
    """Accuracy, precision, recall and F1 of 0/1 decisions."""
    each = [f(predicted, y, average="binary") for f in (metrics.precision, metrics.recall, metrics.f_score)]
    return [metrics.accuracy(predicted, y), *each]


@book("2.2-wdbc-metrics")
def tumour_measures() -> Result:
    """The printed measures of two tumour classifiers, and ours over 25 splits.   Book: §2.2

    The printed numbers fix the counts of the 113 test tumours; ours are trained anew on 25 splits.
    """
    printed = {1: (0.73, 0.70, 0.40, 0.508, 0.70), 30: (0.89, 0.82, 0.90, 0.857, 0.92)}
    counts = {1: (16, 7, 24, 66), 30: (36, 8, 4, 65)}                     # TP, FP, FN, TN
    rows, names = [], ("accuracy", "precision", "recall", "F1", "AUC")
    figure, axes = panels(2, sharey=True)
    for axis, p in zip(axes, (1, 30), strict=True):
        predicted, y = np.repeat([1, 1, 0, 0], counts[p]), np.repeat([1, 0, 1, 0], counts[p])
        rows.append(near(f"p = {p}: accuracy, precision, recall, F1 of TP, FP, FN, TN = {counts[p]}",
                         printed[p][:4], measures(predicted, y), 0.005))
        splits = [tumour_scores(p, seed) for seed in range(25)]
        ours = np.array([[*measures(metrics.decide(scores, 0.5), labels), metrics.auc(scores, labels)]
                         for scores, labels in splits])
        axis.boxplot(ours, tick_labels=names, whis=(0, 100))
        axis.plot(range(1, 6), printed[p], "D", color=COLOURS[1], label="printed, one split")
        axis.set(title=f"p = {p}, d = {p + 1}", ylabel="measure" if p == 1 else "", ylim=(0.2, 1.02))
        axis.legend(loc="lower right")
        if p == 1:
            inside = (ours.min(0) <= printed[1]) & (ours.max(0) >= printed[1])
            rows += [fact("p = 1: every printed number lies within ours", inside.all()),
                     shown("p = 1: our mean measures", ours.mean(0).round(3), printed[1])]
        else:
            rows += [at_least("p = 30: mean accuracy", 0.89, ours[:, 0].mean()),
                     at_least("p = 30: mean AUC", 0.92, ours[:, 4].mean())]
    return Result(rows, {"Measures at τ = 0.5 on test tumours, 25 random 80-20 splits": figure},
                  ["The book's p = 30 model is a weaker fit than ours: with standardised features and some "
                   "ridge about 97.5% are right."])


def smooth_roc(scores, y):
    """The curve of scores blurred by a normal kernel, on the scale of their log-odds."""
    z, y = np.log(scores / (1 - scores)), np.asarray(y)
    width = 1.06 * min(z[y == 0].std(), z[y == 1].std()) * len(z) ** -0.2     # Silverman's rule
    tau = np.linspace(z.max() + 4 * width, z.min() - 4 * width, 400)
    above = cr.distributions.Normal().cdf((z[:, None] - tau) / width).numpy()
    return above[y == 0].mean(0), above[y == 1].mean(0)


@book("2.2-fig2.4-roc")
def roc_curves() -> Result:
    """ROC curves of two tumour classifiers, of chance and of perfection.   Book: §2.2, Fig. 2.4

    Thin lines are the curves themselves, thick ones are smoothed: each score is blurred by a normal kernel.
    """
    figure, axis = panels(width=4.6, height=4.4)
    areas = {}
    for p, colour in ((1, COLOURS[0]), (30, "black")):
        scores, y = tumour_scores(p, seed=16)                             # a split with 40 malignant tumours
        fpr, tpr, _ = metrics.roc_curve(scores, y)
        areas[p] = metrics.auc(scores, y)
        axis.plot(fpr, tpr, color=colour, linewidth=0.5, alpha=0.6)
        axis.plot(*smooth_roc(np.clip(scores.numpy(), 1e-12, 1 - 1e-12), y), color=colour, linewidth=2,
                  label=f"p = {p}, area {areas[p]:.3f}")
    chance_fpr, chance_tpr, _ = metrics.roc_curve(np.zeros(len(y)), y)
    axis.plot(chance_fpr, chance_tpr, color="red", label="chance, area 0.5")
    perfect_fpr, perfect_tpr, _ = metrics.roc_curve(y, y)
    axis.plot(perfect_fpr, perfect_tpr, color="green", label="perfect, area 1")
    axis.set(xlabel="false positive rate, 1 - specificity", ylabel="sensitivity", aspect="equal")
    axis.legend(loc="lower right")
    rates = metrics.rates(metrics.decide(scores, 0.0), y), metrics.rates(metrics.decide(scores, 1.0), y)
    return Result([near("area, p = 1", 0.70, areas[1], 0.12), at_least("area, p = 30", 0.92, areas[30]),
                   fact("the area of p = 30 is larger", areas[30] > areas[1]),
                   near("area, chance", 0.5, metrics.auc(np.zeros(len(y)), y), 1e-12),
                   near("area, perfect", 1, metrics.auc(y, y), 1e-12),
                   near("sensitivity for τ = 0, specificity for τ = 1", (1, 1),
                        (rates[0].sensitivity, rates[1].specificity), 0),
                   shown("malignant tumours in the test set", int(y.sum().item()), 40)],
                  {"Sensitivity against false positives as τ falls from 1 to 0": figure})
