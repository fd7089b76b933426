"""Chapter 3, §3.5: what autoencoders are, the linear one and PCA, a curved one in the plane."""
from __future__ import annotations

import numpy as np

import chainrule as cr

from ..losses import reconstruction
from ..models import PCA, Autoencoder
from .draw import panels
from .registry import book
from .result import Result, at_least, at_most, fact, near

STOP = cr.optim.Termination(gradient=1e-10, iterations=3000)
LINEAR = {"code": "identity", "output": "identity"}


def trained(x, *sizes, seed=0, **options):
    """An autoencoder of float64 at a minimum of its loss, by a quasi-Newton method."""
    net = Autoencoder(*sizes, rng=cr.Rng(seed), **options).to(dtype=cr.float64)
    return cr.optim.minimize(lambda net: reconstruction(net(x), x), net, "l-bfgs", stop=STOP).x


def loss(net, x):
    """The mean of ‖x - x̂‖² over samples, without noise.   Book: (3.36)"""
    return reconstruction(net.reconstruct(x), x).item()


@book("3.5-fig3.11")
def architecture() -> Result:
    """A shallow autoencoder: encoder, code, decoder.   Book: §3.5, Fig. 3.11

    The circles are the units of a net 6-3-6, the lines its weights, the darker the larger.
    """
    net, x = Autoencoder(6, 3, rng=cr.Rng(2)), cr.uniform((4, 6), rng=cr.Rng(1))
    figure, axis = panels(width=6, height=4)
    place = {n: np.linspace(-1, 1, n) * n / 6 for n in (3, 6)}
    names = ([f"$x_{i}$" for i in range(1, 7)], [rf"$\tilde x_{i}$" for i in range(1, 4)],
             [rf"$\hat x_{i}$" for i in range(1, 7)])
    for left, half in enumerate((net.encoder, net.decoder)):
        W = half.layers[0].weight.numpy()                        # (units right, units left)
        for i, high in enumerate(place[W.shape[0]]):
            for j, low in enumerate(place[W.shape[1]]):
                shade = 0.15 + 0.85 * abs(W[i, j]) / np.abs(W).max()
                axis.plot([left, left + 1], [-low, -high], color="#2b6cb0", alpha=shade, linewidth=1)
    for column, labels in enumerate(names):
        for text, height in zip(labels, place[len(labels)], strict=True):
            axis.plot(column, -height, "o", markersize=26, color="white", markeredgecolor="0.3")
            axis.text(column, -height, text, ha="center", va="center")
    for at, height, text in ((0, 1.25, "input $x$"), (1, 1.25, "code $\\tilde x$, the bottleneck"),
                             (2, 1.25, "output $\\hat x$"), (0.5, -1.25, "encoder $f^{[1]}$"),
                             (1.5, -1.25, "decoder $f^{[2]}$")):
        axis.text(at, height, text, ha="center")
    axis.set(xlim=(-0.3, 2.3), ylim=(-1.4, 1.4))
    axis.set_axis_off()
    return Result([fact("shapes (4, 6) → (4, 3) → (4, 6)",
                        net.encode(x).shape == (4, 3) and net(x).shape == (4, 6)),
                   near("parameters with p = 784, m = 30", 47_854,
                        Autoencoder(784, 30, rng=cr.Rng(0)).parameter_count(), 0),
                   near("parameters with p = 784, m = 2", 3_922,
                        Autoencoder(784, 2, rng=cr.Rng(0)).parameter_count(), 0)],
                  {"An autoencoder with one hidden layer": figure})


@book("3.5-output-range")
def output_range() -> Result:
    """A sigmoid at the output cannot reach data outside (0, 1).   Book: §3.5, after (3.39)

    Standardised samples of six features. The best that any output in (0, 1) can do is to move each number
    to the nearest end of that interval: no training gets below this floor.
    """
    rng = cr.Rng(0)
    x = cr.normal((300, 3), rng=rng, dtype=cr.float64) @ cr.normal((3, 6), rng=rng, dtype=cr.float64)
    x = cr.preprocessing.Standardizer().fit_transform(x)
    nets = {name: trained(x, 6, 3, output=name) for name in ("sigmoid", "identity")}
    floor = reconstruction(cr.clip(x, 0.0, 1.0), x).item()
    figure, axes = panels(2)
    for axis, (name, net) in zip(axes, nets.items(), strict=True):
        axis.plot(x.numpy().ravel(), net(x).numpy().ravel(), ".", markersize=3, alpha=0.4)
        axis.plot([-3, 3], [-3, 3], color="0.5", label="x̂ = x")
        axis.set(xlabel="x, standardised", ylabel="x̂", title=f"{name}: C = {loss(net, x):.3g}")
        axis.legend()
    return Result([at_least("C with a sigmoid, above the floor of (0, 1)", floor, loss(nets["sigmoid"], x)),
                   at_most("C with the identity, as a share of that", 0.2,
                           loss(nets["identity"], x) / loss(nets["sigmoid"], x))],
                  {"Reconstructions of standardised data": figure})


