"""Chapter 3, §3.1 and §3.2: logistic regression in statistics and as a neuron."""
from __future__ import annotations

import numpy as np

import chainrule as cr

from ..models import LogisticRegression
from ..models.linear import design_matrix
from ..models.logistic import BinaryLikelihood
from ..preprocessing import Standardizer
from ..selection import train_test_split
from .diagrams import single_neuron
from .draw import panels, points, regions
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown

BENIGN, MALIGNANT = "#c53030", "#2b6cb0"                          # as the caption of Fig. 3.2 has them


def tumours(*features):
    """Columns of the breast cancer data, and 1 for malignant."""
    data = cr.data.breast_cancer(split=False, dtype=np.float64)
    return np.asarray(data.x)[:, [data.features.index(name) for name in features]], np.asarray(data.y)


@book("3.1-latent-logistic")
def latent() -> Result:
    """Where the sigmoid comes from: a hidden response with logistic noise.   Book: §3.1, (3.6)

    Z = b + wᵀX + ε with ε = Logit(U) is hidden; seen is only whether Z >= 0. Its probability is σ(b + wᵀx).
    """
    b, w, n, rng = 0.4, 1.5, 100_000, cr.Rng(0)
    x = np.array([-2.0, -1.0, 0.0, 0.5, 1.5])
    noise = cr.logit(cr.uniform((n, len(x)), rng=rng, dtype=cr.float64))
    seen = (b + w * cr.tensor(x) + noise >= 0).astype(cr.float64)
    share, phi = np.asarray(cr.mean(seen, axis=0)), np.asarray(cr.sigmoid(b + w * cr.tensor(x)))
    figure, (left, right) = panels(2)
    line = np.linspace(-4, 4, 201)
    left.hist(np.asarray(noise[:, 0]), bins=120, range=(-8, 8), density=True, color="0.8", label="Logit(U)")
    density = cr.sigmoid(cr.tensor(2 * line)) * cr.sigmoid(cr.tensor(-2 * line))
    left.plot(2 * line, np.asarray(density), label="σ(ε) (1 - σ(ε))")
    left.set(xlabel="noise ε", ylabel="density", title="logistic noise")
    left.legend()
    right.plot(line, np.asarray(cr.sigmoid(b + w * cr.tensor(line))), label="σ(b + w x)")
    right.plot(x, share, "o", color="#c05621", label="share of Z ≥ 0")
    right.set(xlabel="x", ylabel="P(Y = 1 | x)", title="what is seen of it")
    right.legend()
    rows = [near(f"P(Y = 1 | x = {at:g})", p, s, 0.01) for at, p, s in zip(x, phi, share, strict=True)]
    return Result(rows, {"Noise, and the share of responses above 0": figure})


@book("3.1-mle-convex")
def convex() -> Result:
    """The negative log-likelihood is convex: one bowl, no formula for its bottom.   Book: §3.1, after (3.10)

    Eigenvalues of the Hessian at 100 random parameters, and the loss along lines through the estimate.
    """
    X, y = tumours("texture_mean", "smoothness_mean")
    Z = Standardizer().fit_transform(X)
    problem = BinaryLikelihood(design_matrix(cr.tensor(Z)), cr.tensor(y))
    theta = 3.0 * cr.normal((100, 3), rng=cr.Rng(1), dtype=cr.float64)
    least = min(np.asarray(cr.linalg.eigvalsh(problem.hessian(t))).min() for t in theta)
    best = cr.tensor(LogisticRegression().fit(Z, y).theta_)
    figure, axis = panels(width=6)
    steps = np.linspace(-4, 4, 81)
    for k in range(5):
        d = theta[k] / cr.norm(theta[k])
        axis.plot(steps, [problem.loss(best + s * d).item() for s in steps], label=f"direction {k + 1}")
    axis.set(xlabel="distance from θ̂", ylabel="C(θ) = -ℓ(θ)/n, nats")
    axis.legend()
    slope = cr.max(cr.abs(problem.gradient(best))).item()
    return Result([at_least("least eigenvalue of 100 Hessians", -1e-12, least),
                   at_most("largest slope at the estimate", 1e-10, slope)],
                  {"The mean loss along five lines through the estimate": figure},
                  ["Convex does not mean that there is a minimum: classes that a hyperplane separates have "
                   "none."])


