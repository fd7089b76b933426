"""Chapter 4, §4.6: Newton's method, where it fails, and quasi-Newton methods."""

from __future__ import annotations

import numpy as np

import chainrule as cr

from ..optim import convexity, newton
from .ch4 import on_grid, peaks
from .draw import panels
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown


@book("4.6-fig4.10")
def two_newton_steps() -> Result:
    """From either side of an inflection Newton's step goes up or down.   Book: §4.6, Fig. 4.10"""

    def C(t):
        return t**4 - 4.0 * t**3 - 2.0 * t**2 + 10.0 * t + 15.0

    golden = {1.7: (0.531225, 0.912004, 0.874613), 2.5: (3.636364, 3.204445, 3.072587, 3.059906)}
    line, rows = np.linspace(-1, 4.2, 261), []
    figure, axes = panels(2)
    for axis, (start, points) in zip(axes, golden.items(), strict=True):
        steps = newton.newton_1d(C, start)
        rows.append(near(f"steps from {start}", points, steps[1 : len(points) + 1], 1e-6))
        Q = cr.numeric.quadratic_model(C, cr.tensor(start, dtype=cr.float64))
        axis.plot(line, on_grid(lambda t: C(t[0]), line, line), color="0.3", label="C")
        axis.plot(line, [Q(cr.tensor(t, dtype=cr.float64)).item() for t in line], "--", label="its model")
        axis.plot(steps[:3], [C(t) for t in steps[:3]], "o", label="θ⁽⁰⁾, θ⁽¹⁾, θ⁽²⁾")
        axis.set(xlabel="θ", ylabel="C(θ)", ylim=(-10, 45), title=f"from {start}")
        axis.legend()
    ends = newton.newton_1d(C, 1.7)[-1], newton.newton_1d(C, 2.5)[-1]
    rows.append(near("stationary points reached", (0.874506, 3.059792), ends, 1e-6))
    rows.append(near("C there", (20.125246, -0.060660), [C(t) for t in ends], 1e-6))
    return Result(rows, {"A concave and a convex model of one function": figure})


@book("4.6-overshoot", "4.6-wrong-direction", "4.6-oscillation")
def newton_pitfalls_1d() -> Result:
    """Newton's method overshoots, climbs to a maximum, or swings for ever.   Book: §4.6, (4.52)"""

    def C(t):
        return (t - 3.0) ** 2 * (t + 3.0)

    def slope(x):
        return 3 * (x - 3) * (x + 1), 6 * (x - 1)

    steps = newton.newton_1d(C, 1.5, slope=slope)
    swing = newton.newton_1d(C, 1.0, slope=lambda x: (-(x**3) + 5 * x, -3 * x * x + 5), most=50)
    escape = newton.newton_1d(C, 1.001, slope=lambda x: (-(x**3) + 5 * x, -3 * x * x + 5), most=50)
    wrong = [newton.newton_1d(C, start, slope=slope)[-1] for start in (0.9, 0.5, 0.0, -5.0)]
    figure, axes = panels(3)
    line = np.linspace(-4, 6, 201)
    for axis, points, title in (
        (axes[0], steps[:5], "from 1.5: overshoots"),
        (axes[1], newton.newton_1d(C, 0.5, slope=slope), "from 0.5: to a maximum"),
    ):
        axis.plot(line, C(line), color="0.3")
        axis.plot(points, [C(t) for t in points], "o-", linewidth=0.7)
        axis.set(xlabel="θ", ylabel="C(θ)", ylim=(-60, 60), title=title)
    x = np.linspace(-2.5, 2.5, 201)
    axes[2].plot(x, -(x**4) / 4 + 2.5 * x**2, color="0.3")
    axes[2].plot(swing[:6], [-(t**4) / 4 + 2.5 * t**2 for t in swing[:6]], "o-", linewidth=0.7)
    axes[2].set(xlabel="θ", ylabel="C(θ)", title="from 1: swings between ±1")
    return Result(
        [
            near("C(θ⁽⁰⁾), C(θ⁽¹⁾)", (10.125, 41.765625), (C(1.5), C(steps[1])), 1e-9),
            near("θ⁽¹⁾ ... θ⁽⁴⁾", (5.25, 3.595588235294, 3.068332361273, 3.001128762399), steps[1:5], 1e-9),
            at_most("|θ⁽⁶⁾ - 3|", 1e-13, abs(steps[6] - 3)),
            near("from 0.9, 0.5, 0, -5: ends at the maximum", [-1] * 4, wrong, 1e-9),
            near("from 1: the first 50 steps", [(-1) ** t for t in range(51)], swing, 0),
            fact("from 1.001 the swing breaks", np.abs(np.abs(escape) - 1).max() > 0.5),
        ],
        {"Three ways in which Newton's method goes astray": figure},
    )


