"""Chapter 4, §4.3 to §4.5: momentum, adaptive steps, modes of differentiation, line searches."""

from __future__ import annotations

import math

import numpy as np

import chainrule as cr

from ..optim import line_search
from .ch4 import map_of_rosenbrock, rosenbrock, rosenbrock_surface, walk
from .draw import contours, panels, path
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown


@book("4.3-fig4.6")
def momentum() -> Result:
    """More momentum goes further along the valley in the same number of steps.   Book: §4.3, Fig. 4.6"""
    ends = {
        0.9: ((0.99513803, 0.99028019), 2.36768e-5),
        0.5: ((0.83385528, 0.69458124), 0.02765785),
        0.0: ((0.70440890, 0.49479485), 0.08756927),
    }
    rows, distances = [], []
    figure, axis = panels(width=5.5, height=4.5)
    map_of_rosenbrock(axis, "1,000 steps with α = 0.001 / (1 - β)")
    for beta, (end, value) in ends.items():
        points = walk("momentum", 1000, (0.4, -0.2), alpha=0.001 / (1 - beta), beta=beta)
        path(axis, points, f"β = {beta}", linewidth=0.7)
        distances.append(np.linalg.norm(points[-1] - 1))
        rows += [
            near(f"end, β = {beta}", end, points[-1], 1e-6),
            near(f"R there, β = {beta}", value, rosenbrock(points[-1]), 1e-6),
        ]
    axis.legend()
    return Result(
        [*rows, fact("more momentum ends nearer to (1, 1)", distances == sorted(distances))],
        {"Gradient descent with momentum from (0.4, -0.2)": figure},
    )


@book("4.3-adagrad-drawback")
def rates_that_die() -> Result:
    """Under a constant gradient Adagrad's steps fade like 1 / √t, RMSprop's tend to α.   Book: §4.3"""
    steps = {}
    for name, make in (
        ("Adagrad", lambda p: cr.optim.Adagrad(p, 0.1)),
        ("RMSprop", lambda p: cr.optim.RMSprop(p, 0.1, 0.9)),
    ):
        p, at = {"x": cr.zeros(1, dtype=cr.float64)}, [0.0]
        optimizer = make(p)
        for _ in range(400):
            optimizer.update({"x": cr.ones(1, dtype=cr.float64)})
            at.append(p["x"].item())
        steps[name] = -np.diff(at)
    t = np.arange(1, 401)
    figure, axis = panels()
    for name, s in steps.items():
        axis.loglog(t, s, label=name)
    axis.loglog(t, 0.1 / np.sqrt(t), "--", color="0.5", label="α / √t")
    axis.set(xlabel="t", ylabel="length of the step")
    axis.legend()
    return Result(
        [
            near("Adagrad: step · √t / α", np.ones(400), steps["Adagrad"] * np.sqrt(t) / 0.1, 1e-6),
            near("RMSprop: last step", 0.1, steps["RMSprop"][-1], 1e-6),
        ],
        {"Steps under a constant gradient": figure},
    )


@book("4.3-adam-building-blocks")
def parts_of_adam() -> Result:
    """ADAM without momentum is RMSprop with a corrected start.   Book: §4.3, Algorithm 4.2"""
    gs = cr.normal((50, 2), rng=cr.Rng(0), dtype=cr.float64)
    p, q = {"x": cr.zeros(2, dtype=cr.float64)}, np.zeros(2)
    adam, s = cr.optim.Adam(p, alpha=0.01, beta=0.0, gamma=0.9), np.zeros(2)
    v, both, m = np.zeros(2), [], np.zeros(2)
    frozen = {"x": cr.zeros(2, dtype=cr.float64)}
    smooth = cr.optim.SGD(frozen, alpha=1.0, momentum=0.9, dampening=0.9)
    for t, g in enumerate(gs):
        adam.update({"x": g})
        s = 0.9 * s + 0.1 * g.numpy() ** 2
        q = q - 0.01 * g.numpy() / (np.sqrt(s / (1 - 0.9 ** (t + 1))) + 1e-8)
        before = frozen["x"].numpy().copy()
        smooth.update({"x": g})
        m = 0.9 * m + 0.1 * g.numpy()
        both.append(np.abs(before - frozen["x"].numpy() - m).max())
        v = p["x"].numpy()
    return Result(
        [
            near("β = 0: the path of bias-corrected RMSprop", q, v, 1e-12),
            near("momentum's step is ADAM's v before correction", 0, max(both), 1e-12),
        ]
    )


