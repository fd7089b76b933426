"""Chapter 4, §4.1 and §4.2: convexity, Rosenbrock's function, stochastic gradients."""

from __future__ import annotations

import numpy as np

import chainrule as cr

from ..optim import convexity
from .draw import contours, panels, path
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown


def rosenbrock(theta):
    """R(θ) = (1 - θ₁)² + 100 (θ₂ - θ₁²)².   Book: (4.9)"""
    return (1 - theta[0]) ** 2 + 100 * (theta[1] - theta[0] ** 2) ** 2


def rosenbrock_surface(x, y):
    """R on arrays, for contours."""
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def walk(method, steps, start, f=rosenbrock, **options):
    """The points of a minimisation, start included, (steps + 1, 2)."""
    stop = cr.optim.Termination(gradient=None, iterations=steps)
    start = cr.tensor(np.array(start, np.float64))
    found = cr.optim.minimize(f, start, method, stop=stop, keep_path=True, **options)
    return np.array([point.numpy() for point in found.path])


def map_of_rosenbrock(axis, title):
    """Level curves around the minimum."""
    contours(axis, rosenbrock_surface, (-0.3, 1.1), (-0.3, 1.1), log=True)
    axis.plot(1, 1, "k*", markersize=8)
    axis.set(xlabel="θ₁", ylabel="θ₂", title=title, xlim=(-0.3, 1.1), ylim=(-0.3, 1.1))


def peaks(theta):
    """A landscape of hills, hollows and passes, Fig. 4.1 (b)."""
    a, b = theta[0], theta[1]
    return (
        3.0 * (1.0 - a) ** 2 * cr.exp(-(a**2) - (b + 1.0) ** 2)
        - 10.0 * (a / 5.0 - a**3 - b**5) * cr.exp(-(a**2) - b**2)
        - cr.exp(-((a + 1.0) ** 2) - b**2) / 3.0
    )


def on_grid(f, X, Y):
    """f of two coordinates on arrays of them."""
    return f([cr.tensor(X), cr.tensor(Y)]).numpy()


@book("4.1-fig4.1a", "4.1-fig4.1b")
def landscapes() -> Result:
    """A convex bowl with one minimum, and a landscape with nine critical points.   Book: §4.1, Fig. 4.1"""
    found = {}
    step = 0.25
    for x in np.arange(-2, 2.3, step):
        for y in np.arange(-2, 2.3, step):
            theta = cr.tensor([x, y], dtype=cr.float64)
            for _ in range(15):
                H, g = cr.hessian(peaks)(theta), cr.grad(peaks)(theta)
                if abs(np.linalg.det(H.numpy())) < 1e-8 or cr.norm(theta).item() > 2.6:
                    break
                theta = theta - cr.linalg.solve(H, g)
            if cr.norm(cr.grad(peaks)(theta)).item() < 1e-9 and cr.norm(theta).item() < 2.4:
                found[tuple(np.round(theta.numpy(), 3) + 0.0)] = theta
    kinds = {point: convexity.classify(peaks, theta) for point, theta in found.items()}
    book_points = {
        "minimum": (-6.55113, -3.04985, -0.06494),
        "maximum": (3.59249, 3.77658, 8.10621),
        "saddle": (0.40855, 0.78829, 2.24919),
    }
    rows = []
    for kind, values in book_points.items():
        ours = sorted(peaks(found[p]).item() for p in found if kinds[p] == kind)
        rows.append(near(f"values at each {kind}", sorted(values), ours, 1e-3))
    figure, axes = panels(2, subplot_kw={"projection": "3d"}, width=5)
    X, Y = np.meshgrid(*[np.linspace(-2.5, 2.5, 101)] * 2)
    axes[0].plot_surface(X, Y, X**2 + Y**2, cmap="viridis", linewidth=0)
    axes[1].plot_surface(X, Y, on_grid(peaks, X, Y), cmap="viridis", linewidth=0, alpha=0.8)
    marks = {"minimum": "b", "maximum": "k", "saddle": "r"}
    for point, theta in found.items():
        axes[1].scatter(*point, peaks(theta).item(), color=marks[kinds[point]], s=25, depthshade=False)
    for axis, title in zip(axes, ("θ₁² + θ₂²", "peaks; saddles red"), strict=True):
        axis.set(xlabel="θ₁", ylabel="θ₂", zlabel="C(θ)", title=title)
    samples = cr.normal((50, 2), rng=cr.Rng(0), dtype=cr.float64)
    bowl = convexity.chords_hold(lambda t: t @ t, samples, rng=cr.Rng(1))
    return Result(
        [fact("chords of θ₁² + θ₂² lie above it", bowl), *rows],
        {"One minimum, and three minima, maxima and saddles": figure},
    )


