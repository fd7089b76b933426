"""Appendices A and B: vectors, derivatives, Taylor polynomials, divergences, normal distributions."""
from __future__ import annotations

import math

import numpy as np

import chainrule as cr

from .. import distributions, information, numeric
from .draw import contours, panels
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown


def pairs(n: int, m: int) -> tuple[cr.Tensor, cr.Tensor]:
    rng = cr.Rng(1)
    return cr.normal((n, m), rng=rng, dtype=cr.float64), cr.normal((n, m), rng=rng, dtype=cr.float64)


@book("A.1-cauchy-schwarz", "A.1-triangle")
def inequalities() -> Result:
    """|uᵀv| ≤ ‖u‖ ‖v‖ and ‖u + v‖ ≤ ‖u‖ + ‖v‖ on 10,000 random pairs.   Book: §A.1, (A.2), (A.3)"""
    u, v = pairs(10_000, 3)
    inner, lengths = cr.vecdot(u, v), cr.norm(u, axis=-1) * cr.norm(v, axis=-1)
    sums, both = cr.norm(u + v, axis=-1), cr.norm(u, axis=-1) + cr.norm(v, axis=-1)
    parallel = cr.abs(cr.vecdot(u, -2.5 * u)) - 2.5 * cr.norm(u, axis=-1) ** 2
    square = cr.norm(u, axis=-1) ** 2 + cr.norm(v, axis=-1) ** 2 + 2.0 * inner
    figure, axes = panels(2)
    for axis, ratio, title in ((axes[0], cr.abs(inner) / lengths, "|uᵀv| / (‖u‖ ‖v‖)"),
                               (axes[1], sums / both, "‖u + v‖ / (‖u‖ + ‖v‖)")):
        axis.hist(ratio.numpy(), bins=60)
        axis.axvline(1, color="0.3", linewidth=0.8)
        axis.set(xlabel=title, ylabel="pairs")
    return Result([at_most("largest |uᵀv| / (‖u‖ ‖v‖)", 1, (cr.abs(inner) / lengths).max().item()),
                   near("| |uᵀv| - ‖u‖ ‖v‖ | for v = -2.5 u", 0, cr.abs(parallel).max().item(), 1e-12),
                   at_most("largest ‖u + v‖ / (‖u‖ + ‖v‖)", 1, (sums / both).max().item()),
                   near("‖u + v‖² - ‖u‖² - ‖v‖² - 2 uᵀv", 0, cr.abs(sums**2 - square).max().item(), 1e-12)],
                  {"Both ratios over 10,000 pairs in three dimensions never pass 1": figure})


@book("A.1-sequence-convergence")
def convergence() -> Result:
    """Iterates of gradient descent come as close as one likes, and stay.   Book: §A.1

    For each ε there is an N₀ from which on ‖u⁽ᵏ⁾ - u‖ < ε.
    """
    A, u = cr.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=cr.float64), cr.tensor([2.0, -1.5], dtype=cr.float64)
    errors = []
    for _ in range(120):
        errors.append(cr.norm(u).item())
        u = u - 0.3 * (A @ u)
    rate = max(abs(1 - 0.3 * np.linalg.eigvalsh(A.numpy())))
    figure, axis = panels()
    axis.semilogy(errors)
    rows = []
    for eps in (1e-1, 1e-4, 1e-8):
        first = next(k for k, e in enumerate(errors) if e < eps)
        axis.axhline(eps, color="0.7", linewidth=0.7)
        axis.plot(first, errors[first], "o", label=f"ε = {eps:g}, N₀ = {first}")
        rows += [shown(f"N₀ for ε = {eps:g}", first),
                 fact(f"all later errors < {eps:g}", max(errors[first:]) < eps)]
    axis.set(xlabel="k", ylabel="‖u⁽ᵏ⁾ - u‖")
    axis.legend()
    rows.append(near("late ratio of errors, largest |1 - α λ|", rate, errors[60] / errors[59], 1e-6))
    return Result(rows, {"Errors of gradient descent on a quadratic form": figure})