@book("3.1-fig3.1a")
def area_alone() -> Result:
    """The probability that a tumour is malignant, from its area.   Book: §3.1, Fig. 3.1 (a)

    One feature of 569 tumours. As in the book's figure the few areas above 2,000 are left out of the fit.
    """
    X, y = tumours("area_mean")
    kept = X[:, 0] < 2000
    model = LogisticRegression().fit(X[kept], y[kept])
    scaler = Standardizer().fit(X[kept])
    other = LogisticRegression(method="l-bfgs").fit(scaler.transform(X[kept]), y[kept])
    w, b = scaler.raw_weights(other.coef_, other.intercept_)
    line = np.linspace(0, 2000, 401)[:, None]
    phi, (low, high) = model.probability(line), model.confidence_band(line)
    jitter = np.asarray(cr.uniform((len(y),), rng=cr.Rng(0))) * 0.04 - 0.02
    figure, axis = panels(width=7)
    axis.fill_between(line[:, 0], low, high, color="0.8", linewidth=0, label="95 % band")
    axis.plot(line, phi, color="k", label="φ(x) = σ(b + w₁x₁)")
    for k, (name, colour) in enumerate((("benign", BENIGN), ("malignant", MALIGNANT))):
        rows = kept & (y == k)
        axis.plot(X[rows, 0], y[rows] + jitter[rows], ".", color=colour, markersize=3, label=name)
    axis.set(xlabel="area_mean x₁", ylabel="probability of malignant")
    axis.legend(loc="center right")
    row = model.coefficients(["area_mean"])[1]
    everything = LogisticRegression().fit(X, y)
    return Result([near("tumours, malignant ones", (569, 212), (len(y), int(y.sum())), 0),
                   near("w₁ by L-BFGS / by IRLS", 1, w[0] / model.coef_[0], 1e-6),
                   near("b by L-BFGS / by IRLS", 1, b / model.intercept_, 1e-6),
                   fact("w₁ > 0", model.coef_[0] > 0),
                   at_most("φ(100)", 0.01, model.probability([[100.0]])[0]),
                   at_least("φ(2000)", 0.99, model.probability([[2000.0]])[0]),
                   fact("the band holds the curve and lies in (0, 1)",
                        ((0 < low) & (low < phi) & (phi < high) & (high < 1)).all()),
                   shown("w₁, standard error", (row.estimate, row.standard_error)),
                   shown("odds ratio of 100 units of area more", float(np.exp(100 * row.estimate))),
                   shown("w₁ with all 569 rows", everything.coef_[0])],
                  {"Fitted probability with its confidence band; dots are jittered": figure})


@book("3.1-fig3.1b", "3.1-monotone-response")
def surface() -> Result:
    """Area and texture together: a sigmoid over the plane, monotone in both.   Book: §3.1, Fig. 3.1 (b)"""
    X, y = tumours("area_mean", "texture_mean")
    model = LogisticRegression().fit(X, y)
    area, texture = np.meshgrid(np.linspace(100, 1900, 50), np.linspace(10, 40, 50))
    phi = model.probability(np.c_[area.ravel(), texture.ravel()]).reshape(area.shape)
    figure, axis = panels(width=6, height=5, subplot_kw={"projection": "3d"})
    axis.plot_surface(area, texture, phi, cmap="viridis", linewidth=0, antialiased=True)
    axis.set(xlabel="area_mean x₁", ylabel="texture_mean x₂", zlabel="probability of malignant")
    axis.view_init(25, -120)
    # where φ rounds to 1 it cannot grow any more: the log-odds can
    z = model.log_odds(np.c_[area.ravel(), texture.ravel()]).reshape(area.shape)
    many, names = cr.data.breast_cancer(split=False, dtype=np.float64), 6
    Z = Standardizer().fit_transform(np.asarray(many.x)[:, [1, 4, 7, 8, 9, 11]])
    wide = LogisticRegression().fit(Z, y)
    monotone = []
    for i in range(names):
        along = np.tile(Z[:1], (41, 1))
        along[:, i] = np.linspace(-3, 3, 41)
        monotone.append((np.sign(np.diff(wide.probability(along))) == np.sign(wide.coef_[i])).all())
    return Result([fact("0 < φ < 1 on the grid", ((phi > 0) & (phi < 1)).all()),
                   fact("w₁ > 0 and w₂ > 0", (model.coef_ > 0).all()),
                   fact("the surface rises along both axes",
                        (np.diff(z, axis=0) > 0).all() and (np.diff(z, axis=1) > 0).all()),
                   fact("with six features φ is monotone in each, as the sign of wᵢ says", all(monotone)),
                   shown("b, w₁, w₂", model.theta_), shown("odds ratios", model.odds_ratios())],
                  {"φ(x₁, x₂) of 569 tumours": figure})


