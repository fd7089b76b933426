"""Chapter 3, §3.5: autoencoders of handwritten digits, their codes, denoising, interpolation."""
from __future__ import annotations

from functools import cache

import numpy as np

import chainrule as cr

from ..losses import reconstruction
from ..models import Autoencoder, AutoencoderCodes, CodedModel, KMeans, MultinomialRegression
from ..nn import GaussianNoise, Masking, SaltAndPepper
from ..nn.noise import gaussian, masking, salt_and_pepper
from .draw import COLOURS, panels
from .registry import book
from .result import Result, at_least, at_most, near, shown


@cache
def digits(full: bool):
    """(train, test) of MNIST, pixels in [0, 1] as rows of 784; a part of it unless `full`."""
    train, test = cr.data.mnist(flat=True)
    return (train, test) if full else (train[:10_000], test[:2_000])


@cache
def trained(full: bool, *sizes: int, noise=None, epochs: int = 10, **options) -> Autoencoder:
    """An autoencoder of the digits after 10 epochs of ADAM, its rate falling from 0.005 to a tenth.

    noise: a layer and its size, for a denoising one.
    """
    train, rng = digits(full)[0], cr.Rng(0)
    layer = None if noise is None else noise[0](noise[1], rng=rng.split())
    net = Autoencoder(*sizes, rng=rng, noise=layer, **options)
    steps = epochs * len(train) / 32
    adam = cr.optim.Adam(net, alpha=cr.optim.schedules.Exponential(0.005, 0.1 ** (1 / steps)))
    cr.train.fit(net, cr.data.Dataset(train.x, train.x), loss=reconstruction, optimizer=adam, epochs=epochs,
                 batch_size=32, rng=rng, metrics={}, progress=False)
    return net.eval()


def deep(full: bool) -> Autoencoder:
    """784-200(tanh)-30-200(tanh)-784(sigmoid): the deep one of Fig. 3.12, with the book's m = 30."""
    return trained(full, 784, 200, 30, code="identity")


def deep_two(full: bool) -> Autoencoder:
    """784-15(tanh)-2-15(tanh)-784(sigmoid) of Fig. 3.14; a small part of MNIST needs more epochs."""
    return trained(full, 784, 15, 2, code="identity", epochs=10 if full else 20)


def loss(net, x, target=None):
    """The mean of ‖x - x̂‖² over samples.   Book: (3.36)"""
    return reconstruction(net.reconstruct(x), x if target is None else target).item()


def images(x):
    """Rows of 784 as pictures."""
    return x.numpy().reshape(-1, 28, 28)


def rows_of_pictures(rows):
    """One strip of pictures under each name."""
    count = len(next(iter(rows.values())))
    figure, axes = panels(1, len(rows), width=0.9 * count, height=1.1)
    for axis, (name, x) in zip(axes, rows.items(), strict=True):
        strip = np.hstack([np.pad(image, 1, constant_values=1) for image in np.clip(images(x), 0, 1)])
        axis.imshow(strip, cmap="gray", interpolation="nearest")
        axis.set_title(name, fontsize=8, loc="left")
        axis.set_axis_off()
    return figure


@book("3.5-fig3.12", "3.5-compression", slow=True)
def reconstructions(full: bool = False) -> Result:
    """Digits after a code of 30 numbers: PCA, a shallow and a deep autoencoder.   Book: §3.5, Fig. 3.12

    10,000 digits of training and 2,000 of test; all of MNIST with `full`.
    """
    train, test = digits(full)
    nets = {"PCA": Autoencoder.pca(train.x, 30), "shallow": trained(full, 784, 30), "deep": deep(full)}
    errors = {name: loss(net, test.x) for name, net in nets.items()}
    chosen = test.x[:9]
    figure = rows_of_pictures({"test images": chosen, **{n: net(chosen) for n, net in nets.items()}})
    return Result([near("784 / m", 26.13, 784 / nets["deep"].encode(chosen).shape[1], 0.005),
                   *(shown(f"mean ‖x - x̂‖² on test images, {n}", e) for n, e in errors.items()),
                   at_most("deep, as a share of shallow", 1, errors["deep"] / errors["shallow"]),
                   at_most("deep, as a share of PCA", 1, errors["deep"] / errors["PCA"])],
                  {"Test images and what 30 numbers keep of them": figure},
                  ["The source of the book's figure has a deep net with m = 10 and layers of 50; here m = 30 "
                   "as in the text, and layers of 200."])


