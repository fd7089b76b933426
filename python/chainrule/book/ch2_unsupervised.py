"""Chapter 2, §2.6: K-means and the elbow, segmentation, principal components, low-rank pictures."""
from __future__ import annotations

import numpy as np

import chainrule as cr

from ..models import PCA, KMeans, LogisticRegression, elbow
from .draw import COLOURS, panels, pictures
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown
from .scenes import grey, landscape

MARKS = (("black", "o"), ("#c53030", "^"), ("#2f855a", "x"))     # the book's circle, triangle and cross
NOT_SUPPLIED = "The book does not supply its picture: this one is painted by formulas, of the same size."


def three_groups(seed=0, n=150):
    """Points about three centres in the plane."""
    rng = cr.Rng(seed)
    centres = cr.tensor([[0.0, 0.0], [3.0, 0.5], [1.2, 2.8]], dtype=cr.float64)
    return centres[cr.randint(3, shape=(n,), rng=rng)] + cr.normal((n, 2), std=0.6, rng=rng, dtype=cr.float64)


@book("2.6-fig2.12-kmeans-steps")
def kmeans_steps() -> Result:
    """K-means step by step: means on the left, labels on the right.   Book: §2.6, Fig. 2.12

    Each row is an iteration; the first takes three random points for means, the third changes no label.
    """
    x = three_groups()
    found = KMeans(3, init="random", seed=16, history=True).fit(x)
    steps = found.history_
    figure, axes = panels(2, len(steps), width=3.6, height=2.6, sharex=True, sharey=True)
    for i, step in enumerate(steps):
        for axis, labels in zip(axes[i], (None if i == 0 else steps[i - 1].labels, step.labels), strict=True):
            for k, (colour, mark) in enumerate(MARKS):
                mine = np.full(len(x), k == 0) if labels is None else labels == k
                axis.plot(*x.numpy()[mine].T, mark, color="0.75" if labels is None else colour, markersize=3,
                          alpha=0.5)
                axis.plot(*step.centres[k], mark, color=colour, markersize=11, markeredgewidth=3)
        axes[i, 0].set(ylabel="$x_2$", title="three random centres" if i == 0 else "means of the groups")
        axes[i, 1].set(title=f"labels by the nearest; loss {step.loss:.2f}")
    for axis in axes[-1]:
        axis.set(xlabel="$x_1$")
    losses = [step.loss for step in steps]
    return Result([near("iterations", 3, found.n_iter_, 0),
                   *(shown(f"loss, iteration {i + 1}", loss) for i, loss in enumerate(losses)),
                   fact("the loss never rises", losses == sorted(losses, reverse=True)),
                   fact("the last iteration changes no label", (steps[-1].labels == steps[-2].labels).all())],
                  {"K-means with K = 3": figure})


@book("2.6-elbow")
def knee() -> Result:
    """The loss falls fast up to the number of groups, slowly beyond it.   Book: §2.6, after Fig. 2.12"""
    curve = elbow(three_groups(n=300), range(1, 10))
    figure, axis = panels()
    axis.plot(curve.n_clusters, curve.losses, "o-")
    axis.axvline(curve.knee, color="0.6", linestyle="--", label=f"knee at K = {curve.knee}")
    axis.set(xlabel="K", ylabel="clustering loss (2.39)", ylim=(0, None))
    axis.legend()
    return Result([near("knee", 3, curve.knee, 0),
                   fact("the loss falls with K", (np.diff(curve.losses) <= 0).all()),
                   near("K = 1: n p, since the features are standardised", 600, curve.losses[0], 1e-9)],
                  {"Loss against the number of clusters": figure})


