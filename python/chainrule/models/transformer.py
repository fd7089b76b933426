"""The encoder-decoder transformer: one sequence into another.   Book: §1.2, §7.5, Fig. 7.16"""
from __future__ import annotations

from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import (
    Dropout,
    Embedding,
    Linear,
    Module,
    TransformerBlock,
    TransformerDecoderBlock,
    sinusoidal_positions,
)
from .gpt import choose


class Transformer(Module):
    """An encoder makes the code z* of the source; a decoder writes the target word by word, looking at z*.

    Book: §7.5, Fig. 7.15, Fig. 7.16, (7.31), (7.33)

    Words are numbers below `n_in` and `n_out`. The decoder is given the target so far and scores the next
    word; with `padding`, places of the source that hold that number are not looked at, and targets that are
    that number do not count in the loss.

    Shapes  source (..., S), target (..., T) -> scores (..., T, n_out) of the word after each prefix
    Start   as Embedding, the blocks and Linear
    Errors  ShapeError for more than `longest` words
    Differs norm_first=True takes the norms before the parts of a block and not after them
    """
    def __init__(self, n_in: int, n_out: int, *, p: int = 64, heads: int = 4, hidden: int = 128,
                 layers: int = 2, dropout: float = 0.0, norm_first: bool = False, padding: int | None = None,
                 longest: int = 512, rng) -> None:
        check.positive("Transformer", n_in=n_in, n_out=n_out, layers=layers, longest=longest)
        options: Any = {"norm_first": norm_first, "dropout": dropout, "rng": rng}
        self.padding, self.longest, self.p = padding, longest, p
        self.source = Embedding(n_in, p, rng=rng)
        self.target = Embedding(n_out, p, rng=rng)
        self.encoder = [TransformerBlock(p, heads, hidden, **options) for _ in range(layers)]
        self.decoder = [TransformerDecoderBlock(p, heads, hidden, **options) for _ in range(layers)]
        self.output = Linear(p, n_out, rng=rng)
        self.drop = Dropout(dropout, rng=rng if dropout else None)

    def placed(self, vectors: Tensor) -> Tensor:
        """Word vectors plus those of their places, (..., T, p).   Book: (7.29)"""
        T = vectors.shape[-2]
        if T > self.longest:
            raise cr.ShapeError(f"Transformer: {T} words are more than longest {self.longest}")
        positions = sinusoidal_positions(T, self.p).to(vectors.device).astype(vectors.dtype)
        return self.drop(vectors + positions)

    def encode(self, source: Tensor) -> Tensor:
        """The code z* (..., S, p)."""
        h, mask = self.placed(self.source(source)), self.visible(source)
        for block in self.encoder:
            h = block(h, mask=mask)
        return h

    def decode(self, target: Tensor, code: Tensor, code_mask: Tensor | None = None) -> Tensor:
        """Scores (..., T, n_out) of the word after each prefix of the target."""
        h = self.placed(self.target(target))
        for block in self.decoder:
            h = block(h, code, code_mask=code_mask)
        return self.output(h)

    def visible(self, source: Tensor) -> Tensor | None:
        """Where a query may look, (..., 1, S)."""
        return None if self.padding is None else (source != self.padding)[..., None, :]

    def __call__(self, source: Tensor, target: Tensor) -> Tensor:
        return self.decode(target, self.encode(source), self.visible(source))

    def loss(self, source: Tensor, target: Tensor) -> Tensor:
        """Mean cross entropy of each target word given those before it, nats; the first is only given."""
        z = self(source, target[..., :-1])
        return cr.losses.cross_entropy(z, target[..., 1:], ignore_index=self.padding)

    def translate(self, source: Tensor, start: int, stop: int, longest: int, *, temperature: float = 0.0,
                  top_k: int | None = None, rng=None) -> list[list[int]]:
        """The words between `start` and `stop` for each row of the source, at most `longest`.

        What the decoder said goes back into it, one word after another. Words are those of the highest score,
        or drawn from softmax(scores / temperature). Call eval() first, so that dropout is off.

        Shapes  source (N, S) -> N lists
        """
        check.positive("Transformer.translate", longest=longest)
        check.not_negative("Transformer.translate", temperature=temperature)
        if temperature > 0 and rng is None:
            raise ValueError("Transformer.translate: a temperature above 0 needs rng=")
        if source.ndim != 2:
            raise cr.ShapeError(f"Transformer.translate: source {tuple(source.shape)} needs shape (N, S)")
        code, mask = self.encode(source), self.visible(source)
        said = cr.full((source.shape[0], 1), start, dtype=cr.int64, device=source.device)
        done = said[:, 0] != start
        for _ in range(longest):
            z = self.decode(said, code, mask)[:, -1]
            word = choose(z, temperature, top_k, rng).astype(cr.int64)
            said = cr.concat([said, word[:, None]], axis=1)
            done = done | (word == stop)
            if bool(cr.all(done).item()):
                break
        rows = [row[1:] for row in said.tolist()]
        return [row[:row.index(stop)] if stop in row else row for row in rows]
