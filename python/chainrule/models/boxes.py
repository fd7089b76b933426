"""Boxes around objects: how far two agree, and which of many that say the same stays.   Book: §6.6

A box is (x, y, h, w) as in the book: upper left corner, height and width, y downwards; any unit.
"""
from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union: the area that two boxes share over the area that they cover; 0 if none.

    Shapes  a, b (..., 4), broadcast -> (...); all pairs by iou(a[:, None], b[None])
    """
    for name, box in (("a", a), ("b", b)):
        four("iou", name, box)
    low, high = cr.maximum(a[..., :2], b[..., :2]), cr.minimum(corner(a), corner(b))
    shared = cr.prod(cr.relu(high - low), axis=-1)
    union = area(a) + area(b) - shared
    there = union > 0
    return cr.where(there, shared / cr.where(there, union, 1.0), 0.0)


def corner(box: Tensor) -> Tensor:
    """The lower right corner (x + w, y + h)."""
    return cr.stack([box[..., 0] + box[..., 3], box[..., 1] + box[..., 2]], axis=-1)


def area(box: Tensor) -> Tensor:
    """h w, and 0 for a box turned inside out."""
    return cr.relu(box[..., 2]) * cr.relu(box[..., 3])


def non_maximum_suppression(boxes: Tensor, scores: Any, overlap: float = 0.5) -> np.ndarray:
    """The numbers of the boxes that stay: best score first, and none whose IoU with a better one is above it.

    Shapes  boxes (n, 4), scores (n,) -> (kept,) int64
    Cost    n² overlaps
    """
    check.fraction("non_maximum_suppression", overlap=overlap)
    four("non_maximum_suppression", "boxes", boxes)
    scores = np.asarray(scores)
    if boxes.ndim != 2 or scores.shape != (boxes.shape[0],):
        raise cr.ShapeError(f"non_maximum_suppression: boxes {tuple(boxes.shape)} and scores {scores.shape} "
                            "need (n, 4) and (n,)")
    shared = iou(cr.expand_dims(boxes, 1), cr.expand_dims(boxes, 0)).to("cpu").numpy()
    left = list(np.argsort(-scores, kind="stable"))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if shared[best, i] <= overlap]
    return np.array(kept, np.int64)


def four(op: str, name: str, box: Tensor) -> None:
    if box.ndim == 0 or box.shape[-1] != 4:
        raise cr.ShapeError(f"{op}: {name} {tuple(box.shape)} needs a last axis of 4: x, y, h, w")
