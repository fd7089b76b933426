"""Chapter 1, §1.2: the eight architectures of Fig. 1.3 as sketches."""
from __future__ import annotations

import numpy as np

import chainrule as cr

from .draw import COLOURS, panels
from .registry import book
from .result import Result, fact, shown


class Sketch:
    """Boxes and arrows in a panel of 10 x 7 units."""

    def __init__(self, axis, title: str) -> None:
        self.axis = axis
        axis.set(xlim=(0, 10), ylim=(0, 7), title=title)
        axis.set_axis_off()

    def box(self, x: float, y: float, text: str, w: float = 1.8, h: float = 1.4, colour: int = 0) -> None:
        """A box around the point (x, y)."""
        from matplotlib.patches import FancyBboxPatch
        self.axis.add_patch(FancyBboxPatch(
            (x - w / 2, y - h / 2), w, h, boxstyle="round,pad=0.02,rounding_size=0.2",
            facecolor=COLOURS[colour] + "22", edgecolor=COLOURS[colour]))
        self.text(x, y, text)

    def text(self, x: float, y: float, text: str, size: float = 7.5) -> None:
        self.axis.text(x, y, text, ha="center", va="center", fontsize=size)

    def arrow(self, *points: tuple[float, float], bend: float = 0.0) -> None:
        for start, end in zip(points, points[1:], strict=False):
            self.axis.annotate("", end, start, arrowprops={
                "arrowstyle": "->", "color": "0.3", "lw": 1, "connectionstyle": f"arc3,rad={bend}"})

    def neurons(self, x: float, count: int, limit: int = 5) -> np.ndarray:
        """A column of at most `limit` circles; their points."""
        ys = 3.6 + 0.95 * (np.arange(min(count, limit)) - (min(count, limit) - 1) / 2)
        self.axis.scatter(np.full(len(ys), x), ys, s=70, color="white", edgecolor=COLOURS[0], zorder=3)
        self.text(x, 0.5, str(count))
        return ys

    def join(self, x: float, ys: np.ndarray, x2: float, ys2: np.ndarray) -> None:
        for a in ys:
            for b in ys2:
                self.axis.plot([x, x2], [a, b], color="0.75", linewidth=0.6)

    def dense(self, sizes: list[int]) -> None:
        """Columns of neurons, all joined."""
        places = np.linspace(1, 9, len(sizes))
        columns = [self.neurons(x, n) for x, n in zip(places, sizes, strict=True)]
        for i in range(len(sizes) - 1):
            self.join(places[i], columns[i], places[i + 1], columns[i + 1])


def widths(net) -> list[int]:
    """The sizes of the columns of a dense net."""
    return [net.layers[0].weight.shape[1], *(layer.weight.shape[0] for layer in net.layers)]


@book("1.2-fig1.3-architecture-sketches")
def sketches_of_architectures() -> Result:
    """Eight architectures, drawn with the sizes of models of this library.   Book: §1.2, Fig. 1.3

    (a) feedforward: chapter 5; (b) autoencoder: §3.5; (c) convolutional: chapter 6; (d) recurrent: §7.2;
    (e) transformer: §7.5; (f) diffusion: §8.2; (g) generative adversarial: §8.3; (h) reinforcement: §8.4.
    """
    rng = cr.Rng(0)
    mlp, code = cr.nn.MLP(4, 5, 3, 2, rng=rng), cr.models.Autoencoder(5, 3, 2, rng=rng)
    cnn, rnn = cr.models.LeNet(10, rng=rng), cr.nn.RNN(3, 8, rng=rng)
    words = cr.models.Transformer(50, 60, layers=2, rng=rng)
    diffusion = cr.models.Diffusion(cr.models.NoiseNet(2, 16, steps=40, rng=rng), cr.models.linear_betas(40))
    gan = cr.models.GAN(cr.nn.MLP(3, 8, 2, rng=rng), cr.nn.MLP(2, 8, 1, rng=rng), 3)
    world = cr.rl.CleaningRobot(3, 3)
    figure, axes = panels(2, 4, width=4.6, height=2.9)
    a, b, c, d, e, f, g, h = axes.ravel()
    Sketch(a, "(a) feedforward").dense(widths(mlp))
    auto = Sketch(b, "(b) autoencoder")
    auto.dense([*widths(code.encoder), *widths(code.decoder)[1:]])
    auto.text(3, 6.7, "encoder")
    auto.text(7, 6.7, "decoder")
    draw_convolutions(Sketch(c, "(c) convolutional"), cnn)
    draw_recurrent(Sketch(d, "(d) recurrent, folded and unfolded"), rnn)
    draw_transformer(Sketch(e, "(e) transformer"), words)
    draw_diffusion(Sketch(f, "(f) diffusion"), diffusion)
    draw_gan(Sketch(g, "(g) generative adversarial"), gan)
    draw_agent(Sketch(h, "(h) reinforcement learning"), world)
    counts = {"feedforward": mlp, "autoencoder": code, "convolutional": cnn, "recurrent": rnn,
              "transformer": words, "diffusion": diffusion, "generative adversarial": gan}
    rows = [shown(f"parameters of the {name} net drawn", model.parameter_count())
            for name, model in counts.items()]
    return Result(rows=[fact("eight sketches", len(axes.ravel()) == 8), *rows],
                  figures={"Architectures, with the sizes of models of the library": figure})


