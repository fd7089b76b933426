"""Chapter 1, §1.1: what one kind of network is trained for, and training it for something else."""
from __future__ import annotations

import time
from typing import Any

import numpy as np

import chainrule as cr

from .. import models, nn
from .ch1_data import at_hand
from .draw import COLOURS, panels, pictures
from .registry import book
from .result import Result, at_least, fact, shown

NAMES = ("five", "six", "seven", "eight", "nine")


# ---- Fig. 1.1

def little_vgg(classes: int, rng: cr.Rng, width: int = 8) -> nn.Sequential:
    """3 x 3 convolutions in pairs, each pair ended by a 2 x 2 max pool; one dense layer."""
    def conv(c_in: int, c_out: int) -> list[Any]:
        return [nn.Conv2d(c_in, c_out, 3, padding=1, rng=rng), nn.ReLU()]

    n = width
    trunk = nn.Sequential(*conv(1, n), *conv(n, n), nn.MaxPool2d(2), *conv(n, 2 * n), *conv(2 * n, 2 * n),
                          nn.MaxPool2d(2), *conv(2 * n, 4 * n), nn.MaxPool2d(2), nn.Flatten())
    return nn.Sequential(trunk=trunk, head=nn.Linear(9 * 4 * n, classes, rng=rng))


def part(data: Any, classes: Any, each: int, skip: int = 0) -> Any:
    """`each` samples of each of these classes, numbered 0, 1, ..."""
    y = data.y.numpy()
    chosen = [np.flatnonzero(y == k)[skip:skip + each] for k in classes]
    labels = np.repeat(np.arange(len(classes)), [len(c) for c in chosen])
    return cr.data.Dataset(data.x.numpy()[np.concatenate(chosen)], labels, classes=NAMES)


@book("1.1-fig1.1-finetune-demo", "1.1-transfer-learning", slow=True)
def fine_tuning(full: bool = False) -> Result:
    """Weights that know five classes are tuned to five others with six labels each.   Book: §1.1, Fig. 1.1

    The book tunes VGG19 from ImageNet to fruits. Here a small net of its style has learnt the digits 0 to 4,
    and is tuned to 5 to 9 from 30 pictures: first a new head with the rest frozen, then all, the rest slowly.
    Training the same net from scratch has the same pictures and the same number of steps.
    """
    remarks: list[str] = []
    train, test = at_hand(cr.data.mnist, remarks)
    if remarks:                                          # noise makes the made digits as hard as written ones
        train, test = (cr.data.made_digits(n, rng=cr.Rng(n), noise=0.5) for n in (6000, 1000))
    valid = part(test, range(5, 10), 100)
    shares, runs = [], []
    for seed in range(5):
        rng = cr.Rng(seed)
        source = little_vgg(5, rng)
        cr.train.fit(source, part(train, range(5), 4000 if full else 400),
                     optimizer=cr.optim.Adam(source, alpha=3e-3), epochs=3, batch_size=32, rng=rng,
                     progress=False)
        few = part(train, range(5, 10), 6, skip=6 * seed)
        tuned, clock = little_vgg(5, rng), Clock()
        cr.train.transfer(tuned, source, new="head")
        histories = cr.train.fine_tune(
            tuned, few, new="head", head_epochs=10, epochs=10, alpha=1e-2, factor=0.03, rng=rng,
            batch_size=10, test=valid if seed == 0 else None, progress=False, callbacks=[clock])
        scratch = little_vgg(5, rng)
        cr.train.fit(scratch, few, optimizer=cr.optim.Adam(scratch, alpha=3e-3), epochs=20, batch_size=10,
                     rng=rng, progress=False)
        shares.append([cr.accuracy(model, valid) for model in (tuned, scratch)])
        runs.append((tuned, few, histories, np.diff(clock.times)))
    model, few, histories, seconds = runs[0]
    outside, label = typical(test, 7), 2
    a = cr.softmax(model(outside[None]), axis=-1).numpy()[0]
    tuned_share, scratch_share = np.mean(shares, axis=0)
    rows = [at_least("accuracy tuned, mean of 5 seeds", 0.6, tuned_share),
            shown("accuracy from scratch, mean of 5 seeds", scratch_share),
            fact("tuning beats training from scratch, mean of 5 seeds", tuned_share > scratch_share),
            fact(f"the outside picture is a {NAMES[label]}", int(a.argmax()) == label),
            shown("its probabilities", np.round(a, 4).astype(float)),
            shown("s for an epoch", float(np.mean(seconds)))]
    return Result(rows, {"(b) Labelled pictures to tune with": few_pictures(few),
                         "(c) Progress, and accuracy of five runs": progress(histories, seconds, shares),
                         "(d) A picture from outside, and (e) its prediction": prediction(outside, a)},
                  [f"(a) a net of {source.parameter_count():,} weights that knows the digits 0 to 4, and 30 "
                   "pictures of the digits 5 to 9", *remarks])