@book("3.5-fig3.14", slow=True)
def two_numbers(full: bool = False) -> Result:
    """Codes of two numbers, coloured by digit.   Book: §3.5, Fig. 3.14

    The colours were not seen in training. How well they are told apart: the share of test codes whose
    nearest training code is of the same digit.
    """
    train, test = digits(full)
    nets = {"PCA": Autoencoder.pca(train.x, 2), "shallow": trained(full, 784, 2, output="identity"),
            "deep": deep_two(full)}
    share = {}
    figure, axes = panels(3, 2, width=3.6, height=3.2)
    for column, (name, net) in zip(axes.T, nets.items(), strict=True):
        codes = [net.encode(train.x[:10_000]), net.encode(test.x[:2_000])]
        nearest = cr.concat([cr.argmin(cr.norm(z[:, None] - codes[0], axis=-1), axis=1)
                             for z in (codes[1][i:i + 250] for i in range(0, 2000, 250))])
        share[name] = cr.mean((train.y[nearest] == test.y[:2_000]).astype(cr.float64)).item()
        for axis, z, y, part in zip(column, codes, (train.y, test.y), ("training", "test"), strict=True):
            places, labels = z.numpy()[:2_000], y.numpy()[:2_000]
            for digit in range(10):
                colour = (*COLOURS, "#9b2c2c", "#68d391")[digit]
                axis.plot(*places[labels == digit].T, ".", markersize=2, color=colour, label=str(digit))
            axis.set(xlabel="first number", ylabel="second number", title=f"{name}, {part}")
    axes[0, 2].legend(markerscale=4, loc="center left", bbox_to_anchor=(1, 0.5))
    return Result([*(shown(f"nearest training code is of the same digit, {n}", s) for n, s in share.items()),
                   at_least("deep above PCA", 0, share["deep"] - share["PCA"])],
                  {"Codes of 2,000 digits": figure})


@book("3.5-fig3.16", slow=True)
def halfway(full: bool = False) -> Result:
    """Halfway between two digits, in pixels and in codes.   Book: §3.5, Fig. 3.16

    The first and the tenth "3" of the training set. A real digit is reconstructed well, so how well the net
    reconstructs a midpoint says how much it looks like one.
    """
    train, net = digits(full)[0], deep(full)
    threes = np.flatnonzero(train.y.numpy() == 3)
    x, y = train.x[int(threes[0])], train.x[int(threes[9])]
    way = [0.0, 0.25, 0.5, 0.75, 1.0]
    naive, latent = cr.models.interpolate(y, x, way), net.interpolate(y, x, way)
    errors = {name: reconstruction(net(z[2:3]), z[2:3]).item() for name, z in
              (("naive", naive), ("latent", latent))}
    own = loss(net, cr.stack([x, y]))
    figure = rows_of_pictures({"naive; λ = 0, ¼, ½, ¾, 1": naive, "through codes": latent})
    ends = cr.max(cr.abs(latent[4] - net(y))).item()
    return Result([at_most("λ = 1 through codes and the reconstruction", 1e-5, ends),
                   *(shown(f"‖x - x̂‖² of the {n} midpoint", e) for n, e in errors.items()),
                   shown("mean ‖x - x̂‖² of the two digits", own)],
                  {"From one 3 to another": figure})


CORRUPTIONS = {"Gaussian, 0.4": (gaussian, GaussianNoise, 0.4), "masking, half": (masking, Masking, 0.5),
               "salt and pepper, 0.3": (salt_and_pepper, SaltAndPepper, 0.3)}


@book("3.5-fig3.15", "3.5-denoising-ae", slow=True)
def denoising(full: bool = False) -> Result:
    """A denoising autoencoder learns to undo what was done to its input.   Book: §3.5, Fig. 3.15

    784-128(tanh)-50(tanh)-128(tanh)-784(sigmoid), trained on corrupted digits against the clean ones, once
    for each corruption; then used on corrupted test digits. The plain net never saw noise.
    """
    test, rows, figures = digits(full)[1], [], {"Training and use": two_uses()}
    sizes, epochs = (784, 128, 50), 10 if full else 4
    plain = trained(full, *sizes, epochs=epochs)
    for i, (name, (corrupt, layer, size)) in enumerate(CORRUPTIONS.items()):
        net = trained(full, *sizes, noise=(layer, size), epochs=epochs)
        dirty = corrupt(test.x, size, rng=cr.Rng(i))
        before, after = reconstruction(dirty, test.x).item(), loss(net, dirty, test.x)
        rows += [shown(f"{name}: mean ‖x - x̌‖²", before),
                 at_most(f"{name}: error after, as a share of before", 0.7, after / before),
                 at_most(f"{name}: as a share of the plain net's", 1, after / loss(plain, dirty, test.x))]
        figures[name] = rows_of_pictures({"clean": test.x[:9], "corrupted": dirty[:9],
                                          "denoised": net(dirty[:9]), "plain net": plain(dirty[:9])})
    return Result(rows, figures)


