"""AlexNet: the convolutional net that won ImageNet's contest of 2012.   Book: §1.2, §6.5

Source: Krizhevsky, Sutskever, Hinton (2012), ImageNet classification with deep convolutional neural networks.
"""
from __future__ import annotations

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import AdaptiveAvgPool2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential


class AlexNet(Module):
    """Five convolutions, three dense layers, ReLU and dropout, in two streams.   Book: §6.5

    `groups=2` keeps the channels of the second, fourth and fifth convolution in two halves that do not see
    each other: what the two GPUs of 2012 held. The pictures' side goes 227, 55, 27, 13, 6; other sides are
    pooled to the last grid of 6.

    Shapes  x (N, channels, 227, 227) -> scores (N, classes), for the loss cross_entropy
    Start   as Conv2d and Linear
    Differs local response normalisation is left out. groups=1 with widths (64, 192, 384, 256, 256) and
            padding=2 is torchvision's alexnet for pictures of 224 pixels, under its names
    """
    def __init__(self, classes: int = 1000, *, channels: int = 3, groups: int = 2,
                 widths: tuple[int, ...] = (96, 256, 384, 384, 256), hidden: int = 4096, padding: int = 0,
                 dropout: float = 0.5, rng) -> None:
        check.positive("AlexNet", classes=classes, channels=channels, hidden=hidden)
        if len(widths) != 5:
            raise ValueError(f"AlexNet: widths {widths!r} needs five numbers, one a convolution")
        a, b, c, d, e = widths
        self.features = Sequential(
            Conv2d(channels, a, 11, stride=4, padding=padding, rng=rng), ReLU(), MaxPool2d(3, 2),
            Conv2d(a, b, 5, padding=2, groups=groups, rng=rng), ReLU(), MaxPool2d(3, 2),
            Conv2d(b, c, 3, padding=1, rng=rng), ReLU(),
            Conv2d(c, d, 3, padding=1, groups=groups, rng=rng), ReLU(),
            Conv2d(d, e, 3, padding=1, groups=groups, rng=rng), ReLU(), MaxPool2d(3, 2))
        self.avgpool = AdaptiveAvgPool2d(6)
        self.flatten = Flatten()
        self.classifier = Sequential(
            Dropout(dropout, rng=rng), Linear(e * 36, hidden, rng=rng), ReLU(),
            Dropout(dropout, rng=rng), Linear(hidden, hidden, rng=rng), ReLU(),
            Linear(hidden, classes, rng=rng))

    def __call__(self, x: Tensor) -> Tensor:
        return self.classifier(self.flatten(self.avgpool(self.features(x))))

    def probabilities(self, x: Tensor) -> Tensor:
        """softmax of the scores, (N, classes); call eval() first, so that dropout is off."""
        return cr.softmax(self(x))
