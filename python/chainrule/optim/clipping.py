"""Gradient clipping against exploding gradients.   Book: §5.4, §7.2"""
from __future__ import annotations

from typing import Any

import chainrule as cr

from .. import check, tree
from .._core import Tensor


def grad_norm(grads: Any, norm: float = 2.0) -> Tensor:
    """‖g‖ of all gradients of a tree as one vector; norm is 1, 2, another power, or infinity."""
    leaves = tree.leaves(grads)
    if not leaves:
        return cr.zeros(())
    if norm == float("inf"):
        return cr.max(cr.stack([cr.max(cr.abs(g)) for g in leaves if g.size] or [cr.zeros(())]))
    if norm == 2:
        return cr.sqrt(cr.sum(cr.stack([cr.sum(g * g) for g in leaves])))
    if not norm > 0:
        raise ValueError(f"grad_norm: norm must be positive, got {norm!r}")
    return cr.sum(cr.stack([cr.sum(cr.abs(g) ** norm) for g in leaves])) ** (1 / norm)


def clip_grad_norm(grads: Any, c: float, norm: float = 2.0, always: bool = False) -> tuple[Any, Tensor]:
    """(g min(1, c / ‖g‖), ‖g‖): gradients of length at most c, direction kept, and the length before.

    Book: §5.4

    Differs always=True is the book's c g / ‖g‖, which also stretches short gradients
    """
    check.not_negative("clip_grad_norm", c=c)
    length = grad_norm(grads, norm)
    scale = c / cr.maximum(length, 1e-12)
    scale = scale if always else cr.minimum(scale, 1.0)
    return tree.map(lambda g: g * scale.astype(g.dtype), grads), length


def clip_grad_value(grads: Any, c: float) -> tuple[Any, Tensor]:
    """(max(-c, min(c, g)), ‖g‖): each entry in [-c, c], and the length before.   Book: §5.4"""
    check.not_negative("clip_grad_value", c=c)
    return tree.map(lambda g: cr.clip(g, -c, c), grads), grad_norm(grads)