@book("A.2-steepest-ascent", "A.2-directional-max")
def steepest_ascent() -> Result:
    """No unit direction rises faster than the gradient, at the rate ‖∇f‖.   Book: §A.2, (A.8)"""
    def f(u):
        return cr.sin(u[0]) * u[1] + 0.5 * u[0] ** 2
    u = cr.tensor([0.8, -0.4], dtype=cr.float64)
    g = cr.grad(f)(u)
    length, angles = cr.norm(g).item(), np.linspace(0, 2 * np.pi, 10_001)
    rates = (cr.tensor(np.stack([np.cos(angles), np.sin(angles)], -1)) @ g).numpy()
    best = g / length
    figure, axis = panels()
    axis.plot(angles, rates, label="vᵀ∇f(u)")
    axis.axvline(np.arctan2(*g.numpy()[::-1]) % (2 * np.pi), color="0.4", linestyle="--",
                 label="direction of ∇f")
    axis.axhline(length, color="0.7", linewidth=0.8, label="‖∇f‖")
    axis.set(xlabel="angle of v, radians", ylabel="directional derivative")
    axis.legend()
    step = 1e-6
    along, quotient = numeric.directional_derivative(f, u, best), (f(u + step * best) - f(u)) / step
    return Result([at_most("best of 10,001 directions", length, rates.max()),
                   at_most("largest |∇ᵥf|", length, np.abs(rates).max()),
                   near("∇ᵥf for v = ∇f / ‖∇f‖", length, along.item(), 1e-12),
                   near("(f(u + h v) - f(u)) / h", length, quotient.item(), 1e-5)],
                  {"Directional derivatives of one function at one point": figure})


@book("A.2-hessian-symmetry")
def hessian_symmetry() -> Result:
    """Mixed second derivatives agree where they are continuous.   Book: §A.2, (A.11)"""
    def smooth(u):
        return cr.exp(u[0] * u[1]) * cr.sin(u[2]) + u[0] ** 3 * u[2]
    H = cr.hessian(smooth)(cr.tensor([0.3, -0.7, 1.1], dtype=cr.float64)).numpy()

    def peano(x, y):
        return x * y * (x * x - y * y) / (x * x + y * y)
    h, k = 1e-3, 1e-7                                        # k far below h: the inner limit is taken first
    x_first = ((peano(k, h) - peano(-k, h)) - (peano(k, -h) - peano(-k, -h))) / (4 * h * k)
    y_first = ((peano(h, k) - peano(h, -k)) - (peano(-h, k) - peano(-h, -k))) / (4 * h * k)
    figure, axis = panels(subplot_kw={"projection": "3d"})
    X, Y = np.meshgrid(*[np.linspace(-1, 1, 80)] * 2)
    axis.plot_surface(X, Y, peano(X, Y + 1e-12), cmap="viridis", linewidth=0)
    axis.set(xlabel="x", ylabel="y", title="xy (x² - y²) / (x² + y²)")
    return Result([near("‖H - Hᵀ‖ of a smooth function", 0, np.linalg.norm(H - H.T), 1e-8),
                   near("∂/∂y ∂/∂x of the counterexample at 0", -1, x_first, 1e-6),
                   near("∂/∂x ∂/∂y of the counterexample at 0", 1, y_first, 1e-6)],
                  {"A function whose mixed derivatives at 0 are -1 and 1": figure})


@book("A.2-differentiability")
def differentiability() -> Result:
    """‖f(u) - f(v) - J (u - v)‖ / ‖u - v‖ goes to 0 where f has a derivative.   Book: §A.2"""
    v, w = cr.tensor([0.4, -0.8], dtype=cr.float64), cr.tensor([0.6, 0.8], dtype=cr.float64)

    def f(u):
        return cr.stack([cr.sin(u[0] * u[1]), cr.exp(u[0]) - u[1] ** 2])
    J, steps, slopes = cr.jacobian(f)(v), 10.0 ** -np.arange(1, 6), np.linspace(-1, 1, 5)
    smooth = [(cr.norm(f(v + h * w) - f(v) - J @ (h * w)) / h).item() for h in steps]
    kink = [max(abs(abs(s * h) - slope * s * h) / h for s in (1, -1))
            for h, slope in zip(steps, slopes, strict=True)]
    figure, axis = panels()
    axis.loglog(steps, smooth, "o-", label="a smooth function")
    axis.loglog(steps, kink, "s-", label="|u| at 0, any slope")
    axis.set(xlabel="‖u - v‖", ylabel="relative error of the linear map")
    axis.legend()
    order = np.polyfit(np.log(steps), np.log(smooth), 1)[0]
    return Result([near("order in ‖u - v‖, smooth", 1, order, 0.05),
                   at_least("error of |u| at 0", 1, min(kink))],
                  {"The linear map's error, relative to the step": figure})