def typical(data: Any, k: int) -> Any:
    """The picture of class k that is nearest to the mean of its class."""
    x = data.x.numpy()[data.y.numpy() == k]
    return cr.asarray(x[((x - x.mean(0)) ** 2).sum((1, 2, 3)).argmin()])


class Clock:
    """The time at the start and after each epoch; a callback of `fit`."""
    def __init__(self) -> None:
        self.times = [time.perf_counter()]

    def __call__(self, event: str, run: Any) -> None:
        if event == "epoch":
            self.times.append(time.perf_counter())


def few_pictures(few: Any) -> Any:
    figure, axes = panels(10, 3, width=0.9, height=0.95)
    pictures(axes, few.x.numpy(), [NAMES[k] for k in few.y.numpy()])
    return figure


def progress(histories: Any, seconds: Any, shares: Any) -> Any:
    """The table that training prints, each second epoch, beside a dot a run."""
    figure, (left, right) = panels(2, 1, width=4.6, gridspec_kw={"width_ratios": [2, 1]})
    epochs = [(stage, row) for stage, history in zip(("head", "all"), histories, strict=True)
              for row in history.epochs]
    cells = [[stage, row["epoch"], f"{row['train_loss']:.3f}", f"{row['test_loss']:.3f}",
              f"{1 - row['test_accuracy']:.1%}", f"{s:.2f}"]
             for (stage, row), s in zip(epochs, seconds, strict=True)][1::2]
    left.set_axis_off()
    heads = ["trained", "epoch", "train loss", "valid loss", "error rate", "time, s"]
    table = left.table(cells, colLabels=heads, loc="center", cellLoc="center", edges="horizontal")
    table.scale(1, 1.25)
    for run in shares:
        right.plot([0, 1], run, "-", color="0.8", zorder=1)
    for k, colour in enumerate(COLOURS[:2]):
        right.plot(np.full(len(shares), k), [run[k] for run in shares], "o", color=colour)
    right.set_xticks([0, 1], ["tuned", "from scratch"])
    right.set(xlim=(-0.4, 1.4), ylabel="share of right answers, 500 new pictures",
              title="30 labels, five seeds")
    return figure


def prediction(picture: Any, a: Any) -> Any:
    figure, (left, right) = panels(2, 1, width=3, height=2.6)
    pictures([left], [picture.numpy()])
    best = int(a.argmax())
    right.bar(NAMES, a, color=[COLOURS[1] if k == best else COLOURS[0] for k in range(5)])
    right.set(ylabel="probability", ylim=(0, 1), title=f"{NAMES[best]}, class {best}: {a[best]:.3f}")
    return figure


# ---- Fig. 1.2

def standard(scenes: Any) -> Any:
    """Pixels of mean near 0 and deviation near 1."""
    return ((scenes.x - 0.35) / 0.25).astype(np.float32)


