"""VGG: many small convolutions in a row, then three dense layers.   Book: §6.4, Table 6.1

Source: Simonyan, Zisserman (2014), Very deep convolutional networks for large-scale image recognition.
"""
from __future__ import annotations

from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)

# convolutions in each of the five stages, by the number of layers with weights
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


class VGG(Module):
    """Five stages of 3 x 3 convolutions, each ended by a 2 x 2 max pool; dense 4096, 4096, classes.

    Book: §1.1, §6.4, Table 6.1

    `depth` counts the layers with weights: 11, 13, 16 or 19. `batch_norm` puts a norm after each convolution;
    `widths` are the channels of the stages, `hidden` the width of the dense layers, `size` the side of the
    pictures it is made for (others are pooled to the same last grid).

    Shapes  x (N, channels, size, size) -> scores (N, classes), for the loss cross_entropy
    Start   as Conv2d and Linear
    Differs names of the state are those of torchvision's VGG, so its files load; nn.init.Outline() as rng
            makes the shapes alone
    """
    def __init__(self, depth: int = 19, classes: int = 1000, *, batch_norm: bool = False, channels: int = 3,
                 size: int = 224, widths: tuple[int, ...] = WIDTHS, hidden: int = 4096, dropout: float = 0.5,
                 rng: Any) -> None:
        check.one_of("VGG", "depth", depth, tuple(STAGES))
        check.positive("VGG", classes=classes, channels=channels, hidden=hidden)
        if len(widths) != len(WIDTHS):
            raise ValueError(f"VGG: widths {widths!r} needs five numbers, one a stage")
        if size < 32:
            raise ValueError(f"VGG: size {size} needs to be at least 32 pixels, halved five times")
        layers: list[Module] = []
        for count, width in zip(STAGES[depth], widths, strict=True):
            for _ in range(count):
                layers.append(Conv2d(channels, width, 3, padding=1, rng=rng))
                layers += [BatchNorm2d(width), ReLU()] if batch_norm else [ReLU()]
                channels = width
            layers.append(MaxPool2d(2))
        side = size // 32
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(side)
        self.flatten = Flatten()
        self.classifier = Sequential(
            Linear(channels * side * side, hidden, rng=rng), ReLU(), Dropout(dropout, rng=rng),
            Linear(hidden, hidden, rng=rng), ReLU(), Dropout(dropout, rng=rng),
            Linear(hidden, classes, rng=rng))

    def __call__(self, x: Tensor) -> Tensor:
        return self.classifier(self.flatten(self.avgpool(self.features(x))))

    def probabilities(self, x: Tensor) -> Tensor:
        """softmax of the scores, (N, classes); call eval() first, so that dropout is off."""
        return cr.softmax(self(x))


def vgg11(classes: int = 1000, **options: Any) -> VGG:
    """8 convolutions and 3 dense layers: 132,863,336 parameters.   Book: §6.5"""
    return VGG(11, classes, **options)


def vgg13(classes: int = 1000, **options: Any) -> VGG:
    """10 convolutions and 3 dense layers: 133,047,848 parameters.   Book: §6.5"""
    return VGG(13, classes, **options)


def vgg16(classes: int = 1000, **options: Any) -> VGG:
    """13 convolutions and 3 dense layers: 138,357,544 parameters.   Book: §6.5"""
    return VGG(16, classes, **options)


def vgg19(classes: int = 1000, **options: Any) -> VGG:
    """16 convolutions and 3 dense layers: 143,667,240 parameters.   Book: §1.1, §6.4, Table 6.1"""
    return VGG(19, classes, **options)


def vgg11_bn(classes: int = 1000, **options: Any) -> VGG:
    """vgg11 with batch norm.   Book: §6.5"""
    return VGG(11, classes, batch_norm=True, **options)


def vgg13_bn(classes: int = 1000, **options: Any) -> VGG:
    """vgg13 with batch norm.   Book: §6.5"""
    return VGG(13, classes, batch_norm=True, **options)


def vgg16_bn(classes: int = 1000, **options: Any) -> VGG:
    """vgg16 with batch norm.   Book: §6.5"""
    return VGG(16, classes, batch_norm=True, **options)


def vgg19_bn(classes: int = 1000, **options: Any) -> VGG:
    """vgg19 with batch norm: 143,678,248 parameters.   Book: §1.1, Fig. 1.1"""
    return VGG(19, classes, batch_norm=True, **options)