@book("4.6-newton-pitfalls")
def newton_in_the_plane() -> Result:
    """Plain Newton steps end at whatever critical point is near: minima, maxima, saddles.   Book: §4.6"""
    ends, conditions = [], []
    for start in [(0.2, -1.5), (0.1, 1.4), (0.4, -0.4), (-0.3, 0.5), (1.1, 0.8), (-1.3, 0.2)]:
        theta, worst = cr.tensor(start, dtype=cr.float64), 0.0
        for _ in range(12):
            H = cr.hessian(peaks)(theta)
            worst = max(worst, np.linalg.cond(H.numpy()))
            theta = theta + newton.newton_step(H, cr.grad(peaks)(theta))
        ends.append((start, theta.numpy(), convexity.classify(peaks, theta)))
        conditions.append(worst)
    found = [kind for _, _, kind in ends]
    safe = cr.optim.minimize(peaks, cr.tensor((0.4, -0.4), dtype=cr.float64), "newton")
    figure, axis = panels(width=5.5, height=4.5)
    X, Y = np.meshgrid(*[np.linspace(-2.5, 2.5, 151)] * 2)
    axis.contour(X, Y, on_grid(peaks, X, Y), levels=30, linewidths=0.6, cmap="viridis")
    for start, end, kind in ends:
        axis.annotate("", end, start, arrowprops={"arrowstyle": "->"})
        axis.text(*end, kind, fontsize=8)
    axis.set(xlabel="θ₁", ylabel="θ₂", xlim=(-2.5, 2.5), ylim=(-2.5, 2.5))
    return Result(
        [
            fact("some end at saddles", "saddle" in found),
            fact("some end at maxima", "maximum" in found),
            fact(
                "`minimize` from the same start ends at a minimum",
                convexity.classify(peaks, safe.x) == "minimum",
            ),
            shown("largest condition numbers of H on the way", [float(f"{c:.3g}") for c in conditions]),
        ],
        {"Where plain Newton steps end": figure},
    )


@book("4.6-gd-as-newton", "4.6-newton-vs-gd-elliptic")
def conditioning() -> Result:
    """Gradient descent slows down with the condition number, Newton's method does not.   Book: §4.6, (4.57)

    Gradient descent is Newton's method with I / α in place of the Hessian.
    """
    conditions, steps, newtons = (2.0, 10.0, 50.0, 250.0), [], []
    for kappa in conditions:
        A, start = (
            cr.tensor([[1.0, 0.0], [0.0, kappa]], dtype=cr.float64),
            cr.tensor([1.0, 1.0], dtype=cr.float64),
        )

        def C(t, A=A):
            return t @ (A @ t) / 2.0

        stop = cr.optim.Termination(gradient=1e-6)
        steps.append(cr.optim.minimize(C, start, "gd", alpha=1 / kappa, stop=stop).nit)
        newtons.append(cr.optim.minimize(C, start, "newton", stop=stop).nit)
    g, alpha = cr.grad(C)(start), 0.1
    as_newton = newton.newton_step(cr.eye(2, dtype=cr.float64) / alpha, g)
    slope = np.polyfit(np.log(conditions[1:]), np.log(steps[1:]), 1)[0]
    figure, axis = panels()
    axis.loglog(conditions, steps, "o-", label="gradient descent, α = 1 / λ_max")
    axis.loglog(conditions, newtons, "s-", label="Newton")
    axis.set(xlabel="condition number", ylabel="steps to ‖∇C‖ < 10⁻⁶")
    axis.legend()
    return Result(
        [
            near("H = I / α: Newton's step and -α ∇C", -alpha * g.numpy(), as_newton, 1e-12),
            near("Newton's steps", [1] * 4, newtons, 0),
            near("order of growth of gradient descent", 1, slope, 0.1),
        ],
        {"Steps on a quadratic form": figure},
    )


@book("4.6-adam-then-lbfgs")
def adam_then_lbfgs() -> Result:
    """ADAM first, L-BFGS to finish, against ADAM alone at as many gradients.   Book: §4.6"""
    train, _ = cr.data.digits(flat=True)
    x, y = train.x.astype(cr.float64), train.y
    start = {"W": cr.zeros((64, 10), dtype=cr.float64), "b": cr.zeros(10, dtype=cr.float64)}

    def loss(p):
        return cr.losses.cross_entropy(x @ p["W"] + p["b"], y) + 1e-3 * cr.sum(p["W"] ** 2)

    def adam(p, steps):
        return cr.optim.minimize(
            loss, p, "adam", alpha=0.05, stop=cr.optim.Termination(gradient=None, iterations=steps)
        )

    alone, first = adam(start, 200), adam(start, 60)
    rest = cr.optim.minimize(
        loss, first.x, "l-bfgs", stop=cr.optim.Termination(gradient=1e-7, iterations=110)
    )
    figure, axis = panels(width=5.5)
    best = min(rest.values[-1], alone.fun)
    axis.semilogy(np.array(alone.values) - best + 1e-9, label="ADAM, 200 steps")
    axis.semilogy(
        np.arange(60, 60 + len(rest.values)), np.array(rest.values) - best + 1e-9, label="L-BFGS from step 60"
    )
    axis.set(xlabel="step", ylabel="loss above the best, nats")
    axis.legend()
    return Result(
        [
            at_most("gradients of ADAM then L-BFGS", alone.njev, first.njev + rest.njev),
            at_most("loss of ADAM then L-BFGS", alone.fun, rest.fun),
            at_least("loss of ADAM alone", rest.fun, alone.fun),
        ],
        {"Softmax regression on digits": figure},
    )
