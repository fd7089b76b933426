"""A table of vectors, one for each word of a lexicon.   Book: §7.1"""
from __future__ import annotations

from .. import check
from .._core import Tensor
from ..functional.attention import embedding
from . import init
from .module import Module


class Embedding(Module):
    """Row `index` of a trained table: the product of a one-hot vector and the table.   Book: §7.1

    Shapes  index (...) integers -> (..., p);  weight (n, p)
    Start   weight ~ N(0, 1); the row padding_index, which is not trained, 0
    Errors  IndexError unless 0 <= index < n
    """
    def __init__(self, n: int, p: int, padding_index: int | None = None, *, rng) -> None:
        check.positive("Embedding", n=n, p=p)
        if padding_index is not None and not 0 <= padding_index < n:
            raise ValueError(f"Embedding: padding_index {padding_index} needs to be 0 to n - 1 = {n - 1}")
        self.padding_index = padding_index
        self.weight = init.normal((n, p), rng=rng)
        if padding_index is not None:
            self.weight[padding_index] = 0.0

    def __call__(self, index: Tensor) -> Tensor:
        return embedding(index, self.weight, self.padding_index)

    def __repr__(self) -> str:
        n, p = self.weight.shape
        return f"Embedding({n}, {p})"