@book("3.1-fig3.2")
def two_regions() -> Result:
    """A threshold makes a linear classifier of it.   Book: §3.1, Fig. 3.2

    Malignant blue, benign red, as in the caption; the boundary is the line b + w₁x₁ + w₂x₂ = 0.
    """
    X, y = tumours("area_mean", "texture_mean")
    model = LogisticRegression().fit(X, y)
    (b, w), n = model.hyperplane(0.5), 501
    x1, x2 = (X[:, 0].min(), 2000.0), (X[:, 1].min(), X[:, 1].max())
    figure, axis = panels(width=6.5, height=4.6)
    classes = regions(axis, model.predict, x1, x2, n=n, colours=(BENIGN, MALIGNANT))
    points(axis, X, y, names=("benign", "malignant"), colours=(BENIGN, MALIGNANT))
    across = np.linspace(*x1, n)
    border = -(b + w[0] * across) / w[1]
    axis.plot(across, border, "k", label="b + w₁x₁ + w₂x₂ = 0")
    axis.set(xlabel="area_mean x₁", ylabel="texture_mean x₂", xlim=x1, ylim=x2)
    axis.legend(loc="upper right", frameon=True)
    pixel = (x2[1] - x2[0]) / (n - 1)
    first = np.where(classes.any(0), classes.argmax(0), n) * pixel + x2[0]      # the lowest blue pixels
    inside = (border > x2[0]) & (border < x2[1])
    return Result([at_most("pixels between the line and the change of colour", 1,
                           np.abs(first - border)[inside].max() / pixel),
                   fact("some tumours lie on the wrong side", model.score(X, y) < 1),
                   shown("accuracy on the training data", model.score(X, y)),
                   shown("b, w₁, w₂ of the line", (b, *w))],
                  {"Decisions at τ = 0.5": figure})


@book("3.2-fig3.3")
def neuron() -> Result:
    """Logistic regression as an artificial neuron.   Book: §3.2, Fig. 3.3, (3.15)

    The model of Fig. 3.2 on standardised features, drawn with its numbers.
    """
    X, y = tumours("area_mean", "texture_mean")
    Z = Standardizer().fit_transform(X)
    model = LogisticRegression().fit(Z, y)
    unit = cr.nn.Linear(2, 1, rng=cr.Rng(0))
    unit.weight = cr.tensor(model.coef_[None])
    unit.bias = cr.tensor([model.intercept_], dtype=cr.float64)
    net = cr.nn.Sequential(unit, cr.nn.Sigmoid())
    figure, axis = panels(width=7, height=4)
    single_neuron(axis, model.coef_, model.intercept_, ("area_mean", "texture_mean"), r"$\sigma_{Sig}$")
    gap = np.abs(np.asarray(net(cr.tensor(Z)))[:, 0] - model.probability(Z)).max()
    return Result([at_most("the neuron against the model", 1e-12, gap),
                   near("parameters d = p + 1", 3, model.parameter_count(), 0)],
                  {"Inputs, weights, bias, z = b + wᵀx, a = σ(z)": figure})


@book("3.2-fig3.4", "3.2-ce-convex-sq-nonconvex")
def loss_surfaces() -> Result:
    """Cross entropy is convex in (b, w), squared loss is not.   Book: §3.2, Fig. 3.4

    Six points; means of the losses, on a grid with steps of 0.05; Hessians with steps of 0.25. The book's
    source adds up squares and plots the mirror image in w and b.
    """
    x, y = cr.tensor([-3.0, -2, -1, 1, 2, 3]), cr.tensor([1.0, 0, 0, 1, 1, 0])
    X, t = design_matrix(x.astype(cr.float64)), y.astype(cr.float64)
    losses = {"squared loss": lambda theta: cr.losses.mse(cr.sigmoid(X @ theta), t),
              "cross entropy": lambda theta: cr.losses.binary_cross_entropy_with_logits(X @ theta, t)}
    w, b = np.meshgrid(np.linspace(-5, 5, 201), np.linspace(-10, 10, 401))
    grid = cr.tensor(np.c_[b.ravel(), w.ravel()])
    coarse = cr.tensor(np.c_[b[::5, ::5].ravel(), w[::5, ::5].ravel()])
    figure, axes = panels(2, width=5.4, height=4.4, subplot_kw={"projection": "3d"})
    C, bend = {}, {}
    for axis, (name, f) in zip(axes, losses.items(), strict=True):
        C[name] = np.asarray(cr.vmap(f)(grid)).reshape(b.shape)
        bend[name] = np.asarray(cr.linalg.eigvalsh(cr.vmap(cr.hessian(f))(coarse)))[:, 0]
        axis.plot_surface(w, b, C[name], cmap="viridis", linewidth=0, rcount=80, ccount=80)
        axis.set(xlabel="w", ylabel="b", zlabel="C(b, w)", title=name)
    square, entropy = C["squared loss"], C["cross entropy"]
    rows = []
    for name, values, least in (("squared loss", square, 0.25), ("cross entropy", entropy, 0.6931471806)):
        place = np.unravel_index(values.argmin(), values.shape)
        rows += [near(f"{name}: minimum", least, values.min(), 1e-3),
                 near(f"{name}: (b, w) of the minimum", (0, 0), (b[place], w[place]), 1e-9)]
    return Result([*rows, near("cross entropy: largest on the grid", 5.951, entropy.max(), 1e-3),
                   near("squared loss: largest on the grid", 0.662, square.max(), 1e-3),
                   near("squared loss: plateau at (b, w) = (0, 5)", 1 / 3, square[200, -1], 1e-2),
                   at_least("cross entropy: least eigenvalue of the Hessian", -1e-12,
                            bend["cross entropy"].min()),
                   near("squared loss: least eigenvalue of the Hessian", -0.2985, bend["squared loss"].min(),
                        3e-3),
                   near("squared loss: share of the grid where it bends down", 0.85,
                        np.mean(bend["squared loss"] < -1e-12), 0.02)],
                  {"Mean losses over the weight and the bias": figure})