@book("4.3-rare-feature-demo")
def rare_features() -> Result:
    """A rate of its own for each coordinate lets the weight of a rare feature grow.   Book: §4.3

    Logistic regression on a frequent (50 %) and a rare (1 %) feature that mean equally much.
    """
    rng, n = cr.Rng(0), 4000
    x = cr.concat([cr.bernoulli(0.5, (n, 1), rng=rng), cr.bernoulli(0.01, (n, 1), rng=rng)], 1).astype(
        cr.float64
    )
    y = cr.uniform((n,), rng=rng) < cr.sigmoid(4.0 * (x @ cr.tensor([1.0, 1.0], dtype=cr.float64)) - 2.0)
    data = cr.data.Dataset(x, y.astype(cr.float64))

    def loss(p, x, y):
        z = x @ p["w"] - 2.0
        return cr.mean(cr.softplus(z) - y * z)

    step, epochs, curves = cr.value_and_grad(loss), 6, {}
    for name, make in (
        ("SGD, α = 1", lambda p: cr.optim.SGD(p, 1.0)),
        ("Adagrad", lambda p: cr.optim.Adagrad(p, 0.5)),
        ("ADAM", lambda p: cr.optim.Adam(p, 0.05)),
    ):
        p = {"w": cr.zeros(2, dtype=cr.float64)}
        optimizer, rare, order = make(p), [0.0], cr.Rng(1)
        for _ in range(epochs):
            for xb, yb in data.batches(40, rng=order):
                optimizer.update(step(p, xb, yb)[1])
                rare.append(p["w"][1].item())
        curves[name] = rare
    figure, axis = panels(width=5.5)
    for name, rare in curves.items():
        axis.plot(np.arange(len(rare)) / 100, rare, label=name)
    axis.set(xlabel="epoch", ylabel="weight of the rare feature")
    axis.legend()
    half = 100
    return Result(
        [
            fact(
                "after one epoch Adagrad's rare weight is above SGD's",
                curves["Adagrad"][half] > curves["SGD, α = 1"][half],
            ),
            fact(
                "after one epoch ADAM's rare weight is above SGD's",
                curves["ADAM"][half] > curves["SGD, α = 1"][half],
            ),
            *[shown(f"rare weight after one epoch, {name}", rare[half]) for name, rare in curves.items()],
        ],
        {"The weight of a feature that one sample in a hundred has": figure},
    )


# ---- §4.4
def example(t1, t2, t3):
    """C = sin(θ₁ θ₂) + exp(θ₂ + θ₃) - 2 θ₃.   Book: (4.27)"""
    return -2.0 * t3 + cr.sin(t1 * t2) + cr.exp(t2 + t3)


@book("4.4-fig4.7")
def graph_of_the_example() -> Result:
    """The recorded graph of sin(θ₁ θ₂) + exp(θ₂ + θ₃) - 2 θ₃.   Book: §4.4, Fig. 4.7, (4.27)"""
    at = [cr.tensor(v, dtype=cr.float64) for v in (math.pi / 6, 2.0, 5.0)]
    steps = cr.explain(example, *at, show=False).steps
    figure, axis = panels(width=8, height=4)
    place: dict[str, tuple[float, float]] = {}
    for level in sorted({s.level for s in steps}):
        row = [s for s in steps if s.level == level]
        for i, s in enumerate(row):
            place[s.name] = (2.2 * level, len(row) / 2 - i)
    for s in steps:
        for name in s.inputs:
            if name in place:
                axis.annotate(
                    "",
                    place[s.name],
                    place[name],
                    arrowprops={"arrowstyle": "->", "shrinkA": 18, "shrinkB": 18},
                )
        axis.text(
            *place[s.name],
            f"{s.name}\n{s.op}\n{s.primal.item():.4g}",
            ha="center",
            va="center",
            fontsize=8,
            bbox={"boxstyle": "round", "facecolor": "#ebf4ff", "edgecolor": "#2b6cb0"},
        )
    axis.set(xlim=(-1, 2.2 * max(s.level for s in steps) + 1), ylim=(-2, 2.4), xlabel="level of evaluation")
    axis.set_yticks([])
    values = {s.op: s.primal.item() for s in steps}
    product = next(s for s in steps if s.inputs == ["x1", "x2"])
    return Result(
        [
            near("a₁ = θ₁ θ₂", math.pi / 3, product.primal.item(), 1e-10),
            near("a₄ = sin a₁", math.sqrt(3) / 2, values["sin"], 1e-10),
            near("a₅ = exp a₂", math.exp(7), values["exp"], 1e-8),
            near("a₆ = C", 1087.499183832243, steps[-1].primal.item(), 1e-9),
        ],
        {"Nodes with their values at (π/6, 2, 5)": figure},
        ["The sum of three terms is two additions here."],
    )


