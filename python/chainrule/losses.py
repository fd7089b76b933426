"""Losses C: how far predictions are from what was observed, by default the mean over the samples.

Book: (2.11)

The prediction comes first, then the target. `reduction` is "mean", "sum" or "none": one number a sample.
"""
from __future__ import annotations

import chainrule as cr

from . import check
from ._core import Tensor

REDUCTIONS = ("mean", "sum", "none")


# ---- classes

def cross_entropy(z: Tensor, y: Tensor, *, weights: Tensor | None = None, label_smoothing: float = 0.0,
                  ignore_index: int | None = None, reduction: str = "mean", axis: int = -1) -> Tensor:
    """C = -log softmax(z)_y: categorical cross entropy of scores z (logits).

    Book: §3.3, (3.29)-(3.31), (5.20)

    Shapes  z (..., K), y (...) class numbers or (..., K) probabilities; weights (K,) of the classes;
            `axis` is the place of the K classes in z, such as 1 for pictures (N, K, H, W)
    Units   nats; with class numbers the mean divides by the sum of the weights of the counted samples
    Errors  IndexError unless 0 <= y < K; samples with y == ignore_index do not count
    """
    check.one_of("cross_entropy", "reduction", reduction, REDUCTIONS)
    check.fraction("cross_entropy", label_smoothing=label_smoothing)
    z = _classes_last("cross_entropy", z, axis)
    if y.dtype.is_floating:
        target = _classes_last("cross_entropy", y, axis)
        _same_shape("cross_entropy", "z", z, "y", target)
        if label_smoothing:
            target = (1 - label_smoothing) * target + label_smoothing / target.shape[-1]
        if weights is not None:
            target = target * weights
        return _reduced(-cr.sum(target * cr.log_softmax(z), axis=-1), reduction)
    y = _class_numbers("cross_entropy", z, y)
    counted = None if ignore_index is None else y != ignore_index
    counts = _counts("cross_entropy", z, y, counted, weights)
    if weights is None or counts is None:
        return _reduced(cr.softmax_cross_entropy(z, y, label_smoothing, ignore_index), reduction, counts)
    losses = (1 - label_smoothing) * counts * cr.softmax_cross_entropy(z, y, ignore_index=ignore_index)
    if label_smoothing:
        # the target is (1 - s) e_y + s / K: its second part has the weight of each class, not of y
        spread = -cr.mean(cr.log_softmax(z) * weights, axis=-1)
        losses = losses + label_smoothing * (spread if counted is None else cr.where(counted, spread, 0.0))
    return _reduced(losses, reduction, counts)


def nll(log_a: Tensor, y: Tensor, *, weights: Tensor | None = None, ignore_index: int | None = None,
        reduction: str = "mean", axis: int = -1) -> Tensor:
    """C = -log a_y: negative log likelihood of log probabilities.   Book: (3.29)

    Shapes  log_a (..., K), y (...) class numbers; weights, axis and mean as cross_entropy
    """
    check.one_of("nll", "reduction", reduction, REDUCTIONS)
    log_a = _classes_last("nll", log_a, axis)
    y = _class_numbers("nll", log_a, y)
    counted = None if ignore_index is None else y != ignore_index
    losses = -pick("nll", log_a, y if counted is None else cr.where(counted, y, 0))
    if counted is not None:
        losses = cr.where(counted, losses, 0.0)
    counts = _counts("nll", log_a, y, counted, weights)
    weighted = losses if weights is None or counts is None else losses * counts
    return _reduced(weighted, reduction, counts)


def categorical_cross_entropy(a: Tensor, y: Tensor, *, eps: float = 1e-12, reduction: str = "mean",
                              axis: int = -1) -> Tensor:
    """C = -log(a_y + ε) of probabilities a; from scores take `cross_entropy`.   Book: §3.3, (3.29)-(3.31)

    Shapes  a (..., K), y (...) class numbers or (..., K) probabilities, such as one-hot rows
    Differs ε, the book's footnote 5, makes the loss at a_y = 0 the finite -log ε; in float32, for a near 1,
            a + ε rounds to a
    """
    check.one_of("categorical_cross_entropy", "reduction", reduction, REDUCTIONS)
    check.not_negative("categorical_cross_entropy", eps=eps)
    a = _classes_last("categorical_cross_entropy", a, axis)
    log_a = cr.log(a + eps)
    if not y.dtype.is_floating:
        return nll(log_a, y, reduction=reduction)
    target = _classes_last("categorical_cross_entropy", y, axis)
    _same_shape("categorical_cross_entropy", "a", a, "y", target)
    return _reduced(-cr.sum(cr.where(target > 0, target * log_a, 0.0), axis=-1), reduction)


