"""Chapter 3, §3.3: several classes by softmax, and the digits of Table 3.1."""
from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

import chainrule as cr

from ..models import (
    AdamRecipe,
    ConvergenceWarning,
    LogisticRegression,
    MultinomialRegression,
    OneVsOne,
    OneVsRest,
    SoftmaxRegression,
)
from ..models.linear import design_matrix
from ..models.softmax import SoftmaxLikelihood
from ..optim import convexity
from .ch2_linear import flat_digits
from .ch3_features import FOUR_X, FOUR_Y
from .diagrams import softmax_layer
from .draw import panels, points, regions
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown

# training loss of the multinomial run after some epochs in the book's source, and how much starts differ
LOGGED = {1: (1.7239, 0.15), 10: (0.4180, 0.03), 50: (0.2416, 0.01), 100: (0.2203, 0.005),
          200: (0.2137, 0.005)}
TABLE_31 = {"linear, one vs. rest": 0.8603, "linear, one vs. one": 0.9297, "logistic, one vs. rest": 0.9174,
            "logistic, one vs. one": 0.9321, "multinomial": 0.9221}


@book("3.3-fig3.6")
def layer() -> Result:
    """Softmax regression as a layer: all outputs depend on all scores.   Book: §3.3, Fig. 3.6

    Drawn from the network with p = 3 inputs and K = 4 classes.
    """
    p, K = 3, 4
    net = SoftmaxRegression(p, K)
    net.linear.weight = cr.normal((K, p), rng=cr.Rng(0))
    x = cr.normal((p,), rng=cr.Rng(1))
    J = np.asarray(cr.jacobian(lambda z: cr.softmax(z))(net(x)))
    figure, axis = panels(width=7, height=4.2)
    softmax_layer(axis, *net.linear.weight.shape[::-1])
    return Result([near("sum of the outputs", 1, cr.sum(net.probabilities(x)).item(), 1e-6),
                   fact("each output depends on each score", (np.abs(J) > 0).all()),
                   near("parameters K (p + 1)", K * (p + 1), net.parameter_count(), 0)],
                  {"z = b + W x and ŷ = softmax(z)": figure})


@book("3.3-convex")
def convex() -> Result:
    """The loss of softmax regression is convex: chords lie above it.   Book: §3.3, end; §4.1, (4.3)"""
    rng = cr.Rng(0)
    x, y = cr.normal((60, 2), rng=rng, dtype=cr.float64), cr.randint(4, shape=(60,), rng=rng)
    problem = SoftmaxLikelihood(design_matrix(x), y, 4)
    theta = 3.0 * cr.normal((200, problem.size), rng=rng, dtype=cr.float64)
    holds = convexity.chords_hold(problem.loss, theta, chords=1000, rng=rng, slack=1e-10)
    least = min(np.asarray(cr.linalg.eigvalsh(problem.hessian(t))).min() for t in theta[:50])
    figure, axis = panels(width=6)
    share = np.linspace(0, 1, 61)
    for k in range(4):
        a, b = theta[2 * k], theta[2 * k + 1]
        along = np.array([problem.loss((1 - s) * a + s * b).item() for s in share])
        line, = axis.plot(share, along, label=f"C on chord {k + 1}")
        axis.plot(share[[0, -1]], along[[0, -1]], "--", color=line.get_color(), linewidth=0.8)
    axis.set(xlabel="λ in (1 - λ) θ + λ θ'", ylabel="C, nats")
    axis.legend()
    return Result([fact("1,000 random chords lie above the loss", holds),
                   at_least("least eigenvalue of 50 Hessians", -1e-10, least)],
                  {"The loss between pairs of parameters (solid) and their chords (dashed)": figure})