def trained(model: Any, x: Any, y: Any, loss: Any, epochs: int, alpha: float = 1e-2) -> Any:
    """The model after some walks through the data in batches of 16."""
    adam = cr.optim.Adam(model, alpha=cr.optim.schedules.Cosine(alpha, epochs * -(-len(x) // 16)))
    cr.train.fit(model, cr.data.Dataset(x, y), optimizer=adam, epochs=epochs, batch_size=16, rng=cr.Rng(0),
                 loss=loss, progress=False)
    return model.eval()


@book("1.1-fig1.2-tasks-gallery", "1.1-task-semantic-segmentation", "1.1-task-object-detection",
      "1.1-task-localization", slow=True)
def tasks(full: bool = False) -> Result:
    """The class of every pixel, and a box around every object.   Book: §1.1, Fig. 1.2

    Made scenes of squares, discs and triangles of any colour; the book shows photographs of streets. A third
    net has two heads on one trunk, for the class and the box of a single object.
    """
    n, epochs = (4000, 15) if full else (800, 7)
    seen, new = cr.data.scenes(n, rng=cr.Rng(0)), cr.data.scenes(200, rng=cr.Rng(1))
    x = cr.asarray(standard(new))
    masks = trained(models.SegmentationNet(4, width=8, rng=cr.Rng(0)), standard(seen), seen.masks,
                    lambda z, y: cr.losses.cross_entropy(z, y, axis=1), epochs)
    found_masks = cr.argmax(masks(x), axis=1).numpy()
    targets = models.detection_targets(seen.boxes, seen.labels - 1, 8)
    detector = trained(models.GridDetector(3, rng=cr.Rng(0)), standard(seen), targets, models.detection_loss,
                       epochs)
    found = detector.detect(x)
    precision, recall = models.detection_scores(found, new.boxes, new.labels - 1)
    hits, agreement = localise(n, epochs)
    return Result(
        [at_least("segmentation: share of right pixels", 0.97, np.mean(found_masks == new.masks)),
         at_least("segmentation: mean IoU of classes", 0.8, cr.metrics.mean_iou(found_masks, new.masks)),
         at_least("detection: objects found (recall), IoU 0.5", 0.8, recall),
         at_least("detection: boxes that are right (precision)", 0.8, precision),
         at_least("localisation: share of right classes", 0.95, hits),
         at_least("localisation: mean IoU of the boxes", 0.55, agreement)],
        {"Pictures, (a) the class of each pixel, (b) boxes with class and probability":
         scenes_with_answers(new, found_masks, found)})


def localise(n: int, epochs: int) -> tuple[float, float]:
    """(accuracy, mean IoU) of the net with two heads, on pictures with one object or none."""
    seen, new = (cr.data.scenes(m, rng=cr.Rng(seed), least=0, most=1) for seed, m in ((2, n), (3, 300)))
    y = np.concatenate([seen.labels, seen.boxes[:, 0]], axis=1).astype(np.float32)
    model = trained(models.Localizer(4, rng=cr.Rng(0)), standard(seen), y,
                    lambda out, y: models.localization_loss(out, y[:, 0].astype(cr.int64), y[:, 1:],
                                                            gamma=10.0), epochs, 5e-3)
    z, box = model(cr.asarray(standard(new)))
    there = new.labels[:, 0] > 0
    shares = models.iou(box, cr.asarray(np.nan_to_num(new.boxes[:, 0]))).numpy()[there]
    return cr.accuracy(z, new.labels[:, 0]), float(shares.mean())


def scenes_with_answers(scenes: Any, masks: Any, found: Any, count: int = 6) -> Any:
    """Row by row: the pictures, the found mask in colours over them, the found boxes."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch, Rectangle

    size = scenes.x.shape[-1]
    figure, axes = panels(count, 3, width=1.8, height=1.75)
    for row in axes:
        pictures(row, scenes.x[:count])
    names = scenes.classes[1:]
    for i, axis in enumerate(axes[1]):
        axis.imshow(np.ma.masked_equal(masks[i], 0), cmap=ListedColormap(COLOURS[:3]), vmin=1, vmax=3,
                    alpha=0.75, interpolation="nearest")
    for i, axis in enumerate(axes[2]):
        for label, score, (x, y, h, w) in found[i]:
            colour, place = COLOURS[label], (x * size - 0.5, y * size - 0.5)
            axis.add_patch(Rectangle(place, w * size, h * size, fill=False, linewidth=1.5, edgecolor=colour))
            axis.text(x * size, max(y * size - 1.2, 1.5), f"{names[label]} {score:.2f}", color="white",
                      fontsize=6, bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8})
    for axis, what in zip(axes[:, 0], ("scene", "(a) classes", "(b) boxes"), strict=True):
        axis.text(-0.06, 0.5, what, rotation=90, ha="right", va="center", transform=axis.transAxes)
    figure.legend(handles=[Patch(color=c, label=name) for c, name in zip(COLOURS, names, strict=False)],
                  loc="outside lower center", ncols=3)
    return figure
