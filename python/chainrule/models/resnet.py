"""ResNet: blocks that learn what to add to their input.   Book: §6.5

Source: He, Zhang, Ren, Sun (2015), Deep residual learning for image recognition.
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
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)


def shortcut(c_in: int, c_out: int, stride: int, rng: Any) -> Sequential | None:
    """A 1 x 1 convolution with norm where the block changes the shape; None is the identity."""
    if stride == 1 and c_in == c_out:
        return None
    return Sequential(Conv2d(c_in, c_out, 1, stride=stride, bias=False, rng=rng), BatchNorm2d(c_out))


class BasicBlock(Module):
    """a = S(x + r(x)) with r two 3 x 3 convolutions, each with batch norm.   Book: §6.5, Fig. 6.14

    Shapes  x (N, c_in, H, W) -> (N, width, ⌈H / stride⌉, ⌈W / stride⌉)
    """
    expansion = 1

    def __init__(self, c_in: int, width: int, stride: int = 1, *, rng) -> None:
        self.conv1 = Conv2d(c_in, width, 3, stride=stride, padding=1, bias=False, rng=rng)
        self.bn1 = BatchNorm2d(width)
        self.conv2 = Conv2d(width, width, 3, padding=1, bias=False, rng=rng)
        self.bn2 = BatchNorm2d(width)
        self.downsample = shortcut(c_in, width, stride, rng)

    def __call__(self, x: Tensor) -> Tensor:
        r = self.bn2(self.conv2(cr.relu(self.bn1(self.conv1(x)))))
        return cr.relu(r + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(Module):
    """a = S(x + r(x)) with r convolutions 1 x 1, 3 x 3, 1 x 1: few channels in the middle.   Book: §6.5

    Shapes  x (N, c_in, H, W) -> (N, 4 width, ⌈H / stride⌉, ⌈W / stride⌉)
    Differs the stride is in the 3 x 3 convolution, as in torchvision; in the paper in the first
    """
    expansion = 4

    def __init__(self, c_in: int, width: int, stride: int = 1, *, rng) -> None:
        c_out = 4 * width
        self.conv1 = Conv2d(c_in, width, 1, bias=False, rng=rng)
        self.bn1 = BatchNorm2d(width)
        self.conv2 = Conv2d(width, width, 3, stride=stride, padding=1, bias=False, rng=rng)
        self.bn2 = BatchNorm2d(width)
        self.conv3 = Conv2d(width, c_out, 1, bias=False, rng=rng)
        self.bn3 = BatchNorm2d(c_out)
        self.downsample = shortcut(c_in, c_out, stride, rng)

    def __call__(self, x: Tensor) -> Tensor:
        r = cr.relu(self.bn1(self.conv1(x)))
        r = self.bn3(self.conv3(cr.relu(self.bn2(self.conv2(r)))))
        return cr.relu(r + (x if self.downsample is None else self.downsample(x)))


class ResNet(Module):
    """A first convolution, four stages of residual blocks, the mean over the pixels, one dense layer.

    Book: §6.5

    `blocks` are the numbers of blocks in the stages; each stage after the first halves the side and has twice
    the channels, `width` in the first. stem="imagenet" begins with a 7 x 7 convolution of stride 2 and a pool
    of stride 2; stem="small", for pictures of about 32 pixels, with a 3 x 3 convolution of stride 1.

    Shapes  x (N, channels, H, W) -> scores (N, classes), for the loss cross_entropy
    Start   as Conv2d and Linear; γ = 1, β = 0 in the norms
    Differs names of the state are those of torchvision's ResNet, so its files load
    """
    def __init__(self, block: type[BasicBlock] | type[Bottleneck], blocks: tuple[int, ...],
                 classes: int = 1000, *, channels: int = 3, width: int = 64, stem: str = "imagenet",
                 rng) -> None:
        check.positive("ResNet", classes=classes, channels=channels, width=width)
        check.one_of("ResNet", "stem", stem, ("imagenet", "small"))
        if len(blocks) != 4:
            raise ValueError(f"ResNet: blocks {blocks!r} needs four numbers, one a stage")
        large = stem == "imagenet"
        self.conv1 = Conv2d(channels, width, 7 if large else 3, stride=2 if large else 1,
                            padding=3 if large else 1, bias=False, rng=rng)
        self.bn1 = BatchNorm2d(width)
        self.relu = ReLU()
        self.maxpool = MaxPool2d(3, 2, padding=1) if large else None
        c_in = width
        stages = []
        for i, count in enumerate(blocks):
            stage = []
            for j in range(count):
                stage.append(block(c_in, width << i, 2 if i and not j else 1, rng=rng))
                c_in = block.expansion * (width << i)
            stages.append(Sequential(*stage))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = AdaptiveAvgPool2d(1)
        self.flatten = Flatten()
        self.fc = Linear(c_in, classes, rng=rng)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = x if self.maxpool is None else self.maxpool(x)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.fc(self.flatten(self.avgpool(x)))

    def probabilities(self, x: Tensor) -> Tensor:
        """softmax of the scores, (N, classes)."""
        return cr.softmax(self(x))


def resnet18(classes: int = 1000, **options: Any) -> ResNet:
    """17 convolutions and a dense layer: 11,689,512 parameters.   Book: §6.5"""
    return ResNet(BasicBlock, (2, 2, 2, 2), classes, **options)


def resnet34(classes: int = 1000, **options: Any) -> ResNet:
    """33 convolutions and a dense layer: 21,797,672 parameters.   Book: §6.5"""
    return ResNet(BasicBlock, (3, 4, 6, 3), classes, **options)


def resnet50(classes: int = 1000, **options: Any) -> ResNet:
    """49 convolutions in bottlenecks and a dense layer: 25,557,032 parameters.   Book: §6.5"""
    return ResNet(Bottleneck, (3, 4, 6, 3), classes, **options)


def resnet101(classes: int = 1000, **options: Any) -> ResNet:
    """100 convolutions in bottlenecks and a dense layer: 44,549,160 parameters.   Book: §6.5"""
    return ResNet(Bottleneck, (3, 4, 23, 3), classes, **options)


def resnet152(classes: int = 1000, **options: Any) -> ResNet:
    """151 convolutions in bottlenecks and a dense layer: 60,192,808 parameters.   Book: §6.5"""
    return ResNet(Bottleneck, (3, 8, 36, 3), classes, **options)