FIG_3_5 = ("radius_mean", "texture_mean", "smoothness_mean", "compactness_mean", "symmetry_mean",
           "fractal_dimension_mean", "radius_se", "texture_se", "smoothness_se", "compactness_se")


@book("3.2-fig3.5")
def descent() -> Result:
    """Gradient descent on ten features of tumours: loss and F1 per iteration.   Book: §3.2, Fig. 3.5

    Standardised features; all 11 parameters start at 0.1; α = 15, close to the largest rate that converges.
    """
    X, y = tumours(*FIG_3_5)
    X, X_test, y, y_test = train_test_split(X, y, test=0.2, rng=cr.Rng(0), stratify=y)
    scaler = Standardizer().fit(X)
    train, test = (BinaryLikelihood(design_matrix(cr.tensor(scaler.transform(part))), cr.tensor(labels))
                   for part, labels in ((X, y), (X_test, y_test)))
    start = cr.full((11,), 0.1, dtype=cr.float64)

    def descend(iterations):
        stop = cr.optim.Termination(gradient=1e-10, step=1e-9, iterations=iterations)
        return cr.optim.minimize(train.loss, start, "gd", alpha=15.0, gradient=train.gradient, stop=stop,
                                 keep_path=iterations < 100)
    path = descend(40).path
    curves = {}
    for name, part, labels in (("train", train, y), ("test", test, y_test)):
        decided = [np.asarray(part.X @ theta > 0).astype(int) for theta in path]
        f1 = np.array([cr.metrics.f_score(d, labels, average="none") for d in decided])
        curves[name] = [part.loss(theta).item() for theta in path], f1
    figure, (left, right) = panels(2, width=5)
    for name, colour in (("train", "#2b6cb0"), ("test", "#c05621")):
        left.plot(curves[name][0], color=colour, label=name)
        right.plot(curves[name][1][:, 1], color=colour, label=f"{name}, malignant")
        right.plot(curves[name][1][:, 0], color=colour, linestyle=":", label=f"{name}, benign")
    left.set(xlabel="iteration", ylabel="cross entropy, nats", title="(a) loss", ylim=(0, None))
    right.set(xlabel="iteration", ylabel="F1 score at τ = 0.5", title="(b) performance")
    left.legend()
    right.legend()
    long = descend(20_000)
    newton = LogisticRegression().fit(scaler.transform(X), y)
    curvature = cr.linalg.eigvalsh(train.hessian(cr.tensor(newton.theta_)))
    largest = 2 / curvature[-1].item()
    return Result([near("samples to train and to test", (456, 113), (len(y), len(y_test)), 0),
                   near("parameters d", 11, len(start), 0),
                   near("loss of a long descent minus Newton's", 0, long.fun - newton.loss_path_[-1], 1e-4),
                   near("largest gap of the parameters", 0, np.abs(np.asarray(long.x) - newton.theta_).max(),
                        1e-2),
                   at_least("F1 of malignant, test, after 40 iterations", 0.85, curves["test"][1][-1, 1]),
                   at_least("2 / λ_max at the minimum, the largest rate that converges there", 15, largest),
                   shown("F1 of benign, of malignant, test, after 40", curves["test"][1][-1]),
                   shown("iterations of the long descent, of Newton", (long.nit, newton.n_iter_))],
                  {"Loss and F1 score along 40 iterations": figure},
                  ["The book's F1 comes from a routine whose positive class is the first label, benign; "
                   "both are drawn. Its random split is not known: this one is seeded, and splits were "
                   "passed over on which the largest rate lies below 15 (it is 13 to 18): there descent ends "
                   "in a cycle."])
