"""Chapter 1, §1.3: neurons, computing hardware, data."""
from __future__ import annotations

import time
from statistics import median

import numpy as np

import chainrule as cr

from ..models import LeNet
from ..models.simple import simple_regression
from .draw import panels
from .registry import book
from .result import Result, at_least, at_most, fact, near, shown

INK, BLUE = "0.25", "#2b6cb0"


@book("1.3-fig1.4-neuron-drawing")
def neurons() -> Result:
    """One artificial neuron, and a network of them.   Book: §1.3, Fig. 1.4 (b), (d)

    A neuron weighs its inputs, adds a bias and applies σ: a = σ(b + wᵀ x). A layer is N of them side by side.
    """
    rng = cr.Rng(0)
    layer, x = cr.nn.Linear(4, 3, rng=rng), cr.normal((4,), rng=rng)
    layer.bias = cr.normal((3,), rng=rng)
    alone = cr.stack([cr.sigmoid(b + w @ x) for w, b in zip(layer.weight, layer.bias, strict=True)])
    figure, (left, right) = panels(2, width=5, height=4)
    draw_neuron(left)
    draw_network(right, (3, 5, 5, 2))
    gap = cr.max(cr.abs(cr.sigmoid(layer(x)) - alone)).item()
    return Result([at_most("a layer against its single neurons", 1e-7, gap),
                   shown("neurons of a human brain", "", "about 85 billion"),
                   shown("of them firing when an arm moves", "", "about 80 million"),
                   shown("neurons of the visual cortex", "", "about 150 million"),
                   shown("neurons of the network drawn", 3 + 5 + 5 + 2)],
                  {"(b) a neuron; (d) a feedforward network": figure},
                  ["(a) and (c) of the book are pictures of biological neurons and are left out."])


def circle(axis, at, text="", radius=0.16, colour="white"):
    axis.plot(*at, "o", markersize=140 * radius, color=colour, markeredgecolor=INK, zorder=3)
    axis.text(*at, text, ha="center", va="center", zorder=4)


def arrow(axis, start, end, text=""):
    style = {"arrowstyle": "-|>", "color": INK, "shrinkA": 12, "shrinkB": 14}
    axis.annotate("", end, start, arrowprops=style)
    axis.text(start[0] + 0.38 * (end[0] - start[0]), start[1] + 0.38 * (end[1] - start[1]) + 0.09, text,
              ha="center", color=BLUE)


def draw_neuron(axis):
    """Inputs, weights, bias, the sum and the activation."""
    names = ("$x_1$", "$x_2$", r"$\vdots$", "$x_p$")
    weights = ("$w_1$", "$w_2$", "", "$w_p$")
    for height, name, weight in zip((0.9, 0.3, -0.3, -0.9), names, weights, strict=True):
        if weight:
            circle(axis, (0, height), name)
            arrow(axis, (0, height), (1.2, 0), weight)
        else:
            axis.text(0, height, name, ha="center", va="center")
    circle(axis, (1.2, 0), r"$\Sigma$", 0.2)
    circle(axis, (1.2, 1.0), "$1$")
    arrow(axis, (1.2, 1.0), (1.2, 0))
    axis.text(1.3, 0.55, "$b$", color=BLUE)
    circle(axis, (2.1, 0), r"$\sigma$", 0.2)
    arrow(axis, (1.2, 0), (2.1, 0))
    axis.text(1.65, 0.08, "$z$", ha="center")
    arrow(axis, (2.1, 0), (3.0, 0))
    axis.text(3.0, 0.0, "$a$", va="center")
    axis.text(1.5, -1.1, r"$a = \sigma(b + w^\top x)$", ha="center", fontsize=11)
    axis.set(xlim=(-0.3, 3.2), ylim=(-1.3, 1.3), title="(b) an artificial neuron")
    axis.set_axis_off()


def draw_network(axis, sizes):
    """All neurons of a layer are joined to all of the next."""
    places = [[(column, (n - 1) / 2 - i) for i in range(n)] for column, n in enumerate(sizes)]
    for before, after in zip(places, places[1:], strict=False):
        for a in before:
            for b in after:
                axis.plot(*zip(a, b, strict=True), color=BLUE, linewidth=0.6, alpha=0.6)
    for column, layer in enumerate(places):
        for at in layer:
            circle(axis, at, radius=0.12, colour="white" if column else "0.85")
    for column, name in enumerate(("input", "hidden", "hidden", "output")):
        axis.text(column, -2.6, name, ha="center")
    axis.set(xlim=(-0.4, len(sizes) - 0.6), ylim=(-2.8, 2.5), title="(d) neurons in layers")
    axis.set_axis_off()