@book("4.4-mode-cost")
def cost_of_modes() -> Result:
    """A gradient takes d forward walks or one backward walk.   Book: §4.4"""
    rows, sizes = [], (2, 8, 32)
    counts: dict[str, list[int]] = {"forward": [], "backward": []}
    for d in sizes:
        calls = {"forward": 0, "backward": 0}

        def push(v, y, x, calls=calls):
            calls["forward"] += 1
            return cr.sum(v[0])

        def pull(g, y, x, calls=calls):
            calls["backward"] += 1
            return g * cr.ones_like(x)

        total = cr.custom_rule(cr.sum, pull=pull, push=push)
        for mode in calls:
            cr.jacobian(lambda x, total=total: total(x).reshape((1,)), mode=mode)(
                cr.zeros(d, dtype=cr.float64)
            )
            counts[mode].append(calls[mode])
        rows += [
            near(f"forward walks, d = {d}", d, calls["forward"], 0),
            near(f"backward walks, d = {d}", 1, calls["backward"], 0),
        ]
    figure, axis = panels()
    for mode, walks in counts.items():
        axis.loglog(sizes, walks, "o-", label=mode)
    axis.set(xlabel="inputs d", ylabel="walks over the graph")
    axis.legend()
    return Result(rows, {"Walks for the gradient of one number": figure})


# ---- §4.5
Expression = float | str | tuple


def derivative(e: Expression, x: str) -> Expression:
    """∂e/∂x of an expression: a number, a name, ("+", a, b), ("*", a, b), or (function, a)."""
    if not isinstance(e, tuple):
        return 1.0 if e == x else 0.0
    op, a = e[0], e[1]
    if op == "+":
        return ("+", derivative(a, x), derivative(e[2], x))
    if op == "*":
        return ("+", ("*", derivative(a, x), e[2]), ("*", a, derivative(e[2], x)))
    outer = {
        "exp": e,
        "sin": ("cos", a),
        "cos": ("*", -1.0, ("sin", a)),
        "log": ("power", a, -1.0),
        "sigmoid": ("*", e, ("+", 1.0, ("*", -1.0, e))),
    }
    return ("*", outer[op], derivative(a, x))


def evaluated(e: Expression, at: dict[str, float]) -> float:
    if not isinstance(e, tuple):
        return at[e] if isinstance(e, str) else e
    parts = [evaluated(p, at) for p in e[1:]]
    two = {"+": lambda a, b: a + b, "*": lambda a, b: a * b, "power": lambda a, b: a**b}
    return (
        two[e[0]](*parts) if e[0] in two else getattr(cr, e[0])(cr.tensor(parts[0], dtype=cr.float64)).item()
    )


def size(e: Expression) -> int:
    """Nodes of the expression, written out."""
    return 1 + sum(size(p) for p in e[1:]) if isinstance(e, tuple) else 1