@book("3.5-bias-elimination", "3.5-pinv-relation", "3.5-pca-nonunique")
def linear_autoencoder() -> Result:
    """The linear autoencoder is PCA: without biases, its weights pseudo-inverses, its axes free.

    Book: §3.5, (3.41)-(3.46), footnotes 12 and 14

    Trained by gradients alone on 200 centred samples of five features, with a code of two.
    """
    rng = cr.Rng(0)
    x = cr.normal((200, 5), rng=rng, dtype=cr.float64) @ cr.normal((5, 5), rng=rng, dtype=cr.float64)
    x = x - cr.mean(x, axis=0)
    free, bare = trained(x, 5, 2, **LINEAR), trained(x, 5, 2, bias=False, **LINEAR)
    delta = cr.linalg.svdvals(x).numpy()
    best = (delta[2:] ** 2).sum() / 200
    W1, W2 = bare.encoder.layers[0].weight, bare.decoder.layers[0].weight
    P = W2 @ W1
    V = cr.linalg.qr(W2).Q                                       # the same plane, orthonormal

    # footnote 12: for any b¹ the best b² is x̄ - W² W¹ x̄ - W² b¹; here x̄ is moved away from 0
    moved, mean = x + cr.asarray(np.arange(5.0)), cr.asarray(np.arange(5.0))
    free.encoder.layers[0].bias = cr.normal((2,), rng=rng, dtype=cr.float64)
    w1, w2 = free.encoder.layers[0].weight, free.decoder.layers[0].weight
    free.decoder.layers[0].bias = mean - w2 @ (w1 @ mean) - w2 @ free.encoder.layers[0].bias
    slope = cr.grad(lambda net: reconstruction(net(moved), moved))(free)["decoder.layers.0.bias"]

    pca = PCA(2).fit(x)
    axes_ = cr.asarray(pca.components_.T)                        # (5, 2)
    angles, errors = np.linspace(0, 2 * np.pi, 9), []
    for a in angles:
        VQ = axes_ @ cr.tensor([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]], dtype=cr.float64)
        errors.append(reconstruction((x @ VQ) @ VQ.T, x).item())

    figure, (left, right) = panels(2)
    codes, lines = bare.encode(x).numpy(), x.numpy() @ axes_.numpy()
    left.plot(*lines.T, ".", markersize=3, label="PCA: uncorrelated")
    left.plot(*codes.T, ".", markersize=3, label="trained: the same plane, other axes")
    left.set(xlabel="first number of the code", ylabel="second number", title="codes",
             ylim=(-12, 15))
    left.legend(loc="upper left")
    right.plot(np.rad2deg(angles), errors, "o", label="V Q for rotations Q")
    right.axhline(best, color="0.5", label="(1/n) Σ δₖ² over k > m")
    right.set(xlabel="angle of the rotation Q, degrees", ylabel="mean ‖x - x̂‖²", title="reconstruction",
              ylim=(0, 2 * best))
    right.legend()
    return Result([near("minimum with biases, (3.41)", best, loss(trained(x, 5, 2, **LINEAR), x), 1e-8),
                   near("minimum without, (3.42)", best, loss(bare, x), 1e-8),
                   at_most("|∂C/∂b²| at the best b² for a random b¹", 1e-8, cr.max(cr.abs(slope)).item()),
                   at_most("‖W¹ - W²⁺‖", 1e-3, cr.linalg.norm(W1 - cr.linalg.pinv(W2)).item()),
                   at_most("‖P P - P‖ for P = W² W¹", 1e-3, cr.linalg.norm(P @ P - P).item()),
                   at_most("‖P - Pᵀ‖", 1e-3, cr.linalg.norm(P - P.T).item()),
                   at_most("‖P - V Vᵀ‖, V from QR of W²", 1e-3, cr.linalg.norm(P - V @ V.T).item()),
                   near("C with V Q for nine rotations Q", [best] * 9, errors, 1e-10)],
                  {"Codes in the same plane, and the error of rotated axes": figure},
                  ["Footnote 12 sets an objective to zero; it is the derivative in b² that vanishes."])


@book("3.5-fig3.13")
def curve() -> Result:
    """One number a point of the plane: PCA puts it on a line, tanh on a curve.   Book: §3.5, Fig. 3.13

    100 points about x₂ = tanh x₁ on [-2, 2], noise 0.02, scaled to at most 1 and turned by 45°. The net is
    2-1-2 with tanh twice.
    """
    rng, turn = cr.Rng(0), np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    t = np.linspace(-2, 2, 100)
    points = np.stack([t, np.tanh(t)], 1) + cr.normal((100, 2), 0.0, 0.02, rng=rng, dtype=cr.float64).numpy()
    x = cr.asarray(points / np.abs(points).max() @ turn.T)
    net = trained(x, 2, 1, output="tanh")
    pca = Autoencoder.pca(x, 1)
    ours, line = net(x).numpy(), pca(x).numpy()

    def off_line(y):
        """The second singular value of the centred points as a share of the first."""
        s = np.linalg.svd(y - y.mean(0), compute_uv=False)
        return s[1] / s[0]

    figure, axis = panels(width=5.5, height=4.5)
    axis.plot(*x.numpy().T, "o", markersize=4, color="0.6", label="data")
    axis.plot(*line.T, ".", color="#c53030", label=f"PCA, C = {loss(pca, x):.2g}")
    axis.plot(*ours.T, ".", color="#2b6cb0", label=f"tanh, C = {loss(net, x):.2g}")
    for y, colour in ((line, "#c53030"), (ours, "#2b6cb0")):
        for a, b in zip(x.numpy()[::4], y[::4], strict=True):
            axis.plot(*zip(a, b, strict=True), color=colour, linewidth=0.5, alpha=0.5)
    axis.set(xlabel="x₁", ylabel="x₂")
    axis.legend()
    return Result([at_most("error of the curve as a share of PCA's", 0.9, loss(net, x) / loss(pca, x)),
                   at_most("PCA: second singular value / first", 1e-12, off_line(line)),
                   at_least("tanh: second singular value / first", 1e-2, off_line(ours))],
                  {"Points, and what is left of them after a code of one number": figure})