@book(
    "4.1-psd-sum",
    "4.1-affine-composition",
    "4.1-robust-losses-convex",
    "4.1-wrong-loss-nonconvex",
    "4.1-convex-global",
)
def convex_losses() -> Result:
    """Which losses are convex: softmax, absolute, Huber, not squared sigmoid.   Book: §4.1"""
    rng = cr.Rng(0)
    x, y = cr.normal((20, 2), rng=rng, dtype=cr.float64), cr.randint(3, shape=(20,), rng=rng)
    t, phi = cr.normal((20,), rng=rng, dtype=cr.float64), cr.normal((9,), rng=rng, dtype=cr.float64)
    labels = (t > 0.0).astype(cr.float64)
    losses = {
        "softmax cross entropy": (lambda w: cr.losses.cross_entropy(x @ w[:6].reshape((2, 3)) + w[6:], y), 9),
        "absolute": (lambda w: cr.mean(cr.abs(t - x @ w)), 2),
        "Huber": (lambda w: cr.losses.huber(x @ w, t), 2),
        "squared, sigmoid output": (lambda w: cr.mean((labels - cr.sigmoid(x @ w)) ** 2), 2),
    }
    rows = []
    for name, (f, d) in losses.items():
        points = 4.0 * cr.normal((60, d), rng=rng, dtype=cr.float64)
        holds = convexity.chords_hold(f, points, chords=600, rng=rng)
        rows.append(
            fact(
                f"{name}: {'' if 'sigmoid' not in name else 'not '}convex on random chords",
                holds == ("sigmoid" not in name),
            )
        )
    f = losses["softmax cross entropy"][0]

    def one(w, i):
        return cr.losses.cross_entropy(x[i : i + 1] @ w[:6].reshape((2, 3)) + w[6:], y[i : i + 1])

    w0 = cr.zeros(9, dtype=cr.float64)
    parts = [(phi @ cr.hvp(lambda w, i=i: one(w, i), w0, phi)).item() for i in range(20)]
    bend = (phi @ cr.hvp(f, w0, phi)).item()
    rows.append(near("φᵀ∇²C φ and the mean of the φᵀ∇²Cᵢ φ", np.mean(parts), bend, 1e-12))
    rows.append(at_least("smallest φᵀ∇²Cᵢ φ", 0, min(parts)))
    ends = [
        cr.optim.minimize(losses["Huber"][0], 5.0 * cr.normal((2,), rng=rng, dtype=cr.float64)).fun
        for _ in range(8)
    ]
    rows.append(near("minima of the Huber loss from eight starts", [ends[0]] * 8, ends, 1e-6))
    figure, axes = panels(4, width=3.2, height=3)
    line, w = np.linspace(-6, 6, 121), cr.tensor([0.6, -0.8], dtype=cr.float64)
    for axis, (name, (g, d)) in zip(axes, losses.items(), strict=True):
        direction = w if d == 2 else phi / cr.norm(phi)
        axis.plot(line, [g(float(s) * direction).item() for s in line])
        axis.set(xlabel="s", ylabel="C(s w)", title=name)
    return Result(rows, {"Losses along a line through the parameters": figure})


@book("4.2-rosenbrock")
def rosenbrock_values() -> Result:
    """Rosenbrock's function, its gradient and its Hessian at three points.   Book: §4.2, (4.9)"""
    rows = []
    for point, value, gradient in [
        ((0.2, -0.2), 6.4, (17.6, -48.0)),
        ((0.4, -0.2), 13.32, (56.4, -72.0)),
        ((0.8, 0.0), 41.0, (204.4, -128.0)),
    ]:
        theta = cr.tensor(np.array(point))
        got, slope = cr.value_and_grad(rosenbrock)(theta)
        rows += [near(f"R{point}", value, got.item(), 1e-10), near(f"∇R{point}", gradient, slope, 1e-10)]
    figure, axis = panels()
    contours(axis, rosenbrock_surface, (-1.5, 1.5), (-0.5, 1.5), log=True)
    axis.plot(1, 1, "*", markersize=9)
    axis.set(xlabel="θ₁", ylabel="θ₂", title="R, level curves; ★ its minimum")
    return Result(rows, {"Rosenbrock's function": figure})