@book("4.4-symbolic-diff")
def expression_swell() -> Result:
    """Derivatives as expressions swell; recorded graphs grow by a node a step.   Book: §4.4"""
    product, total = ("*", "t1", "t2"), ("+", "t2", "t3")
    C = ("+", ("+", ("sin", product), ("exp", total)), ("*", -2.0, "t3"))
    at = {"t1": math.pi / 6, "t2": 2.0, "t3": 5.0}
    gradient = [evaluated(derivative(C, x), at) for x in at]
    ks, symbols, nodes = (1, 2, 5, 10, 20, 50, 100, 200), [], []
    for k in ks:
        expression: Expression = "x"
        for _ in range(k):
            expression = ("sigmoid", expression)
        symbols.append(size(derivative(expression, "x")))

        def nested(x, k=k):
            for _ in range(k):
                x = cr.sigmoid(x)
            return x

        steps = cr.explain(nested, cr.tensor(0.3, dtype=cr.float64), show=False).steps
        nodes.append(sum(s.op != "input" for s in steps))
    figure, axis = panels()
    axis.loglog(ks, symbols, "o-", label="symbols of the derivative")
    axis.loglog(ks, nodes, "s-", label="nodes recorded")
    axis.set(xlabel="nested sigmoids k", ylabel="size")
    axis.legend()
    ten: Expression = ("sigmoid", "x")
    for _ in range(9):
        ten = ("sigmoid", ten)
    slope = cr.grad(lambda x: nested(x, k=10))(cr.tensor(0.3, dtype=cr.float64)).item()
    return Result(
        [
            near(
                "gradient of (4.27) by expressions",
                (1, 1096.8949578162576, 1094.6331584284585),
                gradient,
                1e-9,
            ),
            near(
                "10-fold sigmoid: graph and expression",
                slope,
                evaluated(derivative(ten, "x"), {"x": 0.3}),
                1e-15,
            ),
            near("order of growth from k = 100 to 200, nodes", 1, math.log2(nodes[-1] / nodes[-2]), 1e-9),
            near("the same, symbols of the derivative", 2, math.log2(symbols[-1] / symbols[-2]), 0.1),
            shown("symbols at k = 200", symbols[-1]),
        ],
        {"Expression swell": figure},
    )


@book("4.5-adadelta-units")
def adadelta_units() -> Result:
    """Adadelta's path does not change with the units of the loss; gradient descent's does.   Book: §4.5"""

    def ends(method, factor, **options):
        p = {"x": cr.tensor([0.4, -0.2], dtype=cr.float64)}
        optimizer = method(p, **options)
        if "delta" in optimizer.state:
            optimizer.state["delta"]["x"][...] = 1e-6  # a start that does not hang on ε
        for _ in range(100):
            optimizer.update(cr.grad(lambda t: factor * rosenbrock(t["x"]))(p))
        return p["x"].numpy()

    one, hundred = (ends(cr.optim.Adadelta, f, eps=1e-12) for f in (1.0, 100.0))
    plain = [ends(cr.optim.SGD, f, alpha=1e-5) for f in (1.0, 100.0)]
    return Result(
        [
            near("Adadelta after 100 steps: C and 100 C", one, hundred, 1e-6),
            at_least("gradient descent: distance of the two", 0.01, np.linalg.norm(plain[0] - plain[1])),
        ]
    )


@book("4.5-adamax-limit")
def limit_of_lp() -> Result:
    """The L_p size of past gradients tends to the largest, with p.   Book: §4.5, (4.41)"""
    g, gamma = np.array([0.3, -2, 0.5, 0.1, -0.7, 1.2]), 0.9
    ps, golden = (1, 2, 4, 16, 64, 256), (0.3764847, 0.8417948, 1.1572152, 1.3129873, 1.3122429, 1.3122000)
    ours = []
    for p in ps:
        lp = cr.optim.LpAdam({"x": cr.zeros(1, dtype=cr.float64)}, 0.0, gamma=gamma, p=float(p))
        for value in g:
            lp.update({"x": cr.tensor([value], dtype=cr.float64)})
        ours.append(lp.state["s"]["x"].item() ** (1 / p))
    limit = cr.optim.Adamax({"x": cr.zeros(1, dtype=cr.float64)}, 0.0, gamma=gamma)
    for value in g:
        limit.update({"x": cr.tensor([value], dtype=cr.float64)})
    r = limit.state["r"]["x"].item()
    with np.errstate(over="ignore"):
        overflows = bool(np.isinf(np.float64(2.0) ** 1024))
    figure, axis = panels()
    axis.semilogx(ps, ours, "o-", label="s^(1/p)")
    axis.axhline(r, color="0.5", label="Adamax: max γᵏ |g|")
    axis.set(xlabel="p", ylabel="size of the gradient")
    axis.legend()
    return Result(
        [
            *[near(f"p = {p}", want, got, 1e-6) for p, want, got in zip(ps, golden, ours, strict=True)],
            near("limit", 1.3122, r, 1e-9),
            fact("|g|ᵖ overflows at p = 1024", overflows),
        ],
        {"From L_p to the maximum": figure},
    )


