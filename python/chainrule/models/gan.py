"""Generative adversarial networks: one net makes fakes, one tells them from what is real.   Book: §8.3"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule as cr

from .. import check
from .._core import Tensor
from ..nn import Module

OBJECTIVES = ("minimax", "non-saturating", "wasserstein")


def discriminator_loss(real: Tensor, fake: Tensor, objective: str = "minimax") -> Tensor:
    """-mean log f(x) - mean log(1 - f(x*)), f = sigmoid of the scores; Wasserstein: mean fake - mean real.

    Book: §8.3, (8.46), (8.62)

    Shapes  real, fake: scores of any shape, one a picture
    """
    check.one_of("discriminator_loss", "objective", objective, OBJECTIVES)
    if objective == "wasserstein":
        return cr.mean(fake) - cr.mean(real)
    return cr.mean(cr.softplus(-real)) + cr.mean(cr.softplus(fake))


def generator_loss(fake: Tensor, objective: str = "minimax") -> Tensor:
    """mean log(1 - f(x*)) (8.49); non-saturating: -mean log f(x*) (8.54); Wasserstein: -mean score (8.63).

    Book: §8.3
    """
    check.one_of("generator_loss", "objective", objective, OBJECTIVES)
    if objective == "wasserstein":
        return -cr.mean(fake)
    return cr.mean(cr.softplus(-fake)) if objective == "non-saturating" else -cr.mean(cr.softplus(fake))


def gradient_penalty(critic: Callable[[Tensor], Tensor], x: Tensor, fake: Tensor, *, rng) -> Tensor:
    """mean (‖∇ critic(x_η)‖ - 1)², x_η = η x + (1 - η) x*, η uniform for each pair.

    Book: §8.3, (8.64), (8.65)

    Shapes  x, fake (N, ...)
    """
    if x.shape != fake.shape:
        raise cr.ShapeError(f"gradient_penalty: x {tuple(x.shape)} and fake {tuple(fake.shape)} differ")
    eta = cr.uniform((x.shape[0], *(1,) * (x.ndim - 1)), rng=rng, dtype=x.dtype, device=x.device)
    slope = cr.grad(lambda between: cr.sum(critic(between)))(eta * x + (1 - eta) * fake)
    square = cr.sum(cr.reshape(slope * slope, (x.shape[0], -1)), axis=-1)
    gap = cr.sqrt(square + 1e-12) - 1                              # no infinite slope of the root at 0
    return cr.mean(gap * gap)


class GAN(Module):
    """x* = generator(z), z ~ N(0, I) of m numbers; discriminator(x) is a score, its sigmoid P(x is real).

    Book: §8.3, Fig. 8.6, (8.45)-(8.49)

    Both nets are given, dense or convolutional; `objective` is "minimax", "non-saturating" or "wasserstein".

    Shapes  z (N, m) -> x (N, ...) -> scores (N,) or (N, 1)
    """
    def __init__(self, generator: Callable[[Tensor], Tensor], discriminator: Callable[[Tensor], Tensor],
                 m: int, objective: str = "non-saturating") -> None:
        check.positive("GAN", m=m)
        check.one_of("GAN", "objective", objective, OBJECTIVES)
        self.generator, self.discriminator, self.m, self.objective = generator, discriminator, m, objective

    def latent(self, n: int, *, rng, device: str | None = None) -> Tensor:
        """z ~ N(0, I), (n, m); where the nets are, unless told."""
        return cr.normal((n, self.m), rng=rng, device=device or self.device)

    def generate(self, n: int, *, rng, device: str | None = None) -> Tensor:
        """n fakes."""
        return self.generator(self.latent(n, rng=rng, device=device))

    def probabilities(self, x: Tensor) -> Tensor:
        """P(x is real)."""
        return cr.sigmoid(self.discriminator(x))

    def step(self, x: Tensor, for_discriminator: Any, for_generator: Any, *, rng, rounds: int = 1,
             penalty: float = 0.0, clip: float | None = None) -> tuple[float, float]:
        """One turn of (8.45): `rounds` steps of the discriminator on x and fresh fakes, one of the generator.

        The optimisers are made for `gan.discriminator` and `gan.generator`. With the Wasserstein objective
        `penalty` is λ of (8.65), and `clip` keeps all weights of the critic in [-clip, clip]. Returns the
        two losses, each before its last step.
        """
        check.positive("GAN.step", rounds=rounds)
        check.not_negative("GAN.step", penalty=penalty)

        def judged(discriminator: Any, fake: Tensor) -> Tensor:
            value = discriminator_loss(discriminator(x), discriminator(fake), self.objective)
            return value + penalty * gradient_penalty(discriminator, x, fake, rng=rng) if penalty else value

        def fooled(generator: Any, z: Tensor) -> Tensor:
            return generator_loss(self.discriminator(generator(z)), self.objective)

        n, device = x.shape[0], x.device
        for _ in range(rounds):
            fake = self.generate(n, rng=rng, device=device)
            seen, grads = cr.value_and_grad(judged)(self.discriminator, fake)
            for_discriminator.update(grads)
            if clip is not None:
                for weight in cr.nn.named_tensors(self.discriminator).values():
                    weight[...] = cr.clip(weight, -clip, clip)
        made, grads = cr.value_and_grad(fooled)(self.generator, self.latent(n, rng=rng, device=device))
        for_generator.update(grads)
        return seen.item(), made.item()
