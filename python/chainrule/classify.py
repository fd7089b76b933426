"""A picture classifier, trained, saved and used: what `chainrule train` and `predict` do.   Book: §1.2"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import chainrule as cr

SHAPES = {"digits": (1, 8, 8), "mnist": (1, 28, 28), "fashion-mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
MODELS = ("softmax", "mlp", "lenet")
MODEL, CHECKPOINT, CURVE = "model.safetensors", "checkpoint.safetensors", "curve.png"


@dataclass
class Recipe:
    """How to train; alpha falls to zero over the run along half a cosine."""
    epochs: int
    alpha: float
    batch_size: int = 128


def recipe(data, model):
    """Settings measured to do well within a minute on two cores."""
    if data == "digits":
        return Recipe(epochs=40, alpha=3e-3, batch_size=32)
    if data == "cifar10":
        return Recipe(epochs=20, alpha=1e-3, batch_size=64)
    return Recipe(epochs={"softmax": 5, "mlp": 5, "lenet": 3}[model], alpha=2e-3, batch_size=128)


def load(data):
    """(train, test) of a data set by its name on the command line."""
    return getattr(cr.data, data.replace("-", "_"))()


def build(data, model, rng):
    """A model for pictures of that data set: x (N, channels, rows, columns) -> (N, 10) scores."""
    channels, rows, columns = shape = SHAPES[data]
    pixels = int(np.prod(shape))
    if model == "softmax":
        return cr.models.SoftmaxRegression(pixels, 10, rng=rng)
    if model == "mlp":
        return cr.models.MLP(pixels, 128, 10, rng=rng)
    return cr.models.LeNet(10, channels=channels, size=rows, rng=rng)


def train(folder, config, *, resume=False, device="cpu", progress=None):
    """Train as config (data, model, epochs, batch_size, alpha, seed) says, into `folder`; the History."""
    folder = Path(folder)
    halves = load(config["data"])
    rng = cr.Rng(config["seed"])
    model = build(config["data"], config["model"], rng).to(device)
    train, test = prepared(config["model"], halves)
    steps = config["epochs"] * -(-len(train) // config["batch_size"])
    optimizer = cr.optim.Adam(model, alpha=cr.optim.schedules.Cosine(config["alpha"], max(steps, 1)))
    history = cr.train.fit(
        model, train, test=test, optimizer=optimizer, epochs=config["epochs"],
        batch_size=config["batch_size"],
        rng=rng, checkpoint=folder / CHECKPOINT, resume=resume,
        config=config, curve=folder / CURVE, progress=progress)
    accuracy = history.epochs[-1]["test_accuracy"] if history.epochs else float("nan")
    cr.io.save(folder / MODEL, model, {**config, "test_accuracy": accuracy})
    return history


def prepared(model, halves):
    """Pictures for convolutions, vectors for the others."""
    if model == "lenet":
        return halves
    return [half.like(half.x.reshape((len(half), -1)), half.y) for half in halves]


def restore(folder):
    """(model in eval mode, {"data": ..., "model": ...}) from a folder that `train` wrote."""
    path = Path(folder) / MODEL
    notes = cr.io.metadata(path)
    if notes.get("data") not in SHAPES or notes.get("model") not in MODELS:
        raise ValueError(f"{path}: does not say its data and model; needs a file of chainrule train")
    model = build(notes["data"], notes["model"], cr.Rng(0))
    cr.io.load(path, into=model)
    model.eval()
    return model, notes


def probabilities(model, notes, x):
    """The classes' probabilities for one picture (channels, rows, columns), an array of 10."""
    shape = (1, *SHAPES[notes["data"]]) if notes["model"] == "lenet" else (1, -1)
    x = np.asarray(x, np.float32).reshape(shape)
    return np.asarray(cr.softmax(model(cr.tensor(x)), axis=-1))[0]


def read_picture(path, data):
    """A picture file as (channels, rows, columns) in [0, 1], made to look like the pictures of a data set.

    For grey data, ink is bright on black: a picture with a bright border is inverted, cut to its ink and put
    into the middle, as the digits of MNIST were.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ModuleNotFoundError("predict: pictures need Pillow: pip install 'chainrule[cli]'") from None
    channels, rows, columns = SHAPES[data]
    try:
        with Image.open(path) as image:
            image = flattened(image, Image)
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: not a picture that can be read: {error}") from None
    if channels == 3:
        pixels = np.asarray(image.resize((columns, rows), Image.Resampling.BICUBIC), np.float32) / 255
        return pixels.transpose(2, 0, 1)
    image = image.convert("L")
    pixels = np.asarray(image, np.float32) / 255
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if np.median(border) > 0.5:
        pixels = 1 - pixels
    if pixels.shape == (rows, columns):
        return pixels[None]
    return fitted(pixels, rows, columns, box=rows if data != "mnist" else 20, image=Image)[None]


def flattened(image, pillow):
    """RGB, with transparent parts white."""
    image = image.convert("RGBA")
    paper = pillow.new("RGBA", image.size, "white")
    return pillow.alpha_composite(paper, image).convert("RGB")


def fitted(pixels, rows, columns, box, image):
    """The ink of a picture scaled to fit box x box, in the middle of rows x columns."""
    pixels = np.clip((pixels - pixels.min()) / max(np.ptp(pixels), 1e-6), 0, 1)
    ink = pixels > 0.3
    if ink.any():
        down, across = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        pixels = pixels[down[0]:down[-1] + 1, across[0]:across[-1] + 1]
    scale = box / max(pixels.shape)
    height, width = (max(1, round(scale * n)) for n in pixels.shape)
    small = image.fromarray(np.uint8(255 * pixels)).resize((width, height), image.Resampling.BOX)
    page = np.zeros((rows, columns), np.float32)
    top, left = (rows - height) // 2, (columns - width) // 2
    page[top:top + height, left:left + width] = np.asarray(small, np.float32) / 255
    return page
