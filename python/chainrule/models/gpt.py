"""A transformer that continues a text, one token at a time.   Book: §7.5, the decoder-only form

Source: Radford et al. (2019), Language models are unsupervised multitask learners.
"""
from __future__ import annotations

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import Embedding, LayerNorm, Linear, Module, TransformerBlock, init
from ..nn.attention import Past


class GPT(Module):
    """Scores of the next token after each prefix: blocks with causal self attention on tokens and places.

    Book: §7.5, Fig. 7.15, (7.31) with a causal mask and without cross attention

    `tied` uses the table of token vectors for the scores as well: z = table h.

    Shapes  index (..., T), T ≤ context -> scores (..., T, vocab); position t sees tokens 0 to t
    Start   token and position vectors ~ N(0, 0.02²), the maps back into the sum over blocks scaled by
            1 / √(2 layers), others as their layers
    Errors  ShapeError unless T ≤ context; IndexError unless 0 ≤ index < vocab
    Differs learned positions and a norm before each part, where the book has sinusoids and a norm after
    """
    def __init__(self, vocab: int, context: int, layers: int, heads: int, width: int, *, dropout: float = 0.0,
                 tied: bool = True, rng) -> None:
        check.positive("GPT", vocab=vocab, context=context, layers=layers, heads=heads, width=width)
        self.context = context
        self.tokens = Embedding(vocab, width, rng=rng)
        self.tokens.weight = init.normal((vocab, width), 0.0, 0.02, rng=rng)
        self.positions = init.normal((context, width), 0.0, 0.02, rng=rng)
        self.blocks = [TransformerBlock(width, heads, 4 * width, norm_first=True, dropout=dropout,
                                        activation="gelu", rng=rng) for _ in range(layers)]
        for block in self.blocks:
            for last in (block.attend.out_proj, block.net.layers[-1]):
                last.weight = last.weight * (2 * layers) ** -0.5
        self.norm = LayerNorm(width)
        self.head = None if tied else Linear(width, vocab, bias=False, rng=rng)

    def __call__(self, index: Tensor) -> Tensor:
        h = self._placed(index)                                            # (..., T, width)
        for block in self.blocks:
            h = block(h, causal=True)
        return self.scores(h)

    def scores(self, h: Tensor) -> Tensor:
        """Those of the next token, from what the last block made; (..., width) -> (..., vocab)."""
        h = self.norm(h)
        return cr.linear(h, self.tokens.weight) if self.head is None else self.head(h)

    def follow(self, index: Tensor, past: list[Past] | None = None) -> tuple[Tensor, list[Past]]:
        """Scores (..., vocab) after the last of the given tokens, and the keys and values of all so far.

        With those of earlier tokens, a pair a block, as `past`, index (..., 1) is the one that follows.
        """
        h, now = self._placed(index, past[0][0].shape[-2] if past else 0), []
        for i, block in enumerate(self.blocks):
            h, kept = block.extend(h, past[i] if past else None)
            now.append(kept)
        return self.scores(h[..., -1, :]), now

    def _placed(self, index: Tensor, place: int = 0) -> Tensor:
        if index.ndim == 0 or place + index.shape[-1] > self.context:
            raise cr.ShapeError(f"GPT: index {tuple(index.shape)} needs a last axis of at most context "
                                f"{self.context} tokens{f', {place} of them before it' * (place > 0)}")
        return self.tokens(index) + self.positions[place:place + index.shape[-1]]

    def loss(self, index: Tensor) -> Tensor:
        """Mean cross entropy of each token given those before it, nats; index (..., T + 1), T ≥ 1."""
        return cr.losses.cross_entropy(self(index[..., :-1]), index[..., 1:])

    def generate(self, index: Tensor, steps: int, *, temperature: float = 1.0, top_k: int | None = None,
                 rng=None) -> Tensor:
        """The given tokens and `steps` more, each drawn from softmax(scores / temperature).

        temperature = 0 takes the token with the highest score; top_k draws among the k best only. Beyond the
        context the oldest tokens are forgotten. Call eval() first, so that dropout is off.

        Shapes  index (..., T), T ≥ 1 -> (..., T + steps)
        Cost    the keys and values of earlier tokens are kept: a token costs its own pass; beyond the context
                all places change, and it costs a pass over the context
        """
        check.not_negative("GPT.generate", temperature=temperature, steps=steps)
        if top_k is not None:
            check.positive("GPT.generate", top_k=top_k)
        if temperature > 0 and rng is None:
            raise ValueError("GPT.generate: a temperature above 0 needs rng=")
        if index.ndim == 0 or index.shape[-1] == 0:
            raise cr.ShapeError(f"GPT.generate: index {tuple(index.shape)} needs at least one token")
        past = None
        for _ in range(steps):
            if past and index.shape[-1] <= self.context:
                z, past = self.follow(index[..., -1:], past)               # (..., vocab)
            else:                                                          # all places change
                z, past = self.follow(index[..., -self.context:])
            following = choose(z, temperature, top_k, rng)
            index = cr.concat([index, following[..., None].astype(index.dtype)], axis=-1)
        return index


def choose(z: Tensor, temperature: float, top_k: int | None, rng) -> Tensor:
    """One class a row from softmax(z / temperature) over the k best; the best itself at temperature 0."""
    if temperature == 0:
        return cr.argmax(z, axis=-1)
    if top_k is not None and top_k < z.shape[-1]:
        least = cr.sort(z, axis=-1)[..., -top_k, None]
        z = cr.where(z >= least, z, -float("inf"))
    return cr.categorical(z / temperature, rng=rng)