@book("A.3-forward-vs-reverse-cost")
def forward_or_reverse() -> Result:
    """Forward mode walks once an input, backward mode once an output.   Book: §A.3, (A.17), (A.18)

    Multiplications of a chain of matrices m_L x m_(L-1), ..., m_1 x m_0 from the right, and from the left.
    """
    def multiplications(sizes):
        steps = list(zip(sizes, sizes[1:], strict=False))
        forward = sizes[0] * sum(n * m for n, m in steps)
        backward = sizes[-1] * sum(n * m for n, m in steps)
        return forward, backward
    outputs, rows = [1, 4, 16, 64, 256], []
    costs = np.array([multiplications([16, 64, 64, m]) for m in outputs])
    W = cr.normal((3, 5), rng=cr.Rng(0), dtype=cr.float64)
    walks = {"forward": 0, "backward": 0}

    def push(v, y, x):
        walks["forward"] += 1
        return W @ v[0]

    def pull(d, y, x):
        walks["backward"] += 1
        return W.T @ d
    linear = cr.custom_rule(lambda x: W @ x, pull=pull, push=push)
    for mode in walks:
        cr.jacobian(linear, mode=mode)(cr.zeros(5, dtype=cr.float64))
    rows = [near("forward walks for R⁵ → R³", 5, walks["forward"], 0),
            near("backward walks for R⁵ → R³", 3, walks["backward"], 0),
            fact("backward is cheaper for fewer outputs than inputs", costs[0, 1] < costs[0, 0]),
            fact("forward is cheaper for more outputs than inputs", costs[-1, 0] < costs[-1, 1])]
    figure, axis = panels()
    axis.loglog(outputs, costs[:, 0], "o-", label="forward")
    axis.loglog(outputs, costs[:, 1], "s-", label="backward")
    axis.axvline(16, color="0.7", linewidth=0.8, label="outputs = inputs")
    axis.set(xlabel="outputs", ylabel="multiplications for the whole Jacobian",
             title="chain 16 - 64 - 64 - outputs")
    axis.legend()
    return Result(rows, {"The cost of a Jacobian by either mode": figure})


@book("A.4-taylor-demo")
def taylor_demo() -> Result:
    """Taylor polynomials of degree 1 and 2, and their errors.   Book: §A.4, (A.21), (A.22)"""
    def f(u):
        return cr.exp(cr.sin(u))

    def g(u):
        return cr.exp(u[0]) * cr.cos(u[1])
    v, point = cr.tensor(0.5, dtype=cr.float64), cr.tensor([0.2, 0.3], dtype=cr.float64)
    figure, axes = panels(3)
    x = cr.linspace(-1.5, 2.5, 161, dtype=cr.float64)
    axes[0].plot(x.numpy(), f(x).numpy(), color="0.3", label="f(u) = exp(sin u)")
    rows, steps, w = [], np.array([0.1, 0.05, 0.025, 0.0125]), cr.tensor([0.6, 0.8], dtype=cr.float64)
    for k in (1, 2):
        P = numeric.taylor(f, v, k)
        axes[0].plot(x.numpy(), [P(u).item() for u in x], label=f"degree {k} around 0.5")
        for name, function, at, direction in (("one variable", f, v, 1.0), ("two variables", g, point, w)):
            model = numeric.taylor(function, at, k)
            errors = [abs((model(at + h * direction) - function(at + h * direction)).item()) for h in steps]
            order = np.polyfit(np.log(steps), np.log(errors), 1)[0]
            axes[2].loglog(steps, errors, "o-", label=f"{name}, degree {k}")
            rows.append(near(f"order of the error, {name}, degree {k}", k + 1, order, 0.1))
    gradient, H = cr.grad(g)(point).numpy(), cr.hessian(g)(point).numpy()

    def quadratic(X, Y):
        s = np.stack([X - 0.2, Y - 0.3])
        return g(point).item() + np.tensordot(gradient, s, 1) + np.einsum("i...,ij,j...->...", s, H, s) / 2
    levels = np.linspace(0.2, 3, 12)
    contours(axes[1], lambda X, Y: np.exp(X) * np.cos(Y), (-1, 1.2), (-1, 1.2), levels=levels)
    contours(axes[1], quadratic, (-1, 1.2), (-1, 1.2), levels=levels, colors="#c05621", linestyles="--")
    axes[1].plot(0.2, 0.3, "o")
    axes[1].set(xlabel="u₁", ylabel="u₂", title="exp(u₁) cos u₂ and its degree 2 (dashed)")
    axes[0].set(xlabel="u", ylabel="f(u)", ylim=(-1, 4))
    axes[0].legend()
    axes[2].set(xlabel="‖u - v‖", ylabel="error")
    axes[2].legend()
    return Result(rows, {"Polynomials of degree 1 and 2, and their errors": figure})