def binary_cross_entropy(a: Tensor, y: Tensor, *, weights: Tensor | None = None,
                         reduction: str = "mean") -> Tensor:
    """C = -(y log a + (1 - y) log(1 - a)) of probabilities a.   Book: §3.1, (3.11), (3.12)

    Shapes  a, y one shape, entries in [0, 1]; weights broadcast to it
    Differs logs are at least -100, so that a = 0 or 1 gives a finite loss
    """
    check.one_of("binary_cross_entropy", "reduction", reduction, REDUCTIONS)
    _same_shape("binary_cross_entropy", "a", a, "y", y)
    y = y.astype(a.dtype)
    # at a = 0 or 1 the log is that of a tiny number, its derivative 0: there is no slope to give there
    tiny = 3.8e-44 if a.dtype == cr.float64 else 1.2e-38
    log = [cr.maximum(cr.log(cr.maximum(p, tiny)), -100.0) for p in (a, 1 - a)]
    losses = -(y * log[0] + (1 - y) * log[1])
    return _reduced(losses if weights is None else losses * weights, reduction)


def binary_cross_entropy_with_logits(z: Tensor, y: Tensor, *, weights: Tensor | None = None,
                                     positive_weight: Tensor | float | None = None,
                                     reduction: str = "mean") -> Tensor:
    """C = softplus(z) - y z: binary cross entropy of sigmoid(z), finite for all z.   Book: §3.1, (3.12)

    Shapes  z, y one shape, y in [0, 1]; weights broadcast to it; positive_weight multiplies the part with y
    """
    op = "binary_cross_entropy_with_logits"
    check.one_of(op, "reduction", reduction, REDUCTIONS)
    _same_shape(op, "z", z, "y", y)
    y = y.astype(z.dtype)
    if positive_weight is None:
        losses = cr.softplus(z) - y * z
    else:
        losses = (1 - y) * z + (1 + (positive_weight - 1) * y) * cr.softplus(-z)
    return _reduced(losses if weights is None else losses * weights, reduction)


def hinge(z: Tensor, y: Tensor, *, reduction: str = "mean") -> Tensor:
    """C = max(0, 1 - y z) for labels y in {-1, 1}: zero beyond the margin."""
    check.one_of("hinge", "reduction", reduction, REDUCTIONS)
    _same_shape("hinge", "z", z, "y", y)
    return _reduced(cr.relu(1 - y.astype(z.dtype) * z), reduction)


# ---- numbers

def mse(prediction: Tensor, y: Tensor, *, reduction: str = "mean") -> Tensor:
    """C = (ŷ - y)²: square loss.   Book: §2.3, (2.12)"""
    check.one_of("mse", "reduction", reduction, REDUCTIONS)
    _same_shape("mse", "prediction", prediction, "y", y)
    e = prediction - y
    return _reduced(e * e, reduction)


def reconstruction(x_hat: Tensor, x: Tensor, *, reduction: str = "mean") -> Tensor:
    """C = ‖x - x̂‖²: square loss added up over all entries of a sample.   Book: §3.5, (3.36)

    Shapes  x_hat, x (N, ...) -> (N,), then reduced; the mean is p times that of mse for p entries a sample
    """
    check.one_of("reconstruction", "reduction", reduction, REDUCTIONS)
    _same_shape("reconstruction", "x_hat", x_hat, "x", x)
    if x.ndim < 1:
        raise cr.ShapeError("reconstruction: x needs one row a sample, got a scalar")
    e = x_hat - x
    return _reduced(cr.sum(e * e, axis=tuple(range(1, x.ndim))), reduction)


def mae(prediction: Tensor, y: Tensor, *, reduction: str = "mean") -> Tensor:
    """C = |ŷ - y|: absolute loss, slope 0 at 0.   Book: §2.3, (2.18)"""
    check.one_of("mae", "reduction", reduction, REDUCTIONS)
    _same_shape("mae", "prediction", prediction, "y", y)
    return _reduced(cr.abs(prediction - y), reduction)


