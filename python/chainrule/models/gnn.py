"""Graph convolutional networks.   Book: §8.5"""
from __future__ import annotations

from itertools import pairwise

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import Dropout, GraphConv, Linear, Module
from ..sparse import CSR


class GCN(Module):
    """h ← S(Ã h W + b) layer by layer, without S after the last: scores for each node, or for the graph.

    Book: §8.5, (8.84), (8.96), (8.97)

    Ã = nn.normalised_adjacency(A); graphs of any size go through the same weights. With `readout` "mean",
    "sum" or "max" the last hidden states of all nodes become one vector, and a dense layer scores the graph.

    Shapes  h (n, N_0), Ã (n, n) dense or sparse -> (n, N_L), or (N_L,) with a readout
    Start   as GraphConv and Linear
    """
    def __init__(self, *sizes: int, readout: str | None = None, dropout: float = 0.0, rng) -> None:
        if len(sizes) < (2 if readout is None else 3):
            raise ValueError(f"GCN: sizes {sizes} needs the input's, the output's"
                             + ("" if readout is None else " and one between"))
        check.positive("GCN", **{f"sizes[{i}]": n for i, n in enumerate(sizes)})
        check.one_of("GCN", "readout", readout, (None, "mean", "sum", "max"))
        self.readout = readout
        graph = sizes if readout is None else sizes[:-1]
        self.layers = [GraphConv(n_in, n_out, rng=rng) for n_in, n_out in pairwise(graph)]
        self.head = None if readout is None else Linear(sizes[-2], sizes[-1], rng=rng)
        self.drop = Dropout(dropout, rng=rng if dropout else None)

    def __call__(self, h: Tensor, adjacency: Tensor | CSR) -> Tensor:
        for i, layer in enumerate(self.layers):
            h = layer(self.drop(h), adjacency)
            if self.head is not None or i < len(self.layers) - 1:
                h = cr.relu(h)
        if self.head is None or self.readout is None:
            return h
        return self.head({"mean": cr.mean, "sum": cr.sum, "max": cr.max}[self.readout](h, axis=-2))