def draw_convolutions(s: Sketch, model: cr.models.LeNet) -> None:
    from matplotlib.patches import Rectangle

    x = cr.zeros((1, 1, 28, 28))
    shapes = [x.shape[1:]]
    for layer in model.trunk:
        x = layer(x)
        if x.shape[1:] != shapes[-1]:
            shapes.append(x.shape[1:])
    for i, (channels, side, _) in enumerate(shapes):
        left, size = 0.3 + 1.5 * i, 0.9 + 1.6 * side / 28
        for k in range(min(4, channels)):
            corner = (left + 0.12 * k, 3 - size / 2 + 0.25 * k)
            s.axis.add_patch(Rectangle(corner, size * 0.45, size, facecolor="white", edgecolor=COLOURS[0]))
        s.text(left + 0.6, 0.8, f"{channels}x{side}x{side}", 6)
    s.box(8.2, 3.4, "dense", w=1.0, h=2.6, colour=1)
    s.arrow((8.7, 3.4), (9.3, 3.4))
    s.text(9.6, 3.4, "10")


def draw_recurrent(s: Sketch, model: cr.nn.RNN) -> None:
    s.box(1.4, 3.5, f"h\n({model.n_hidden})")
    s.arrow((1.4, 1.6), (1.4, 2.7))
    s.arrow((1.4, 4.3), (1.4, 5.6))
    s.arrow((2.3, 3.9), (2.3, 3.1), bend=-1.3)
    s.text(1.4, 1.2, "x")
    s.text(1.4, 6.0, "y")
    s.text(3.35, 3.5, "=", 12)
    for i, x in enumerate((4.4, 6.8, 9.0)):
        s.box(x, 3.5, f"h({i + 1})", w=1.4)
        s.arrow((x, 1.6), (x, 2.7))
        s.arrow((x, 4.3), (x, 5.6))
        s.text(x, 1.2, f"x({i + 1})")
        s.text(x, 6.0, f"y({i + 1})")
    s.arrow((5.2, 3.5), (6.05, 3.5))
    s.arrow((7.55, 3.5), (8.25, 3.5))


def draw_transformer(s: Sketch, model: cr.models.Transformer) -> None:
    s.box(2.5, 3.5, f"encoder\n{len(model.encoder)} blocks", w=2.6, h=2.2)
    s.box(7, 3.5, f"decoder\n{len(model.decoder)} blocks", w=2.6, h=2.2, colour=1)
    s.arrow((2.5, 1.3), (2.5, 2.3))
    s.arrow((3.9, 3.5), (5.6, 3.5))
    s.text(4.75, 3.9, "code z*")
    s.arrow((6.5, 1.3), (6.5, 2.3))
    s.arrow((7, 4.7), (7, 5.7))
    s.arrow((7.3, 5.9), (9.4, 3.5), (7.6, 1.1), bend=-0.35)
    s.text(2.5, 0.9, "I like apples")
    s.text(6.4, 0.9, "words so far")
    s.text(7, 6.1, "next word")


def draw_diffusion(s: Sketch, model: cr.models.Diffusion) -> None:
    names = ["z₀ = x", "z₁", "…", f"z{model.steps}"]
    places = [1.2, 3.8, 6.2, 8.8]
    for x, name in zip(places, names, strict=True):
        s.box(x, 3.5, name, w=1.5)
    for x, after in zip(places, places[1:], strict=False):
        s.arrow((x + 0.4, 4.3), (after - 0.4, 4.3), bend=-0.5)
        s.arrow((after - 0.4, 2.7), (x + 0.4, 2.7), bend=-0.5)
    s.text(5, 5.8, "encoder: adds noise, nothing to learn")
    s.text(5, 1.2, "decoder: a net takes noise away")


def draw_gan(s: Sketch, model: cr.models.GAN) -> None:
    s.text(0.7, 4.9, f"z ({model.m})")
    s.box(2.8, 4.9, "generator", w=2.2)
    s.box(7, 3.5, "discriminator", w=2.4, colour=1)
    s.arrow((1.2, 4.9), (1.65, 4.9))
    s.arrow((3.95, 4.9), (5.75, 3.9))
    s.text(5.0, 4.95, "x*")
    s.text(2.8, 1.9, "data x")
    s.arrow((3.5, 1.9), (5.75, 3.1))
    s.arrow((8.25, 3.7), (8.9, 4.3))
    s.arrow((8.25, 3.3), (8.9, 2.7))
    s.text(9.3, 4.5, "real")
    s.text(9.3, 2.5, "fake")


def draw_agent(s: Sketch, world: cr.rl.CleaningRobot) -> None:
    s.box(5, 5.5, "agent", w=3)
    s.box(5, 1.5, f"environment\n{world.rows} x {world.columns} cells", w=3, colour=2)
    s.arrow((6.6, 5.5), (6.6, 1.6), bend=-0.5)
    s.arrow((3.4, 1.6), (3.4, 5.4), bend=-0.5)
    s.text(8.7, 3.5, f"action\n(1 of {world.actions})")
    s.text(1.3, 3.5, "observation,\nreward")