def huber(prediction: Tensor, y: Tensor, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """C = e²/2 if |e| < δ, else δ |e| - δ²/2, with e = ŷ - y.   Book: §2.3, (2.19)"""
    check.one_of("huber", "reduction", reduction, REDUCTIONS)
    if not delta > 0:
        raise ValueError(f"huber: delta must be positive, got {delta!r}")
    _same_shape("huber", "prediction", prediction, "y", y)
    e = cr.abs(prediction - y)
    return _reduced(cr.where(e < delta, 0.5 * e * e, delta * e - 0.5 * delta * delta), reduction)


def smooth_l1(prediction: Tensor, y: Tensor, *, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    """C = e²/(2β) if |e| < β, else |e| - β/2: Huber with δ = β, divided by β; β = 0 is |e|.   Book: (2.19)"""
    check.not_negative("smooth_l1", beta=beta)
    if beta == 0:
        return mae(prediction, y, reduction=reduction)
    return huber(prediction, y, delta=beta, reduction=reduction) / beta


# ---- distributions and directions

def kl_divergence(p: Tensor, q: Tensor, *, axis: int = -1, reduction: str = "mean") -> Tensor:
    """D(p‖q) = Σ_k p_k log(p_k / q_k) of probabilities, 0 log 0 = 0.   Book: appendix B, (B.1)

    Shapes  p, q (..., K) -> one number for each leading index, then reduced
    """
    check.one_of("kl_divergence", "reduction", reduction, REDUCTIONS)
    _same_shape("kl_divergence", "p", p, "q", q)
    there = p > 0
    ratio = cr.log(cr.where(there, p, 1.0)) - cr.log(cr.where(there, q, 1.0))
    return _reduced(cr.sum(p * ratio, axis=axis), reduction)


def cosine_similarity(u: Tensor, v: Tensor, *, axis: int = -1, eps: float = 1e-8) -> Tensor:
    """⟨u, v⟩ / (‖u‖ ‖v‖), each norm at least eps.   Book: §7.1, (A.1)

    Shapes  u, v (..., p), broadcast -> (...)
    """
    def unit(x: Tensor) -> Tensor:
        square = cr.sum(x * x, axis=axis, keepdims=True)
        return x / cr.sqrt(cr.maximum(square, eps * eps))
    return cr.sum(unit(u) * unit(v), axis=axis)


def cosine_loss(u: Tensor, v: Tensor, y: Tensor | None = None, *, margin: float = 0.0, axis: int = -1,
                reduction: str = "mean") -> Tensor:
    """C = 1 - cos(u, v) of pairs that belong together, max(0, cos(u, v) - margin) of pairs with y = -1.

    Book: §6.6

    Shapes  u, v (..., p); y (...) of 1 and -1, all 1 if not given
    """
    check.one_of("cosine_loss", "reduction", reduction, REDUCTIONS)
    cos = cosine_similarity(u, v, axis=axis)
    if y is None:
        return _reduced(1 - cos, reduction)
    _same_shape("cosine_loss", "cos(u, v)", cos, "y", y)
    return _reduced(cr.where(y > 0, 1 - cos, cr.relu(cos - margin)), reduction)


def triplet(anchor: Tensor, same: Tensor, different: Tensor, *, margin: float = 1.0, squared: bool = True,
            reduction: str = "mean") -> Tensor:
    """C = max(0, ‖a - s‖² - ‖a - d‖² + α) of embeddings with a margin α.   Book: §6.6, (6.27)

    Shapes  anchor, same, different (..., p) -> one number for each leading index, then reduced
    Differs squared=False takes the distances themselves
    """
    check.one_of("triplet", "reduction", reduction, REDUCTIONS)
    check.not_negative("triplet", margin=margin)
    _same_shape("triplet", "anchor", anchor, "same", same)
    _same_shape("triplet", "anchor", anchor, "different", different)

    def distance(x: Tensor) -> Tensor:
        square = cr.sum((anchor - x) * (anchor - x), axis=-1)
        return square if squared else cr.sqrt(square)

    return _reduced(cr.relu(distance(same) - distance(different) + margin), reduction)


# ---- shared

def _classes_last(op: str, z: Tensor, axis: int) -> Tensor:
    if z.ndim == 0 or not -z.ndim <= axis < z.ndim:
        raise cr.ShapeError(f"{op}: z {tuple(z.shape)} needs an axis {axis} of classes")
    if axis in (-1, z.ndim - 1):
        return z
    rest = [i for i in range(z.ndim) if i != axis % z.ndim]
    return cr.permute_dims(z, (*rest, axis % z.ndim))


def _class_numbers(op: str, z: Tensor, y: Tensor) -> Tensor:
    if tuple(y.shape) != tuple(z.shape[:-1]):
        raise cr.ShapeError(f"{op}: z {tuple(z.shape)} and y {tuple(y.shape)} need "
                            "y.shape == z.shape[:-1], one class number a sample")
    if y.dtype == cr.bool:
        raise cr.DTypeError(f"{op}: y must be an integer tensor of class numbers, got bool")
    return y.astype(cr.int64)


def _counts(op: str, z: Tensor, y: Tensor, counted: Tensor | None, weights: Tensor | None) -> Tensor | None:
    """What the mean adds up and divides by: the weight of each sample's class; None if all are 1."""
    if weights is None:
        return None if counted is None else counted.astype(z.dtype)
    if tuple(weights.shape) != (z.shape[-1],):
        raise cr.ShapeError(f"{op}: weights {tuple(weights.shape)} need one number for each of "
                            f"{z.shape[-1]} classes")
    if counted is None:
        return cr.take(weights, y, axis=0)
    return cr.where(counted, cr.take(weights, cr.where(counted, y, 0), axis=0), 0.0)


def pick(op: str, rows: Tensor, y: Tensor) -> Tensor:
    """rows[..., y[...]]: one entry of each row.  IndexError unless 0 <= y < K."""
    if y.size and cr.min(y).item() < 0:
        raise IndexError(f"{op}: class {cr.min(y).item()} needs to be at least 0")
    return cr.squeeze(cr.take_along_axis(rows, y[..., None], axis=-1), axis=-1)


def _reduced(losses: Tensor, reduction: str, counts: Tensor | None = None) -> Tensor:
    if reduction == "none":
        return losses
    total = cr.sum(losses)
    if reduction == "sum":
        return total
    return total / (losses.size if counts is None else cr.sum(counts))


def _same_shape(op: str, first: str, a: Tensor, second: str, b: Tensor) -> None:
    if tuple(a.shape) != tuple(b.shape):
        raise cr.ShapeError(f"{op}: {first} {tuple(a.shape)} and {second} {tuple(b.shape)} "
                            "need the same shape")
