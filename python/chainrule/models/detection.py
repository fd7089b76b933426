"""Several objects in one picture: each cell of a grid says whether one has its middle there.

Book: §1.1, §6.6; after YOLO (Redmon, Divvala, Girshick, Farhadi, 2016), small: one box a cell.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

from .. import check, losses
from .._core import Tensor
from ..nn import Conv2d, MaxPool2d, Module, ReLU, Sequential
from .boxes import iou, non_maximum_suppression


class Detection(NamedTuple):
    """One object found: class number, probability, box (x, y, h, w)."""
    label: int
    score: float
    box: np.ndarray


class GridDetector(Module):
    """For each cell of a grid, 4 pixels a cell: is an object's middle in it, of which class, in which box.

    Book: §6.6

    Shapes  x (N, channels, S, S), S a multiple of 4 -> z (N, 5 + classes, S/4, S/4): a score of "object";
            the middle's place in the cell, down and across, h and w in shares of the picture, these four
            before a sigmoid; scores of the classes
    Start   as Conv2d; the head's w ~ a tenth of it
    """
    def __init__(self, classes: int, *, channels: int = 3, width: int = 16, rng: cr.Rng) -> None:
        check.positive("GridDetector", classes=classes, channels=channels, width=width)
        self.classes = classes
        n = width
        self.trunk = Sequential(
            Conv2d(channels, n, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
            Conv2d(n, 2 * n, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
            Conv2d(2 * n, 3 * n, 3, padding=1, rng=rng), ReLU(),
            Conv2d(3 * n, 3 * n, 3, padding=1, rng=rng), ReLU())
        self.head = Conv2d(3 * n, 5 + classes, 1, rng=rng)
        self.head.weight = 0.1 * self.head.weight        # scores near 0: most cells hold nothing

    def __call__(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[2] != x.shape[3] or x.shape[2] % 4:
            raise cr.ShapeError(f"GridDetector: x {tuple(x.shape)} needs (N, channels, S, S) with S a "
                                "multiple of 4")
        return self.head(self.trunk(x))

    def detect(self, x: Tensor, *, least: float = 0.5, overlap: float = 0.3) -> list[list[Detection]]:
        """The objects of each picture, the surest first: those with a probability of at least `least`.

        Of boxes that overlap by more than the IoU `overlap` the surest stays (non-maximum suppression).
        """
        check.fraction("detect", least=least, overlap=overlap)
        z = self(x)
        there = cr.sigmoid(z[:, 0])
        probability, label = there * cr.max(cr.softmax(z[:, 5:], axis=1), axis=1), cr.argmax(z[:, 5:], axis=1)
        boxes = boxes_of(cr.sigmoid(z[:, 1:5]))
        arrays = (part.to("cpu").numpy() for part in (boxes, probability, label))
        return [chosen(box, score, kind, least, overlap) for box, score, kind in zip(*arrays, strict=True)]


def chosen(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, least: float,
           overlap: float) -> list[Detection]:
    """The detections of one picture's cells."""
    sure = scores >= least
    boxes, scores, labels = boxes[sure], scores[sure], labels[sure]
    kept = non_maximum_suppression(cr.asarray(boxes), scores, overlap)
    return [Detection(int(labels[i]), float(scores[i]), boxes[i]) for i in kept]


def boxes_of(numbers: Tensor) -> Tensor:
    """Boxes (x, y, h, w) of what the cells say.

    Shapes  numbers (N, 4, G, G): middle's place in the cell, down and across, h, w -> (N, G, G, 4)
    """
    G = numbers.shape[-1]
    start = cr.arange(G).astype(numbers.dtype).to(numbers.device)
    down = (cr.expand_dims(start, 1) + numbers[:, 0]) / G
    across = (start + numbers[:, 1]) / G
    h, w = numbers[:, 2], numbers[:, 3]
    return cr.stack([across - w / 2, down - h / 2, h, w], axis=-1)


def detection_targets(boxes: Any, labels: Any, cells: int) -> np.ndarray:
    """What the cells should say: 1 where an object's middle lies, its four numbers, its class.

    Shapes  boxes (N, most, 4), labels (N, most), ignored where a box is NaN -> (N, 6, cells, cells) float32
    Errors  ValueError for a middle outside the picture; of two objects in one cell the later one is kept
    """
    boxes, labels = np.asarray(boxes), np.asarray(labels)
    if boxes.ndim != 3 or boxes.shape[-1] != 4 or labels.shape != boxes.shape[:2]:
        raise cr.ShapeError(f"detection_targets: boxes {boxes.shape} and labels {labels.shape} need "
                            "(N, most, 4) and (N, most)")
    target = np.zeros((len(boxes), 6, cells, cells), np.float32)
    i, k = np.nonzero(~np.isnan(boxes).any(-1))
    x, y, h, w = boxes[i, k].T
    down, across = (y + h / 2) * cells, (x + w / 2) * cells
    if len(i) and not (0 <= min(down.min(), across.min()) and max(down.max(), across.max()) < cells):
        raise ValueError("detection_targets: a box has its middle outside the picture")
    v, u = down.astype(int), across.astype(int)
    for channel, value in enumerate((1.0, down - v, across - u, h, w, labels[i, k])):
        target[i, channel, v, u] = value
    return target


def detection_loss(z: Tensor, target: Tensor, *, gamma: float = 5.0) -> Tensor:
    """Binary cross entropy of "object"; where there is one, class cross entropy and γ times square errors.

    A sum over the cells, a mean over the pictures.
    Shapes  z as GridDetector gives it, target as detection_targets
    """
    check.not_negative("detection_loss", gamma=gamma)
    there = target[:, 0]
    object_loss = losses.binary_cross_entropy_with_logits(z[:, 0], there, reduction="sum")
    e = cr.sigmoid(z[:, 1:5]) - target[:, 1:5]
    box_loss = cr.sum(cr.expand_dims(there, 1) * e * e)
    log_a = cr.log_softmax(z[:, 5:], axis=1)
    own = cr.one_hot(target[:, 5].astype(cr.int64), z.shape[1] - 5, dtype=z.dtype)     # (N, G, G, classes)
    class_loss = -cr.sum(cr.expand_dims(there, -1) * own * cr.permute_dims(log_a, (0, 2, 3, 1)))
    return (object_loss + class_loss + gamma * box_loss) / z.shape[0]


def detection_scores(found: list[list[Detection]], boxes: Any, labels: Any,
                     overlap: float = 0.5) -> tuple[float, float]:
    """(precision, recall): an object is found by a box of its class with an IoU of at least `overlap`.

    Shapes  boxes (N, most, 4), labels (N, most), ignored where a box is NaN; each object is found once
    """
    right = said = there = 0
    for detections, own, kinds in zip(found, np.asarray(boxes), np.asarray(labels), strict=True):
        left = [k for k in range(len(own)) if not np.isnan(own[k]).any()]
        said, there = said + len(detections), there + len(left)
        for label, _, box in detections:
            shares = {k: iou(cr.asarray(own[k]), cr.asarray(box)).item() for k in left if kinds[k] == label}
            best = max(shares, key=lambda k: shares[k], default=None)
            if best is not None and shares[best] >= overlap:
                right += 1
                left.remove(best)
    return right / max(said, 1), right / max(there, 1)
