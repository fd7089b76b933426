"""Variational autoencoders, with one level of hidden variables or a chain of them.   Book: §8.1, §8.2"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from ..distributions import Normal, kl_normal_standard
from ..nn import MLP, Module


class Gaussian(Module):
    """u -> N(μ(u), Diag σ²(u)): a net whose outputs are μ and log σ² side by side, or μ alone if σ is given.

    Book: §8.1, (8.5), (8.8), (8.10)

    Shapes  u (..., k) -> distributions.Normal over (..., m); the net gives (..., 2 m), or (..., m) with `std`
    """
    def __init__(self, net: Callable[[Tensor], Tensor], std: float | None = None) -> None:
        if std is not None and not std > 0:
            raise ValueError(f"Gaussian: std must be positive, got {std!r}")
        self.net, self.std = net, std

    def __call__(self, u: Tensor) -> Normal:
        out = self.net(u)
        if self.std is not None:
            return Normal(out, cr.full((), self.std, dtype=out.dtype, device=out.device))
        if out.shape[-1] % 2:
            raise cr.ShapeError(f"Gaussian: the net gives {tuple(out.shape)}, needs μ and log σ²")
        m = out.shape[-1] // 2
        return Normal(out[..., :m], cr.exp(0.5 * out[..., m:]))


class HierarchicalVAE(Module):
    """A Markov chain x = z_0, z_1, ..., z_T: encoders q(z_{t+1} | z_t) go up, decoders p(z_t | z_{t+1}) down.

    Book: §8.2, Fig. 8.4, (8.26), (8.27), (8.29)

    p(z_T) = N(0, I). With T = 1 it is the variational autoencoder; with encoders that only add noise and
    learn nothing, a diffusion model.

    Shapes  x (..., p); encoders[t] maps z_t to a Normal over z_{t+1}, decoders[t] z_{t+1} to one over z_t
    """
    def __init__(self, encoders: Sequence[Callable], decoders: Sequence[Callable]) -> None:
        if len(encoders) != len(decoders) or not encoders:
            raise ValueError(f"HierarchicalVAE: {len(encoders)} encoders and {len(decoders)} decoders, "
                             "needs as many of both, at least one")
        self.encoders, self.decoders = list(encoders), list(decoders)

    def encode(self, x: Tensor, *, rng) -> list[Tensor]:
        """A draw of z_1, ..., z_T given x."""
        levels = []
        for encoder in self.encoders:
            x = encoder(x).sample(rng=rng)
            levels.append(x)
        return levels

    def elbo(self, x: Tensor, *, rng) -> Tensor:
        """An estimate of E_q[log p(x, z) - log q(z | x)] ≤ log p(x) from one draw of z for each x, nats.

        The divergence of the last level from N(0, I) and the entropies of the others are exact.
        Book: (8.16), (8.21), (8.24), (8.29)

        Shapes  x (..., p) -> (...)
        """
        z, total = x, None
        for t, (encoder, decoder) in enumerate(zip(self.encoders, self.decoders, strict=True)):
            q = encoder(z)
            above = q.sample(rng=rng)                              # z_{t+1} = μ + σ ε, (8.25)
            part = cr.sum(decoder(above).log_prob(z), axis=-1)
            if t == len(self.encoders) - 1:
                part = part - kl_normal_standard(q.mean, q.std)
            else:
                part = part + cr.sum(q.entropy() + cr.zeros_like(above), axis=-1)
            total, z = part if total is None else total + part, above
        assert total is not None
        return total

    def loss(self, x: Tensor, *, rng) -> Tensor:
        """Minus the mean of elbo over the samples."""
        return -cr.mean(self.elbo(x, rng=rng))

    def decode(self, z: Tensor, *, rng=None) -> Tensor:
        """x from z_T: means at every level, or draws with rng."""
        for decoder in reversed(self.decoders):
            p = decoder(z)
            z = p.mean if rng is None else p.sample(rng=rng)
        return z

    def generate(self, shape: Sequence[int], *, rng) -> Tensor:
        """Draws of x: z_T ~ N(0, I) of this shape, then down the chain.   Book: (8.9)"""
        return self.decode(cr.normal(tuple(shape), rng=rng, device=self.device), rng=rng)


class VAE(HierarchicalVAE):
    """q(z|x) = N(μ_φ(x), Diag σ_φ²(x)), p(x|z) = N(μ_θ(z), σ² I), p(z) = N(0, I), both nets dense.

    Book: §8.1, (8.7)-(8.11), Fig. 8.2

    VAE(784, 256, 20) has 784 numbers in x, one hidden layer of 256 on each side and 20 in z; VAE(2, 1) has
    affine maps. `std` is σ. For other nets: HierarchicalVAE([Gaussian(encoder)], [Gaussian(decoder, std)]).

    Shapes  x (..., p) -> μ_θ(μ_φ(x)) (..., p); z (..., m)
    Start   as Linear
    """
    def __init__(self, p: int, *sizes: int, std: float = 1.0, activation: str = "relu", rng: Any) -> None:
        if not sizes:
            raise ValueError("VAE: needs at least two sizes, that of x and that of z")
        check.positive("VAE", p=p, **{f"sizes[{i}]": n for i, n in enumerate(sizes)})
        *hidden, m = sizes
        encoder = MLP(p, *hidden, 2 * m, activation=activation, rng=rng)
        decoder = MLP(m, *reversed(hidden), p, activation=activation, rng=rng)
        super().__init__([Gaussian(encoder)], [Gaussian(decoder, std)])

    def __call__(self, x: Tensor) -> Tensor:
        return self.decode(self.encoders[0](x).mean)

    def costs(self, x: Tensor, *, rng) -> tuple[Tensor, Tensor]:
        """(C_PriorMatching, C_Reconstruction), means over the samples; their sum is the book's loss.

        μᵀμ - log det Σ + tr Σ  and  ‖x - μ_θ(z*)‖² / σ² + p log σ².   Book: (8.13), (8.22), (8.23)
        Differs `loss` is half of the sum plus (p log 2π - m) / 2, that is, minus the evidence bound
        """
        q = self.encoders[0](x)
        seen = self.decoders[0](q.sample(rng=rng))
        variance = seen.std * seen.std
        prior = cr.sum(q.mean * q.mean - 2.0 * cr.log(q.std) + q.std * q.std, axis=-1)
        e = x - seen.mean
        again = cr.sum(e * e / variance + cr.log(variance), axis=-1)
        return cr.mean(prior), cr.mean(again)