@book("3.3-fig3.7")
def four_regions() -> Result:
    """Four classes in the plane: each wins in a convex polytope.   Book: §3.3, Fig. 3.7

    17 points; the largest probability decides. One class can be separated, so the likelihood has no maximum
    and the weights grow without end: the loss and the decisions converge, the coefficients do not.
    """
    model = MultinomialRegression(reference_class=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(FOUR_X, FOUR_Y)
    decided = model.predict(FOUR_X)
    figure, axis = panels(width=6.4, height=4.6)
    won = regions(axis, model.predict, (0, 1), (0, 1), n=601)
    points(axis, FOUR_X, FOUR_Y, s=40)
    wrong = decided != FOUR_Y
    axis.plot(*FOUR_X[wrong].T, "o", color="none", markeredgecolor="k", markersize=13, label="wrong")
    axis.set(xlabel="x₁", ylabel="x₂", aspect="equal")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    place = np.linspace(0, 1, 601)
    grid = np.stack(np.meshgrid(place, place), axis=-1).reshape(-1, 2)
    inside = [(grid @ A.T + c >= 0).all(axis=1).reshape(won.shape)
              for A, c in map(model.half_spaces, range(4))]
    same = all((region == (won == k)).all() for k, region in enumerate(inside))
    loss = -model.log_likelihood(FOUR_X, FOUR_Y)
    return Result([near("points, classes", (17, 4), (len(FOUR_X), len(model.classes_)), 0),
                   near("points decided rightly", 15, int((~wrong).sum()), 0),
                   near("negative log-likelihood", 5.725774, loss, 1e-3),
                   near("mean loss", 0.336810, loss / 17, 1e-4),
                   near("the two wrong points", ((0.35, 0.55), (0.3, 0.3)), FOUR_X[wrong], 0),
                   near("their decisions", (1, 0), decided[wrong], 0),
                   near("classes that win somewhere", 4, len(np.unique(won)), 0),
                   fact("each region is the intersection of three half-spaces", same)],
                  {"Decisions of softmax regression": figure},
                  ["The book says intersection of hyperplanes; half-spaces are meant."])


@book("3.3-table3.1", slow=True)
def digits(full: bool = False) -> Result:
    """Handwritten digits by five classifiers made of lines.   Book: §3.3, Table 3.1, footnote 8

    Full: the book's recipe, ADAM with α = 0.02, batches of 2,000, 200 epochs, from normal numbers, about five
    minutes on two cores; and the linear rows. Quick: 8 epochs from zero, where all but the last half percent
    is learned, and the first 10 epochs of the book's recipe for its loss.
    """
    (x, y), (x_test, y_test) = flat_digits()
    recipe = AdamRecipe() if full else AdamRecipe(epochs=8, start=0.0)
    losses, problem = {}, SoftmaxLikelihood(design_matrix(cr.tensor(x)), cr.tensor(y), 10)

    def watch(epoch, theta):
        if epoch in LOGGED or epoch % (10 if full else 1) == 0:
            losses[epoch] = problem.loss(theta).item()
    watched = AdamRecipe(epochs=200 if full else 10, each_epoch=watch)
    logistic = LogisticRegression(method=recipe)
    models: dict[str, Any] = {
        "logistic, one vs. rest": OneVsRest(logistic), "logistic, one vs. one": OneVsOne(logistic),
        "multinomial": MultinomialRegression(method=watched if full else recipe)}
    if full:
        models |= {"linear, one vs. rest": OneVsRest(), "linear, one vs. one": OneVsOne()}
    else:
        MultinomialRegression(method=watched).fit(x, y)
    ours, rows = {}, []
    for name, model in models.items():
        start = time.perf_counter()
        ours[name] = cr.accuracy(model.fit(x, y).predict(x_test), y_test)
        tolerance = 2e-4 if name.startswith("linear") else 0.005 if full else 0.01
        rows.append(near(f"accuracy: {name}", TABLE_31[name], ours[name], tolerance))
        rows += [at_most("  seconds", 300, time.perf_counter() - start)] if full else []
    rows += sizes(models) + orders(ours)
    rows += [near(f"training loss, multinomial, epoch {epoch}", LOGGED[epoch][0], value, LOGGED[epoch][1])
             for epoch, value in losses.items() if epoch in LOGGED]
    rows.append(fact("it falls from each to the next", (np.diff(list(losses.values())) < 0).all()))
    return Result(rows, {"Test accuracy, and the training loss of the book's recipe": bars(ours, losses)},
                  ["The trained rows depend on the random start; the book prints one run."])


def sizes(models):
    """How many classifiers and parameters."""
    rest, one = models["logistic, one vs. rest"], models["logistic, one vs. one"]
    d = [sum(e.parameter_count() for e in model.estimators_) for model in (rest, one)]
    few = MultinomialRegression(reference_class=0, l2=1.0, method="l-bfgs", max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        few.fit(np.zeros((10, 784)), np.arange(10))
    return [near("classifiers", (10, 45), (len(rest.estimators_), len(one.estimators_)), 0),
            near("parameters of the logistic ones", (7850, 35325), d, 0),
            near("parameters, multinomial, either way", (7850, 7065),
                 (models["multinomial"].parameter_count(), few.parameter_count()), 0)]


def orders(accuracy):
    """One vs. one is above one vs. rest, logistic above linear; the linear rows only where they were run."""
    rows = []
    for kind in ("linear", "logistic"):
        one, rest = (accuracy.get(f"{kind}, one vs. {what}") for what in ("one", "rest"))
        rows += [fact(f"{kind}: pairs are better than one vs. rest", one > rest)] if one else []
    for what in ("one", "rest"):
        linear, logistic = (accuracy.get(f"{kind}, one vs. {what}") for kind in ("linear", "logistic"))
        name = f"linear, one vs. {what}"
        rows += [fact(f"one vs. {what}: logistic is better than linear", logistic > linear)] if linear else [
            shown(f"accuracy: {name}", "see 2.3-table2.1", TABLE_31[name])]
    return rows


def bars(ours, losses):
    """Accuracies beside the book's, and losses beside those of its source."""
    figure, (left, right) = panels(2, width=5.4)
    names = [name for name in TABLE_31 if name in ours]
    at = np.arange(len(names))
    left.barh(at - 0.2, [TABLE_31[name] for name in names], 0.4, label="book", color="0.7")
    left.barh(at + 0.2, [ours[name] for name in names], 0.4, label="ours")
    left.set(yticks=at, yticklabels=names, xlabel="test accuracy", xlim=(0.85, 0.95))
    left.invert_yaxis()
    left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    right.plot(list(losses), list(losses.values()), ".-", label="ours")
    known = [epoch for epoch in losses if epoch in LOGGED]
    right.plot(known, [LOGGED[epoch][0] for epoch in known], "kx", markersize=8, label="book's source")
    right.set(xlabel="epoch", ylabel="training loss, nats", title="multinomial")
    right.legend()
    return figure
