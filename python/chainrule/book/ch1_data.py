"""Chapter 1, §1.4: sound, pictures and words as vectors, and the data sets of the chapter."""
from __future__ import annotations

import tempfile
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr

from .draw import COLOURS, panels, pictures
from .registry import book
from .result import Result, at_least, fact, near, shown


def at_hand(load: Any, remarks: list[str]) -> Any:
    """(train, test) of a data set, or of what stands in for it, with a remark."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        halves = load(stand_in=True)
    remarks += [f"{str(w.message).split(':')[0]}: not on this machine, the samples are made ones"
                for w in caught]
    return halves


def colours_at_hand(remarks: list[str]) -> Any:
    """CIFAR-10, or pictures of one shape each."""
    try:
        return cr.data.cifar10()
    except FileNotFoundError:
        remarks.append("cifar10: not on this machine, the pictures are made ones of three shapes")
        parts = [cr.data.scenes(n, rng=cr.Rng(n), least=1, most=1) for n in (2000, 500)]
        return [cr.data.Dataset(s.x, s.labels[:, 0] - 1, classes=s.classes[1:]) for s in parts]


@book("1.4-audio-vector", "1.4-image-mono-vectorize", "1.4-image-color-tensor", "1.4-text-as-vectors")
def vectors() -> Result:
    """A sound, a picture and a sentence as vectors.   Book: §1.4

    Five seconds of a chord written to a WAV file and read again; a portrait of 200 x 100 pixels row after row
    and column after column; a sentence as the columns of an embedding.
    """
    t = np.arange(5 * 44_100) / 44_100                                   # s
    chord = sum(np.sin(2 * np.pi * f * t) for f in (261.63, 329.63, 392.0)) / 3 * np.exp(-t / 2)
    with tempfile.TemporaryDirectory() as folder:
        cr.data.write_wav(Path(folder) / "chord.wav", chord, 44_100)
        levels, rate = cr.data.read_wav(Path(folder) / "chord.wav", scale=False)
    v, h = np.mgrid[0:200, 0:100]
    face = (255 * np.exp(-((v - 90) / 60) ** 2 - ((h - 50) / 30) ** 2)).astype(np.uint8)
    face[(v - 75) ** 2 + (abs(h - 50) - 14) ** 2 < 25] = 20
    face[(abs(v - 120 + (h - 50) ** 2 / 60) < 3) & (abs(h - 50) < 18)] = 20
    rows, columns = (cr.data.vectorize(face, order) for order in ("row", "column"))
    tokens = cr.data.tokenise("I would watch this film again.")
    words = cr.data.Vocabulary([tokens])
    embed = cr.nn.Embedding(len(words), 8, rng=cr.Rng(0))
    X = embed(cr.tensor(words.encode(tokens)))

    figure, axes = panels(3, 1, width=4)
    axes[0].plot(1000 * t[:882], levels[:882])
    axes[0].set(xlabel="time, ms", ylabel="amplitude, levels", title=f"p = {levels.size:,} at {rate:,} / s")
    axes[1].imshow(face, cmap="gray", vmin=0, vmax=255)
    axes[1].set(xlabel="column", ylabel="row", title=f"200 x 100 pixels, p = {rows.size:,}")
    axes[2].imshow(X.numpy().T, cmap="RdBu_r", aspect="auto")
    axes[2].set(ylabel="coordinate", title="a column for each token")
    axes[2].set_xticks(range(len(tokens)), tokens, rotation=30)
    line, pair = panels(1, 2, width=9, height=1.7)
    for axis, x, order in zip(pair, (rows, columns), ("row after row", "column after column"), strict=True):
        axis.plot(np.arange(9000, 11_000), x.numpy()[9000:11_000], linewidth=0.7)
        axis.set(ylabel="grey level", title=order)
    pair[1].set_xlabel("position in the vector")
    colour = np.repeat(face[..., None], 3, -1)
    return Result(
        [near("entries of 5 s at 44,100 / s", 220_500, levels.size, 0),
         fact("WAV file gives the levels back", np.array_equal(levels, np.rint(chord * 32768))),
         near("pixels of 200 x 100", 20_000, rows.size, 0),
         fact("rows and columns as NumPy's C and F order", np.array_equal(rows.numpy(), face.ravel())
              and np.array_equal(columns.numpy(), face.ravel("F"))),
         near("shape of a colour picture", (3, 200, 100), cr.data.channels_first(colour).shape, 0),
         shown("shape of the sentence (T, e)", tuple(X.shape)),
         fact("the words come back", words.decode(words.encode(tokens)) == tokens)],
        {"Sound, picture, sentence": figure, "The picture's vector in both orders": line})


@book("1.4-fig1.6-data-gallery", slow=True)
def data_gallery(full: bool = False) -> Result:
    """Samples of MNIST, CIFAR-10, film reviews; a classifier's best guesses.   Book: §1.4, Fig. 1.6

    (c) shows a small convolutional net on CIFAR-10 where the book shows one on ImageNet.
    """
    remarks: list[str] = []
    digits, colours = at_hand(cr.data.mnist, remarks), colours_at_hand(remarks)
    reviews, _ = at_hand(cr.data.imdb, remarks)
    rows, guesses = best_guesses(colours, epochs=20 if full else 3)
    return Result(
        [near("values of a digit", 784, digits[0].x[0].size, 0),
         near("values of a colour picture", 3072, colours[0].x[0].size, 0),
         shown("digits (train, test)", tuple(map(len, digits)), "(60000, 10000)"),
         shown("colour pictures (train, test)", tuple(map(len, colours)), "(50000, 10000)"),
         shown("reviews to train on", len(reviews), "25000"),
         near("share of positive reviews", 0.5, reviews.y.mean(), 0.02), *rows],
        {"(a) Hand-written digits, ten of each": rows_of_classes(digits[0], 10, "gray"),
         "(b) Colour pictures by class": rows_of_classes(colours[0], 10),
         "(c) Pictures with the five largest probabilities; the true class in orange": guesses,
         "(d) Reviews and their labels" + ", made ones" * reviews.synthetic: sheet(reviews)},
        remarks)


def rows_of_classes(data: Any, count: int, cmap: str = "viridis") -> Any:
    """`count` pictures of each class, a row a class."""
    y, K = data.y.numpy(), len(data.classes)
    figure, axes = panels(count, K, width=0.62, height=0.62)
    chosen = [i for k in range(K) for i in np.flatnonzero(y == k)[:count]]
    pictures(axes, data.x.numpy()[chosen], cmap=cmap)
    for k, name in enumerate(data.classes):
        axes[k, 0].text(-0.15, 0.5, name, ha="right", va="center", transform=axes[k, 0].transAxes, fontsize=8)
    return figure


def best_guesses(halves: Any, epochs: int) -> Any:
    """(rows, figure) of a LeNet: top-1 and top-5 accuracy, and bars of the largest probabilities."""
    train, test = halves
    classes, rng = train.classes, cr.Rng(0)
    model = cr.models.LeNet(len(classes), channels=3, size=32, width=12, rng=rng)
    steps = epochs * -(-len(train) // 64)
    adam = cr.optim.Adam(model, alpha=cr.optim.schedules.Cosine(2e-3, steps))
    centred = [part.like(part.x - 0.5, part.y) for part in halves]
    cr.train.fit(model, centred[0], optimizer=adam, epochs=epochs, batch_size=64, rng=rng, progress=False)
    z, y = model(centred[1].x), test.y.numpy()
    top = [cr.metrics.top_k_accuracy(z, y, k) for k in range(1, len(classes) + 1)]
    p = cr.softmax(z, axis=-1).numpy()
    figure, axes = panels(6, 2, width=1.9, height=1.7, gridspec_kw={"height_ratios": [1, 0.9]})
    pictures(axes[0], test.x.numpy()[:6], [classes[k] for k in y[:6]])
    for axis, share, own in zip(axes[1], p, y, strict=False):
        best = np.argsort(-share)[:5]
        axis.barh(range(len(best)), share[best], color=[COLOURS[1] if k == own else COLOURS[0] for k in best])
        axis.set_yticks(range(len(best)), [classes[k] for k in best], fontsize=7)
        axis.invert_yaxis()
        axis.set(xlim=(0, 1), xlabel="probability")
    best_of_five = min(5, len(top))
    return [at_least("top-1 accuracy, test", 2 / len(classes), top[0]),
            at_least(f"top-{best_of_five} accuracy, test", 0.8, top[best_of_five - 1]),
            fact("top-k accuracy grows with k, to 1", top == sorted(top) and top[-1] == 1)], figure


def sheet(reviews: Any, count: int = 3) -> Any:
    """The beginnings of a few reviews of each opinion, as a page of text."""
    figure, axis = panels(1, 1, width=9, height=3.6)
    axis.set_axis_off()
    at = 1.0
    for k in (1, 0):
        for i in np.flatnonzero(reviews.y == k)[:count]:
            text = textwrap.wrap(reviews.texts[i].replace("<br />", " "), 110)
            text = [*text[:2], "..."] if len(text) > 3 else text
            axis.text(0, at, reviews.classes[k], color=COLOURS[2 if k else 1], va="top", fontweight="bold",
                      transform=axis.transAxes)
            axis.text(0.11, at, "\n".join(text), va="top", transform=axis.transAxes)
            at -= 0.17
    return figure
