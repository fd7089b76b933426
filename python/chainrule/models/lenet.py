"""A small convolutional net for small pictures.   Book: §6.5"""
from __future__ import annotations

from .. import check
from .._core import Tensor
from ..nn import Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential


class LeNet(Module):
    """conv - max pool - ReLU, twice, then two dense layers: LeNet-5 with today's parts.   Book: §6.4, §6.5

    Shapes  x (N, channels, size, size) -> z (N, classes), scores for the loss cross_entropy
    Start   as Conv2d and Linear
    Differs LeNet-5 of 1998 has tanh, trained averages as pooling and 6, 16, 120, 84 units; pictures of less
            than 16 pixels a side are convolved with 3 x 3 kernels, padded
    """
    def __init__(self, classes: int = 10, *, channels: int = 1, size: int = 28, width: int = 16, rng) -> None:
        check.positive("LeNet", classes=classes, channels=channels, size=size, width=width)
        if size < 4:
            raise ValueError(f"LeNet: size {size} needs to be at least 4 pixels")
        self.shape = (channels, size, size)
        k, padding = (5, 0) if size >= 16 else (3, 1)
        side = size
        for _ in range(2):
            side = (side - k + 1 + 2 * padding) // 2
        self.trunk = Sequential(
            Conv2d(channels, width, k, padding=padding, rng=rng), MaxPool2d(2), ReLU(),
            Conv2d(width, 2 * width, k, padding=padding, rng=rng), MaxPool2d(2), ReLU())
        self.head = Sequential(Flatten(), Linear(2 * width * side * side, 128, rng=rng), ReLU(),
                               Linear(128, classes, rng=rng))

    def __call__(self, x: Tensor) -> Tensor:
        return self.head(self.trunk(x))