def two_uses():
    """Training corrupts the input and compares with the clean one; use does neither."""
    figure, axis = panels(width=7, height=2.6)
    for height, parts, word in ((1, ("x", "corrupt", "x̌", "encoder", "decoder", "x̂"), "training"),
                                (0, ("x*", None, None, "encoder", "decoder", "x̂*"), "use")):
        axis.text(-0.9, height, word, va="center", weight="bold")
        at = [i for i, part in enumerate(parts) if part]
        for i in at:
            inside, edge = ("#ebf4ff", "0.4") if parts[i].isalpha() and len(parts[i]) > 2 else ("white",) * 2
            box = {"boxstyle": "round", "fc": inside, "ec": edge}
            axis.text(i, height, parts[i], ha="center", va="center", bbox=box)
        for a, b in zip(at, at[1:], strict=False):
            axis.annotate("", (b - 0.35, height), (a + 0.35, height), arrowprops={"arrowstyle": "->"})
    axis.annotate("", (0, 1.2), (5, 1.2), arrowprops={"arrowstyle": "<->", "color": COLOURS[1],
                                                      "connectionstyle": "bar,fraction=0.06"})
    axis.text(2.5, 1.62, "loss ‖x - x̂‖²", ha="center", color=COLOURS[1])
    axis.set(xlim=(-1, 5.4), ylim=(-0.4, 1.8))
    axis.set_axis_off()
    return figure


def codec(m: int, full: bool) -> AutoencoderCodes:
    """Codes of m numbers, not trained yet."""
    return AutoencoderCodes(m, code="identity", output="sigmoid", alpha=3e-3, batch_size=32,
                            epochs=10 if full else 4)


@book("3.5-codes-supervised", "3.5-codes-both-sides", slow=True)
def models_on_codes(full: bool = False) -> Result:
    """Supervised models on codes of the input, and on codes of both sides.   Book: §3.5, Applications

    Digits are classified by softmax regression on 2 and on 30 numbers a picture. Then a linear model learns
    to turn pictures by 90°, from codes of pictures to codes of turned pictures: in use the encoder of the
    one, the model and the decoder of the other.
    """
    (train, test), accuracy = digits(full), {}
    for m in (2, 30):
        softmax = MultinomialRegression(method="l-bfgs", l2=1.0, tolerance=1e-3)
        model = CodedModel(codec(m, full), softmax).fit(train.x, train.y)
        accuracy[m] = model.score(test.x, test.y)

    def turned(x):
        return cr.flip(x.reshape((-1, 28, 28)).mT, axis=1).reshape((-1, 784))

    turn = CodedModel(codec(30, full), target_codec=codec(30, full)).fit(train.x, turned(train.x))
    got, want = turn.predict(test.x), turned(test.x)
    error = reconstruction(got, want).item()
    of_mean = reconstruction(cr.zeros_like(want) + cr.mean(turned(train.x), axis=0), want).item()
    return Result([*(shown(f"accuracy on codes of {m} numbers", a) for m, a in accuracy.items()),
                   at_least("30 numbers above 2", 0, accuracy[30] - accuracy[2]),
                   near("numbers in an answer, q", 784, got.shape[1], 0),
                   shown("turned pictures: mean ‖y - ŷ‖²", error),
                   at_most("as a share of the error of the mean picture", 0.5, error / of_mean)],
                  {"Pictures, what the model makes of them, and the right answers":
                   rows_of_pictures({"x": test.x[:9], "ŷ": got[:9], "y": want[:9]})})


@book("3.5-codes-clustering", slow=True)
def clusters_of_codes(full: bool = False) -> Result:
    """K-means on codes in place of pixels.   Book: §3.5, Applications; §2.6

    Purity: the share of digits that are of the commonest digit of their cluster, for ten clusters.
    """
    train, y = digits(full)[0], digits(full)[0].y.numpy()
    codes = {"pixels": train.x, "PCA, m = 2": Autoencoder.pca(train.x, 2).encode(train.x),
             "deep, m = 2": deep_two(full).encode(train.x),
             "shallow, m = 30": trained(full, 784, 30).encode(train.x)}
    purity = {}
    for name, z in codes.items():
        groups = KMeans(10, n_init=3).fit_predict(z).numpy()
        purity[name] = sum(np.bincount(y[groups == k], minlength=1).max() for k in range(10)) / len(y)
    figure, axis = panels()
    axis.barh(list(purity), list(purity.values()))
    axis.axvline(np.bincount(y).max() / len(y), color="0.5", linestyle="--", label="one cluster")
    axis.set(xlabel="purity of ten clusters")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1))
    return Result([*(shown(f"purity, {name}", p) for name, p in purity.items()),
                   at_least("deep above PCA, m = 2", 0, purity["deep, m = 2"] - purity["PCA, m = 2"]),
                   at_least("30 numbers, as a share of all pixels' purity", 0.9,
                            purity["shallow, m = 30"] / purity["pixels"])],
                  {"Purity": figure},
                  ["The book expects codes to do better than pixels. Digits are centred pictures, for which "
                   "codes of 30 numbers do about as well as 784 pixels, not better."])