@book("2.6-fig2.13-image-segmentation")
def segmentation() -> Result:
    """The colours of a picture, grouped by K-means.   Book: §2.6, Fig. 2.13

    Each pixel is a sample of three features; in the result it has the colour of its group's mean.
    """
    picture = landscape(640, 640)
    pixels = cr.tensor(picture.reshape(3, -1).T)                  # (409,600, 3)
    rows, shownas = [near("pixels", 409_600, len(pixels), 0)], {"original": picture}
    errors = {}
    for K in (6, 2):
        found = KMeans(K).fit(pixels)
        painted = found.cluster_centers_[found.labels_]           # (409,600, 3)
        shownas[f"K = {K}"] = painted.T.reshape(picture.shape)
        errors[K] = found.inertia_ / len(pixels)
        rows += [at_most(f"colours, K = {K}", K, len(np.unique(painted, axis=0))),
                 shown(f"mean squared distance of a colour, K = {K}", errors[K])]
    figure, axes = panels(3, width=3.2, height=3.2)
    pictures(axes, list(shownas.values()), list(shownas))
    return Result([*rows, fact("more colours are nearer to the original", errors[6] < errors[2])],
                  {"Segmentation by colour": figure}, [NOT_SUPPLIED])


def wdbc():
    """(features (569, 30), labels, 1 for malignant)."""
    table = cr.data.breast_cancer(split=False, dtype=np.float64)
    return table.x, np.asarray(table.y)


def best_threshold(score, y):
    """The largest accuracy of a rule "malignant where the score is above τ", or below."""
    order = np.argsort(score)
    right = np.concatenate([[0], np.cumsum(2 * y[order] - 1)])     # positives minus negatives up to each τ
    negatives = len(y) - y.sum()
    return max(negatives + right.max(), len(y) - negatives - right.min()) / len(y)


@book("2.6-fig2.14-wdbc-pca")
def tumours_in_the_plane() -> Result:
    """569 tumours on two principal components, without and with their labels.   Book: §2.6, Fig. 2.14

    The text only subtracts the means: then the features of the largest unit, areas, make the first component.
    Standardised features share the variance better.
    """
    X, y = wdbc()
    Z = cr.preprocessing.Standardizer().fit_transform(X)
    ours = {"means subtracted": (X, (443_002.67, 7_297.25), (0.98204, 0.01618), 0.912),
            "standardised": (Z, (13.2816, 5.6914), (0.44272, 0.18971), 0.921)}
    figure, axes = panels(2, 2)
    rows = []
    for i, (name, (data, values, shares, accuracy)) in enumerate(ours.items()):
        pca = PCA(2).fit(data)
        scores = np.asarray(pca.transform(data))
        axes[i, 0].plot(*scores.T, ".", color="0.4", markersize=4)
        for k, label in enumerate(("benign", "malignant")):
            axes[i, 1].plot(*scores[y == k].T, ".", markersize=4, label=label)
        for axis, what in zip(axes[i], ("without labels", "with labels"), strict=True):
            axis.set(xlabel="$pc_1$", ylabel="$pc_2$", title=f"{name}, {what}")
        axes[i, 1].legend(loc="lower right")
        rows += [near(f"λ / λ₁, {name}", np.divide(values, values[0]),
                      pca.explained_variance_ / pca.explained_variance_[0], 1e-4),
                 near(f"shares of the variance, {name}", shares, pca.explained_variance_ratio_, 1e-4),
                 near(f"accuracy of a threshold on $pc_1$, {name}", accuracy, best_threshold(scores[:, 0], y),
                      5e-4)]
    return Result([near("shape of Ṽ", (30, 2), pca.components_.T.shape, 0),
                   near("shape of X̃", (569, 2), scores.shape, 0), *rows],
                  {"Breast cancer data on two principal components": figure},
                  ["The book prints no numbers; those of the table were computed apart from this library."])


