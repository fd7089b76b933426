"""What is it, and where: one trunk with a head for the class and one for the box.   Book: §1.1, §6.6"""
from __future__ import annotations

from typing import Any

import chainrule as cr

from .. import check, losses
from .._core import Tensor
from ..nn import Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential
from .boxes import four


class Localizer(Module):
    """(scores of the classes, box) of the one object in a picture, of class 0 if there is none.

    Both heads share the trunk, so that it is run once and learns from both losses.   Book: §1.1, §6.6

    Shapes  x (N, channels, size, size) -> z (N, classes), box (N, 4) in (0, 1), see models.boxes
    Start   as Conv2d and Linear
    """
    def __init__(self, classes: int, *, channels: int = 3, size: int = 32, width: int = 16,
                 rng: cr.Rng) -> None:
        check.positive("Localizer", classes=classes, channels=channels, width=width)
        if size < 8:
            raise ValueError(f"Localizer: size must be at least 8 pixels, got {size}")
        self.trunk = Sequential(
            Conv2d(channels, width, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
            Conv2d(width, 2 * width, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2),
            Conv2d(2 * width, 2 * width, 3, padding=1, rng=rng), ReLU(), MaxPool2d(2), Flatten())
        features = 2 * width * (size // 8) ** 2
        self.classify = Sequential(Linear(features, 64, rng=rng), ReLU(), Linear(64, classes, rng=rng))
        self.locate = Sequential(Linear(features, 64, rng=rng), ReLU(), Linear(64, 4, rng=rng))

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x)
        return self.classify(features), cr.sigmoid(self.locate(features))


def localization_loss(outputs: tuple[Tensor, Tensor], y: Tensor, target: Tensor, *,
                      gamma: float = 1.0) -> Tensor:
    """C = C_class + γ (1 - y_nothing) C_loc: cross entropy, and the mean square error of the box's numbers.

    Book: §6.6; a mean over the batch

    Shapes  outputs z (N, classes), box (N, 4); y (N,) class numbers, 0 for nothing; target (N, 4), of any
            value, NaN too, where there is nothing
    """
    z, box = outputs
    check.not_negative("localization_loss", gamma=gamma)
    for name, each in (("box", box), ("target", target)):
        four("localization_loss", name, each)
    if box.shape != target.shape:
        raise cr.ShapeError(f"localization_loss: box {tuple(box.shape)} and target {tuple(target.shape)} "
                            "need one shape")
    there = cr.expand_dims(y > 0, -1)
    e = cr.where(there, box, 0.0) - cr.where(there, target.astype(box.dtype), 0.0)
    return losses.cross_entropy(z, y) + gamma * cr.mean(e * e)


def located(outputs: tuple[Tensor, Tensor]) -> list[tuple[int, Any]]:
    """For each picture (the class of the largest score, its box), the box None for nothing.   Book: §6.6"""
    z, box = outputs
    kinds, boxes = cr.argmax(z, axis=-1).to("cpu").numpy().tolist(), box.to("cpu").numpy()
    return [(kind, boxes[i] if kind else None) for i, kind in enumerate(kinds)]