@book("4.2-fig4.2", slow=True)
def learning_rates(full: bool = False) -> Result:
    """Gradient descent with fixed and decaying rates does not arrive.   Book: §4.2, Fig. 4.2

    100,000 steps as in the book with `full`; a rate that decays by 0.99 a step stands still after some 2,000.
    """
    steps, rows = 100_000 if full else 3_000, []
    ends = {0.005: ((0.53590921, 0.28487846), 0.21591860), 0.0025: ((0.40043888, 0.15741860), 0.36033361)}
    figure, axes = panels(2)
    map_of_rosenbrock(axes[0], "fixed α")
    map_of_rosenbrock(axes[1], "α 0.99ᵗ")
    for alpha, (end, value) in ends.items():
        fixed = walk("gd", steps, (0.2, -0.2), alpha=alpha)
        decaying = walk("gd", 3_000, (0.2, -0.2), alpha=cr.optim.schedules.Exponential(alpha, 0.99))
        path(axes[0], fixed[:400], f"α = {alpha}", linewidth=0.5)
        path(axes[1], decaying[:400], f"α = {alpha}", linewidth=0.5)
        rows += [
            at_least(f"distance to (1, 1), α = {alpha} fixed", 0.1, np.linalg.norm(fixed[-1] - 1)),
            near(f"end with α = {alpha} · 0.99ᵗ", end, decaying[-1], 1e-6),
            near(f"R there, α = {alpha}", value, rosenbrock(decaying[-1]), 1e-6),
        ]
    for axis in axes:
        axis.legend()
    return Result(rows, {"Paths from (0.2, -0.2)": figure})


A = np.array([1.0, 2, 3, 2, 4])
U = {"a": np.array([[1.0, 1], [2, 0], [3, 1], [2, 3], [1, 2]]), "b": np.full((5, 2), 2.0)}


def part(theta, i, which="a"):
    """C_i(θ) = a_i (θ₁ - u_i1)² + (θ₂ - u_i2)².   Book: (4.12)"""
    return A[i] * (theta[0] - U[which][i, 0]) ** 2 + (theta[1] - U[which][i, 1]) ** 2


def stochastic(which, steps, seed, start=(6.0, 6.0), alpha=0.01):
    """Stochastic gradient descent on one sample a step; the gradient of (4.12) is written out."""
    theta, points = np.array(start), [np.array(start)]
    for i in cr.randint(5, shape=(steps,), rng=cr.Rng(seed)).numpy():
        g = 2 * np.array([A[i], 1.0]) * (theta - U[which][i])
        theta = theta - alpha * g
        points.append(theta)
    return np.array(points)


@book("4.2-fig4.3", "4.2-sgd-unbiased", "4.2-convex-hull")
def stochastic_descent() -> Result:
    """Stochastic gradient descent follows the gradient from afar and wanders near the minimum.

    Book: §4.2, Fig. 4.3, (4.11), (4.12)
    """
    rows, start = [], cr.tensor([6.0, 6.0], dtype=cr.float64)
    gradients = np.array([cr.grad(lambda t, i=i: part(t, i))(start).numpy() for i in range(5)])
    rows += [
        near("∇Cᵢ at (6, 6)", ((10, 10), (16, 12), (18, 10), (16, 6), (40, 8)), gradients, 1e-10),
        near("their mean, ∇C", (20, 9.2), gradients.mean(0), 1e-10),
        near("their variances", (107.2, 4.16), gradients.var(0), 1e-10),
    ]
    golden = {
        "a": {1: (5.8, 5.908), 10: (4.38109, 5.15853), 100: (1.86378, 2.01005), 1000: (1.83333, 1.4)},
        "b": {1: (5.808, 5.92), 10: (4.44585, 5.26829), 100: (2.02923, 2.53048)},
    }
    figure, axes = panels(2)
    for axis, which, title in zip(axes, "ab", ("distinct uᵢ", "all uᵢ equal"), strict=True):

        def whole(t, which=which):
            return sum(part(t, i, which) for i in range(5)) / 5.0

        descent, noisy = walk("gd", 1000, (6, 6), f=whole, alpha=0.01), stochastic(which, 1000, 0)
        for t, point in golden[which].items():
            rows.append(near(f"({which}) gradient descent, step {t}", point, descent[t], 1e-5))
        contours(
            axis,
            lambda x, y, w=which: sum(A[i] * (x - U[w][i, 0]) ** 2 + (y - U[w][i, 1]) ** 2 for i in range(5)),
            (-3, 7),
            (-3, 7),
            levels=25,
        )
        path(axis, noisy, "stochastic", linewidth=0.6)
        path(axis, descent, "gradient descent")
        axis.plot(*U[which].T, "k.", label="uᵢ")
        axis.set(xlabel="θ₁", ylabel="θ₂", title=f"({which}) {title}")
        axis.legend()
        if which == "b":
            rows.append(at_most("(b) last distance of SGD to (2, 2)", 1e-6, np.linalg.norm(noisy[-1] - 2)))
        else:
            rows.append(at_least("(a) spread of SGD over the last 500 steps", 0.02, noisy[500:].std(0).max()))
            inside = (np.abs(noisy[500:] - [2, 1.5]) <= [1, 1.5]).all(1).mean()
            rows.append(shown("(a) share of late iterates in the box around the uᵢ", inside))
    return Result(
        rows,
        {"Paths from (6, 6)": figure},
        ["The minimum of (4.12) lies in the hull of the uᵢ here, and if all aᵢ are 1; not always."],
    )


