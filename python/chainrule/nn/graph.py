"""Graph convolution.   Book: §8.5"""
from __future__ import annotations

from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from ..sparse import CSR
from . import init
from .module import Module


def normalised_adjacency(A: Tensor | CSR) -> Any:
    """D^(-1/2) (A + I) D^(-1/2), D the row sums of A + I: averages over neighbours and self.   Book: (8.96)

    Shapes  A (n, n), dense or sparse -> (n, n) of the same kind, symmetric if A is
    """
    if len(A.shape) != 2 or A.shape[0] != A.shape[1]:
        raise cr.ShapeError(f"normalised_adjacency: A {tuple(A.shape)} needs to be square")
    n = A.shape[0]
    if isinstance(A, CSR):
        diagonal = cr.arange(n, device=A.values.device)
        ones = cr.ones((n,), dtype=A.values.dtype, device=A.values.device)
        row, column = cr.concat([A.rows, diagonal]), cr.concat([A.indices, diagonal])
        loops = CSR.from_coo(row, column, cr.concat([A.values, ones]), A.shape)
        root = 1 / cr.sqrt(loops.sum(axis=1))
        return loops.with_values(root[loops.rows] * loops.values * root[loops.indices])
    B = A + cr.eye(n, dtype=A.dtype).to(A.device)
    root = 1 / cr.sqrt(cr.sum(B, axis=1))
    return root[:, None] * B * root[None, :]


class GraphConv(Module):
    """z = Ã h W + b: mixes the features of neighbours, then of each node.   Book: §8.5, (8.96), (8.97)

    Shapes  h (n, n_in), Ã (n, n) dense or sparse, from normalised_adjacency -> z (n, n_out);
            W (n_in, n_out);  b (n_out,)
    Start   W ~ Glorot uniform;  b = 0
    Errors  ShapeError unless h.shape[-1] == n_in and Ã.shape[-1] == h.shape[-2]
    """
    def __init__(self, n_in: int, n_out: int, bias: bool = True, *, rng) -> None:
        check.positive("GraphConv", n_in=n_in, n_out=n_out)
        self.weight = init.glorot_uniform((n_in, n_out), rng=rng)
        self.bias = cr.zeros((n_out,)) if bias else None

    def __call__(self, h: Tensor, adjacency: Tensor | CSR) -> Tensor:
        if h.ndim < 2 or h.shape[-1] != self.weight.shape[0] or adjacency.shape[-1] != h.shape[-2]:
            raise cr.ShapeError(f"GraphConv: h {tuple(h.shape)} and adjacency {tuple(adjacency.shape)} need "
                                f"h.shape[-1] == n_in {self.weight.shape[0]} and one row of h a node")
        n_in, n_out = self.weight.shape
        # the narrower side meets the (n, n) matrix
        z = adjacency @ (h @ self.weight) if n_out <= n_in else (adjacency @ h) @ self.weight
        return z if self.bias is None else z + self.bias

    def multiply_adds(self, x: Tensor, y: Tensor) -> int:
        n_in, n_out = self.weight.shape
        nodes = x.shape[-2]
        return nodes * n_in * n_out + nodes * nodes * min(n_in, n_out)
