"""Sums, means and softmax over segments: the rows of data with one number in segment_ids.   Book: §8.5

In a graph the rows are edges, and the segment of an edge is the node it leads to; it may count from the end.
Rows are added in their order, on any number of threads. segment_max and segment_min are in the core.
"""
from __future__ import annotations

import chainrule as cr

from .. import _core
from .._core import Tensor


def segment_sum(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """y[s] = Σ data[e] over the rows e of segment s; 0 for a segment without rows.

    Shapes  data (E, ...), segment_ids (E,) integers -> (num_segments, ...)
    Errors  IndexError unless -num_segments <= segment_ids < num_segments
    """
    return _core._index_add(data, _ids("segment_sum", data, segment_ids, num_segments), 0, num_segments)


def segment_mean(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """The mean of the rows of each segment; 0 for a segment without rows.

    Shapes and errors as in segment_sum
    """
    ids = _ids("segment_mean", data, segment_ids, num_segments)
    count = _core._index_add(cr.ones(ids.shape, dtype=cr.int64, device=ids.device), ids, 0, num_segments)
    count = cr.maximum(count, 1).reshape((-1, *(1,) * (data.ndim - 1)))
    wide = _wide(data)
    return _narrow(_core._index_add(wide, ids, 0, num_segments) / count.astype(wide.dtype), data)


def segment_softmax(data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    """exp(data[e]) / Σ exp(data[f]), over the rows f of e's segment: attention over the edges of a node.

    Shapes  data (E, ...), segment_ids (E,) integers -> (E, ...); errors as in segment_sum
    """
    ids = _ids("segment_softmax", data, segment_ids, num_segments)
    z = _wide(data)
    top = _core.segment_max(cr.stop_gradient(z), ids, num_segments)
    e = cr.exp(z - _core.take(top, ids, 0))                         # softmax is the same without the largest
    return _narrow(e / _core.take(_core._index_add(e, ids, 0, num_segments), ids, 0), data)


def _ids(op: str, data: Tensor, segment_ids: Tensor, num_segments: int) -> Tensor:
    ids = cr.asarray(segment_ids)
    if ids.dtype not in (cr.uint8, cr.int32, cr.int64):
        raise cr.DTypeError(f"{op}: segment_ids must be integers, got {ids.dtype.name}")
    if data.ndim == 0 or tuple(ids.shape) != (data.shape[0],):
        raise cr.ShapeError(f"{op}: data {data.shape} and segment_ids {ids.shape} "
                            "need one segment a row of data")
    if num_segments < 0:
        raise ValueError(f"{op}: num_segments must not be negative, got {num_segments}")
    return ids


def _wide(x: Tensor) -> Tensor:
    """Several steps in a narrow type are computed in float32."""
    return x if x.dtype in (cr.float32, cr.float64) else x.astype(cr.float32)


def _narrow(y: Tensor, x: Tensor) -> Tensor:
    return y.astype(x.dtype) if x.dtype.is_floating else y