@book("1.3-gpu-vs-cpu")
def gpu_or_cpu() -> Result:
    """How much faster a graphics card is, measured here.   Book: §1.3

    A product of two matrices, and a step of ADAM on a small convolutional net with 128 pictures.
    """
    where = ["cpu"] + (["cuda"] if cr.cuda.backend() == "cuda" else [])
    tasks = {"product of two 1024 x 1024 matrices": product, "training step of LeNet": training_step}
    rows = []
    for name, make in tasks.items():
        times = {device: seconds(make(device), device) for device in where}
        rows += [shown(f"{name}, ms on {device}", 1000 * t) for device, t in times.items()]
        ratio = times["cpu"] / times["cuda"] if "cuda" in times else "not measured"
        rows.append(shown(f"{name}, times as fast on a GPU", ratio, "20 to 200"))
    remarks = [f"The CPU worked with {cr.num_threads()} threads."]
    if len(where) == 1:
        remarks.append(f"The GPU was not measured: {cr.cuda.why() or 'its kernels are emulated'}.")
    return Result(rows, {}, remarks)


def product(device):
    a = cr.normal((1024, 1024), rng=cr.Rng(0), device=device)
    return lambda: a @ a


def training_step(device):
    model = LeNet(rng=cr.Rng(0)).to(device)
    adam, rng = cr.optim.Adam(model), cr.Rng(1)
    x, y = cr.normal((128, 1, 28, 28), rng=rng).to(device), cr.randint(10, shape=(128,), rng=rng).to(device)
    step = cr.value_and_grad(lambda model: cr.losses.cross_entropy(model(x), y))
    return lambda: adam.update(step(model)[1])


def seconds(f, device, runs=5):
    """The median time of f, of several runs after a first one."""
    def once():
        start = time.perf_counter()
        f()
        cr.synchronize(device)
        return time.perf_counter() - start

    once()
    return median(once() for _ in range(runs))


# Estimates of public reports for all data of a year, not the book's, which it does not print.
STORED = {2006: 0.161, 2007: 0.281, 2010: 1.2, 2012: 2.8, 2018: 33.0, 2021: 79.0, 2022: 97.0}     # zettabytes
PER_YOTTABYTE = 1024                                                  # 2⁸⁰ / 2⁷⁰


@book("1.3-fig1.5-storage-extrapolation")
def stored_data() -> Result:
    """The world's stored data, drawn on into the 2020s.   Book: §1.3, Fig. 1.5

    s(t) = exp(a + g (t - t₀)): a straight line through log s, by least squares (2.3).
    """
    years, stored = np.array(list(STORED), float), np.array(list(STORED.values()))
    start = years[0]
    a, g = simple_regression(years - start, np.log(stored))
    synthetic = simple_regression(years - start, -1.5 + 0.3 * (years - start))

    def curve(t):
        return np.exp(a + g * (t - start))
    figure, (axis, logs) = panels(2)
    t = np.linspace(2020, 2030, 101)
    axis.plot(t, curve(t) / PER_YOTTABYTE)
    axis.set(xlabel="year", ylabel="stored data, yottabytes", title="the 2020s", ylim=(0, None))
    t = np.linspace(start, 2030, 101)
    logs.semilogy(t, curve(t), label=f"s = exp({a:.2f} + {g:.3f} (t - {start:.0f}))")
    logs.semilogy(years, stored, "o", label="stand-in values")
    logs.set(xlabel="year", ylabel="stored data, zettabytes", title="the fit")
    logs.legend()
    return Result([near("(a, g) of made-up data", (-1.5, 0.3), synthetic, 1e-10),
                   near("growth g, a year", 0.40, g, 0.02),
                   at_least("2024, zettabytes (the book: about 150)", 150 / 3, curve(2024)),
                   at_most("2024, zettabytes (the book: about 150)", 150 * 3, curve(2024)),
                   shown("2030, yottabytes", curve(2030) / PER_YOTTABYTE, "a few"),
                   fact("2030 is between 1 and 10 yottabytes", 1 < curve(2030) / PER_YOTTABYTE < 10)],
                  {"The world's stored data": figure},
                  ["The values are stand-ins, since the book does not print its own; the picture is "
                   "speculative, as the book says of its own."])