@book("2.6-pca-then-classify")
def classify_on_two_components() -> Result:
    """Two components instead of thirty features are enough for a good classifier.   Book: §2.6, Fig. 2.14

    Logistic regression on two scores, learned from 80 % of the tumours together with means, deviations and
    components, and tested on the rest, for 30 random splits.
    """
    X, y = wdbc()
    accuracies = []
    for seed in range(30):
        train, test, y_train, y_test = cr.selection.train_test_split(X, y, test=0.2, rng=cr.Rng(seed))
        scale = cr.preprocessing.Standardizer().fit(train)
        pca = PCA(2).fit(scale.transform(train))
        model = LogisticRegression().fit(pca.transform(scale.transform(train)), y_train)
        accuracies.append(model.score(pca.transform(scale.transform(test)), y_test))
    figure, axis = panels()
    axis.hist(accuracies, bins=12)
    axis.axvline(np.mean(accuracies), color="0.3", linestyle="--", label=f"mean {np.mean(accuracies):.3f}")
    axis.set(xlabel="accuracy on the test set", ylabel="number of splits")
    axis.legend()
    return Result([at_least("mean accuracy of 30 splits", 0.92, np.mean(accuracies)),
                   near("mean accuracy, computed apart", 0.944, np.mean(accuracies), 0.01),
                   shown("worst split", min(accuracies))],
                  {"Accuracy on two components": figure})


@book("2.6-scree-plot")
def scree() -> Result:
    """How much of the variance each component has.   Book: §2.6, after (2.53)"""
    Z = cr.preprocessing.Standardizer().fit_transform(wdbc()[0])
    percent = 100 * PCA().fit(Z).explained_variance_ratio_
    number = np.arange(1, len(percent) + 1)
    figure, axis = panels(width=5.5)
    axis.bar(number, percent, label="each")
    axis.plot(number, np.cumsum(percent), "o-", color=COLOURS[1], markersize=3, label="up to this one")
    axis.set(xlabel="component", ylabel="variance, %", ylim=(0, 105))
    axis.legend(loc="center right")
    return Result([near("sum of all, %", 100, percent.sum(), 1e-9),
                   near("first two, %", (44.272, 18.971), percent[:2], 1e-2),
                   fact("shares fall", (np.diff(percent) <= 0).all()),
                   shown("components for 95 %", int(np.argmax(np.cumsum(percent) >= 95)) + 1)],
                  {"Scree plot of the standardised breast cancer data": figure})


@book("2.6-fig2.15-svd-image")
def compressed_picture() -> Result:
    """A picture from few singular values.   Book: §2.6, Fig. 2.15

    m (1 + n + p) numbers are kept; the relative error is Σ δᵢ² over i > m, by Σ δᵢ² over all.
    """
    X = cr.tensor(grey(landscape(353, 469)), dtype=cr.float64)
    U, s, Vh = cr.linalg.svd(X, full_matrices=False)
    energy = (s * s).numpy()
    errors = 1 - np.concatenate([[0], np.cumsum(energy)]) / energy.sum()
    errors = np.maximum(errors, 0)
    rows = [near("values of the picture", 165_557, X.size, 0)]
    figure, axes = panels(3, 2, width=4.0, height=3.2)
    axes = axes.ravel()
    pictures(axes[4:], [X.numpy()], ["original, m = r"])
    for axis, (m, book_count) in zip(axes[1:4], ((10, 8_230), (30, 24_690), (50, 41_150)), strict=True):
        kept = U[:, :m], s[:m], Vh[:m]
        near_picture = (kept[0] * kept[1]) @ kept[2]
        gap = cr.linalg.matrix_norm(X - near_picture).item() ** 2 / energy.sum()
        visible = cr.clip(near_picture, X.min(), X.max()).numpy()     # so that all have one scale of greys
        pictures([axis], [visible], [f"m = {m}, relative error {gap:.2e}"])
        rows += [near(f"values for m = {m}", book_count, sum(t.size for t in kept), 0),
                 near(f"error for m = {m}: picture and tail of the sum", errors[m], gap, 1e-12)]
    axes[0].semilogy(np.arange(101), errors[:101])
    axes[0].set(xlabel="m", ylabel="relative error", title="error of the best matrix of rank m")
    axes[0].plot([10, 30, 50], errors[[10, 30, 50]], "o")
    return Result([*rows, near("share of the values, m = 50", 0.24855, 41_150 / X.size, 1e-5),
                   near("error for m = 0 and for all", (1, 0), errors[[0, -1]], 1e-12),
                   fact("the error falls with m", (np.diff(errors) <= 0).all()),
                   at_most("error for m = 50", 0.01, errors[50])],
                  {"Compression by singular values": figure}, [NOT_SUPPLIED])