@book("B.1-kl-sequence")
def kl_sequence() -> Result:
    """q⁽ᵗ⁾ → p as D_KL(p ‖ q⁽ᵗ⁾) → 0, by gradient descent on the logits of q.   Book: §B.1"""
    p = cr.tensor([0.5, 0.3, 0.15, 0.05], dtype=cr.float64)
    z, kls, gaps = cr.zeros(4, dtype=cr.float64), [], []

    def divergence(z):
        return information.kl_divergence(p, cr.softmax(z))
    for _ in range(600):
        value, g = cr.value_and_grad(divergence)(z)
        kls.append(value.item())
        gaps.append(cr.sum(cr.abs(p - cr.softmax(z))).item())
        z = z - 1.0 * g
    pinsker = all(gap**2 <= 2 * kl + 1e-15 for gap, kl in zip(gaps, kls, strict=True))
    figure, axis = panels()
    axis.semilogy(np.maximum(kls, 1e-17), label="D_KL(p ‖ q)")
    axis.semilogy(gaps, label="‖p - q‖₁")
    axis.set(xlabel="t", ylabel="divergence (nats), distance")
    axis.legend()
    return Result([fact("D_KL falls at every step", np.all(np.diff(kls) < 1e-15)),
                   at_most("last D_KL", 1e-6, kls[-1]),
                   at_most("last max |p - q|", 1e-3, cr.max(cr.abs(p - cr.softmax(z))).item()),
                   fact("‖p - q‖₁ ≤ √(2 D_KL) at every step (Pinsker)", pinsker)],
                  {"Gradient descent on the divergence": figure})


@book("B.2-kl-demo")
def kl_of_normals() -> Result:
    """Divergences of two normals as their means part.   Book: §B.2, (B.9)"""
    gaps, p = np.linspace(0, 8, 33), distributions.Normal(0.0, 1.0)
    kl, back, jsd, cross = [], [], [], []
    for gap in gaps:
        q = distributions.Normal(float(gap), 1.5)
        same = distributions.Normal(float(gap), 1.0)

        def middle(x, p=p, q=same):
            return cr.logaddexp(p.log_prob(x), q.log_prob(x)) - math.log(2)
        kl.append(information.kl_by_quadrature(p.log_prob, q.log_prob, -14.0, 24.0).item())
        back.append(information.kl_by_quadrature(q.log_prob, p.log_prob, -14.0, 24.0).item())
        halves = [information.kl_by_quadrature(r.log_prob, middle, -14.0, 24.0) for r in (p, same)]
        jsd.append(((halves[0] + halves[1]) / 2.0).item())
        cross.append(information.kl_by_quadrature(p.log_prob, same.log_prob, -14.0, 24.0).item())
    entropy = p.entropy().item()
    figure, axes = panels(2)
    axes[0].plot(gaps, kl, label="D_KL(N(0,1) ‖ N(gap, 1.5²))")
    axes[0].plot(gaps, back, label="D_KL(N(gap, 1.5²) ‖ N(0,1))")
    axes[0].plot(gaps, np.array(cross) + entropy, label="H(p, q), both of variance 1")
    axes[1].plot(gaps, jsd, label="JSD, both of variance 1")
    axes[1].axhline(math.log(2), color="0.6", linewidth=0.8, label="log 2")
    for axis in axes:
        axis.set(xlabel="gap of the means", ylabel="nats")
        axis.legend()
    i = 16
    exact = math.log(1.5) + (1 + gaps[i] ** 2) / (2 * 1.5**2) - 0.5
    return Result([near("D_KL at gap 4, closed form (B.9)", exact, kl[i], 1e-6),
                   near("equal variances: D_KL = gap² / 2", gaps**2 / 2, cross, 1e-6),
                   near("JSD at gap 8", math.log(2), jsd[-1], 1e-3),
                   fact("D_KL is not symmetric", kl[i] != back[i])],
                  {"Divergences of two normals as their means part": figure})