@book("4.2-sgd-mean-path")
def mean_path() -> Result:
    """The mean of stochastic paths is the path of gradient descent if gradients are affine.   Book: §4.2"""
    replicas, theta = 4000, np.full((4000, 2), 6.0)
    picks = cr.randint(5, shape=(100, replicas), rng=cr.Rng(1)).numpy()
    for i in picks:
        theta = theta - 0.01 * 2 * np.stack([A[i], np.ones(replicas)], -1) * (theta - U["a"][i])
    error = theta.std(0) / np.sqrt(replicas)
    exact = np.array([1.8637761, 2.0100500])
    x, y = np.array([-3.0, -2, -1, 1, 2, 3]), np.array([1.0, 0, 0, 1, 1, 0])
    many = 10 * replicas  # the gap is a small one
    w, full = np.full(many, 6.0), 6.0
    for i in cr.randint(6, shape=(60, many), rng=cr.Rng(2)).numpy():
        w = w - 0.5 * (1 / (1 + np.exp(-w * x[i])) - y[i]) * x[i]
        full = full - 0.5 * np.mean((1 / (1 + np.exp(-full * x)) - y) * x)
    gap = abs(w.mean() - full) / (w.std() / np.sqrt(many))
    figure, axis = panels()
    axis.hist2d(*theta.T, bins=60, cmap="Blues")
    axis.plot(*theta.mean(0), "o", label="mean of 4,000 paths")
    axis.plot(*exact, "k+", markersize=12, label="gradient descent")
    axis.set(xlabel="θ₁", ylabel="θ₂", title="after 100 steps")
    axis.legend(labelcolor="k")
    off = (np.abs(theta.mean(0) - exact) / error).max()
    return Result(
        [
            at_most("distance of the means, standard errors", 4, off),
            at_least("logistic loss: the same, standard errors", 4, gap),
        ],
        {"Where 4,000 stochastic paths are after 100 steps": figure},
    )


@book("4.2-minibatch-variance")
def minibatch_variance() -> Result:
    """The variance of a mini-batch gradient is that of one sample over the batch size.   Book: §4.2"""
    rng, n = cr.Rng(0), 1000
    values, rows = cr.normal((n,), rng=rng, dtype=cr.float64).numpy(), []
    sizes, ours = (1, 4, 16, 64), []
    for size in sizes:
        means = values[cr.randint(n, shape=(40_000, size), rng=rng).numpy()].mean(1)
        ours.append(means.var() * size / values.var())
        rows.append(near(f"variance · {size} / variance of one", 1, ours[-1], 0.05))
    figure, axis = panels()
    axis.loglog(sizes, np.array(ours) / np.array(sizes), "o", label="40,000 batches each")
    axis.loglog(sizes, 1 / np.array(sizes), color="0.5", label="1 / n_b")
    axis.set(xlabel="batch size n_b", ylabel="variance / variance of one sample")
    axis.legend()
    return Result(rows, {"Variance of mini-batch gradients": figure})


