"""The class of every pixel: a net of convolutions alone, so that its output has the picture's shape.

Book: §1.1, Fig. 1.2 (a); §6.6
"""
from __future__ import annotations

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import Conv2d, ConvTranspose2d, MaxPool2d, Module, ReLU, Sequential


class SegmentationNet(Module):
    """Scores of K classes a pixel: two poolings down, two transposed convolutions up, details handed across.

    Book: §6.6; a small U-Net (Ronneberger, Fischer, Brox, 2015)

    Shapes  x (N, channels, H, W), H and W multiples of 4 -> z (N, classes, H, W)
    Loss    cr.losses.cross_entropy(z, y, axis=1) with y (N, H, W) class numbers
    Start   as Conv2d; the w of the scores ~ a tenth of it
    """
    def __init__(self, classes: int, *, channels: int = 3, width: int = 12, rng: cr.Rng) -> None:
        check.positive("SegmentationNet", classes=classes, channels=channels, width=width)
        n = width

        def block(c_in: int, c_out: int) -> Sequential:
            return Sequential(Conv2d(c_in, c_out, 3, padding=1, rng=rng), ReLU())

        self.fine, self.middle, self.coarse = block(channels, n), block(n, 2 * n), block(2 * n, 4 * n)
        self.pool = MaxPool2d(2)
        self.up_middle = ConvTranspose2d(4 * n, 2 * n, 2, stride=2, rng=rng)
        self.up_fine = ConvTranspose2d(2 * n, n, 2, stride=2, rng=rng)
        self.join_middle, self.join_fine = block(4 * n, 2 * n), block(2 * n, n)
        self.score = Conv2d(n, classes, 1, rng=rng)
        self.score.weight = 0.1 * self.score.weight      # classes about as likely: a quicker beginning

    def __call__(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[2] % 4 or x.shape[3] % 4:
            raise cr.ShapeError(f"SegmentationNet: x {tuple(x.shape)} needs (N, channels, H, W) with H and W "
                                "multiples of 4")
        fine = self.fine(x)                                              # (N, n, H, W)
        middle = self.middle(self.pool(fine))                            # (N, 2n, H/2, W/2)
        coarse = self.coarse(self.pool(middle))                          # (N, 4n, H/4, W/4)
        middle = self.join_middle(cr.concat([middle, self.up_middle(coarse)], axis=1))
        fine = self.join_fine(cr.concat([fine, self.up_fine(middle)], axis=1))
        return self.score(fine)