@book("4.5-fig4.8")
def exact_step() -> Result:
    """The best step along -∇R from (0.8, 0).   Book: §4.5, Fig. 4.8"""
    theta = cr.tensor([0.8, 0.0], dtype=cr.float64)
    d = -cr.grad(rosenbrock)(theta)
    alpha = line_search.exact(rosenbrock, theta, d)
    along, at = line_search.ray(rosenbrock, theta, d), np.linspace(0, 0.003, 121)
    figure, axes = panels(2)
    contours(axes[0], rosenbrock_surface, (-0.3, 1.1), (-0.3, 1.1), log=True)
    ends = np.array([(theta + a * d).numpy() for a in (0, 0.003)])
    axes[0].plot(*ends.T, label="the ray")
    axes[0].plot(*(theta + alpha * d).numpy(), "o", label="its lowest point")
    axes[0].set(xlabel="θ₁", ylabel="θ₂", xlim=(-0.3, 1.1), ylim=(-0.3, 1.1))
    axes[1].plot(at, [along(a)[0] for a in at])
    axes[1].plot(alpha, along(alpha)[0], "o")
    axes[1].set(xlabel="α", ylabel="R(θ + α d)", ylim=(-5, 45))
    axes[0].legend()
    return Result(
        [
            near("direction", (-204.4, 128), d, 1e-9),
            near("best α", 0.0016483282, alpha, 1e-8),
            near("the book's α, rounded", 0.00165, alpha, 5e-6),
            near("R there", 0.2894774808, along(alpha)[0], 1e-8),
            near("next point", (0.46308171, 0.21098601), theta + alpha * d, 1e-7),
            near("R at α = 0 and 0.003", (41, 12.848777), (along(0.0)[0], along(0.003)[0]), 1e-5),
        ],
        {"Rosenbrock's function along the steepest direction": figure},
    )


@book("4.5-fig4.9")
def zig_zag() -> Result:
    """Exact line search makes steepest descent zig-zag at right angles.   Book: §4.5, Fig. 4.9"""
    points = walk("steepest", 1000, (0.4, -0.2), line_search="exact")
    first = (
        (0.21181871, 0.04023144),
        (0.58726804, 0.33433342),
        (0.58365347, 0.33894776),
        (0.60276822, 0.35392098),
    )
    R = [rosenbrock(p) for p in points]
    steps = np.diff(points[:30], axis=0)
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(steps, steps[1:], strict=False)]
    figure, axes = panels(2)
    map_of_rosenbrock(axes[0], "1,000 steps")
    path(axes[0], points, linewidth=0.7)
    contours(axes[1], rosenbrock_surface, (0.55, 0.68), (0.32, 0.45), log=True)
    axes[1].plot(*points[1:].T, ".-", linewidth=0.7)
    axes[1].set(xlabel="θ₁", ylabel="θ₂", xlim=(0.55, 0.68), ylim=(0.32, 0.45), title="in the valley")
    return Result(
        [
            near("points 1 to 4", first, points[1:5], 1e-6),
            near("R at points 1 to 4", (0.623379, 0.181479, 0.173635, 0.166645), R[1:5], 1e-6),
            near("point 10", (0.63675622, 0.39804805), points[10], 1e-6),
            near("R after 100 steps", 0.044002, R[100], 1e-5),
            near("R after 1,000 steps, relative", 1, R[1000] / 0.001093, 0.01),
            at_most("largest |cosine| of neighbouring steps", 1e-6, np.abs(cosines).max()),
        ],
        {"Steepest descent with exact line search": figure},
    )