@book("4.2-fig4.5")
def two_parameter_net() -> Result:
    """Squared loss has flat plateaus where cross entropy still has a slope.   Book: §4.2, Fig. 4.5"""
    x, y = np.array([-3.0, -2, -1, 1, 2, 3]), np.array([1.0, 0, 0, 1, 1, 0])
    w = np.arange(-20.0, 21.0)
    W1, W2 = np.meshgrid(w, w, indexing="ij")
    z = cr.tensor(W2[..., None]) * cr.sigmoid(cr.tensor(W1[..., None] * x))
    losses = {
        "cross entropy": cr.mean(cr.softplus(z) - cr.tensor(y) * z, -1).numpy(),
        "squared": cr.mean((cr.sigmoid(z) - cr.tensor(y)) ** 2, -1).numpy(),
    }
    ranges = {"cross entropy": (0.66987, 7.01324), "squared": (0.23818, 0.49995)}
    at_zero, rows = {"cross entropy": 0.693147, "squared": 0.25}, []
    flat = {"cross entropy": 0.0006, "squared": 0.47}
    figure, axes = panels(2, subplot_kw={"projection": "3d"}, width=5)
    for axis, (name, C) in zip(axes, losses.items(), strict=True):
        slope = np.hypot(*np.gradient(C))
        rows += [
            near(f"{name}: range on the grid", ranges[name], (C.min(), C.max()), 1e-4),
            near(f"{name}: at 0", at_zero[name], C[20, 20], 1e-6),
            near(
                f"{name}: share of cells with slope < 10⁻³",
                flat[name],
                (slope < 1e-3).mean(),
                max(0.1 * flat[name], 6e-4),
            ),
        ]
        axis.plot_surface(W1, W2, C, cmap="viridis", linewidth=0)
        axis.set(xlabel="w₁", ylabel="w₂", zlabel="C", title=name)
    second = {name: np.diff(C, 2, axis=1).min() for name, C in losses.items()}
    rows += [
        fact("cross entropy is convex in w₂", second["cross entropy"] > 0),
        near("squared: least second difference in w₂", -0.0289, second["squared"], 0.003),
    ]
    return Result(rows, {"Two losses of f(x) = σ(w₂ σ(w₁ x)) on six points": figure})


@book("4.2-fig4.4", slow=True)
def early_stopping(full: bool = False) -> Result:
    """The training loss falls on after the validation error was at its best.   Book: §4.2, Fig. 4.4

    A net 784-400-200-100-50-10 on 1,000 digits, validated on 500, batches of 10. With `full` 200 epochs of
    ADAM with α = 10⁻⁵ as in the book; else 30 with α = 10⁻⁴.
    """
    mnist, _ = cr.data.mnist()
    images = mnist.x[:1500].reshape((1500, 784))
    train = cr.data.Dataset(images[:1000], mnist.y[:1000])
    valid = cr.data.Dataset(images[1000:], mnist.y[1000:1500])
    rng = cr.Rng(0)
    model = cr.nn.MLP(784, 400, 200, 100, 50, 10, rng=rng)
    adam = cr.optim.Adam(model, alpha=1e-5 if full else 1e-4)
    history = cr.train.fit(
        model,
        train,
        test=valid,
        optimizer=adam,
        epochs=200 if full else 30,
        batch_size=10,
        rng=rng,
        progress=False,
    )
    loss, error = history.column("train_loss"), 1 - np.array(history.column("test_accuracy"))
    best = int(error.argmin())
    figure, axis = panels(width=5.5)
    epochs = np.arange(1, len(loss) + 1)
    axis.plot(epochs, loss, label="training loss, nats")
    axis.plot(epochs, error, label="validation error")
    axis.axvline(best + 1, color="0.5", linestyle="--", label=f"best epoch, {best + 1}")
    axis.set(xlabel="epoch", ylabel="loss, share of errors", ylim=(0, 2.4))
    axis.legend()
    count = sum(p.size for p in model.state_dict().values())
    return Result(
        [
            near("parameters", 419_860, count, 0),
            at_most("best validation error", 0.13, error[best]),
            fact("the best epoch is neither the first nor the last", 0 < best < len(loss) - 1),
            fact("the training loss falls on after it", loss[-1] < loss[best]),
            shown("best epoch", best + 1, 76),
        ],
        {"A run with 200 epochs in the book": figure},
    )
