"""Dropout: a random part of the units is off during training.   Book: §5.7"""
from __future__ import annotations

from .. import check
from .._core import Tensor
from ..functional.attention import dropout
from .module import Module


class Dropout(Module):
    """Training: each entry is 0 with probability p, else x / (1 - p).  Eval: x.   Book: §5.7, (5.47), (5.48)

    Errors  ValueError if p > 0 without rng: the masks come from there
    Differs p is the probability of dropping, 1 - p_keep of the book
    """
    def __init__(self, p: float = 0.5, *, rng=None) -> None:
        check.fraction("Dropout", p=p)
        if p > 0 and rng is None:
            raise ValueError(f"Dropout: p {p} needs rng=, the source of its masks")
        self.p, self.rng = p, rng

    def __call__(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.rng) if self.training else x
