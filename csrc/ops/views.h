// Ops that move, repeat or pick elements by position.
#pragma once
#include "core/tensor.h"

namespace chainrule {

Tensor broadcast_to(const Tensor& x, const Shape& shape);
// The adjoint of broadcast_to: sums over the axes along which it repeated.
Tensor sum_to(const Tensor& x, const Shape& shape);
Tensor reshape(const Tensor& x, const Shape& shape);          // one size may be -1
Tensor permute_dims(const Tensor& x, const Shape& axes);
Tensor expand_dims(const Tensor& x, int64_t axis);
Tensor squeeze(const Tensor& x, const Axes& axes);

// x[start + i * step] along each axis, i < size; a step may be negative.
Tensor slice(const Tensor& x, const Shape& start, const Shape& size, const Shape& step);
// The adjoint of slice: zeros of `shape` with x laid where slice would have read.
Tensor embed(const Tensor& x, const Shape& shape, const Shape& start, const Shape& step);

// Two axes exchanged; all of the given axes reversed (every axis when none are given).
Tensor transpose(const Tensor& x, int64_t axis1, int64_t axis2);
Tensor flip(const Tensor& x, const Axes& axes);
// `before` and `after` elements of one value around x, along each axis.
Tensor pad_constant(const Tensor& x, const Shape& before, const Shape& after, double value);

// x[..., i, i + offset] as a new last axis, and its adjoint: zeros (..., rows, columns) with x on that diagonal.
Tensor diagonal(const Tensor& x, int64_t offset, int64_t axis1, int64_t axis2);
Tensor embed_diagonal(const Tensor& x, int64_t rows, int64_t columns, int64_t offset);

// The windows of an axis: window i holds x[i step + k dilation], k < size; k becomes the last axis.
Tensor unfold(const Tensor& x, int64_t axis, int64_t size, int64_t step, int64_t dilation);
// The adjoint of unfold: windows added up where they overlap, on an axis of n.
Tensor fold(const Tensor& d, int64_t axis, int64_t n, int64_t step, int64_t dilation);

// The sizes before, at and after an axis: (outer, n, inner).
Shape three_axes(const Shape& shape, int axis);

Tensor select(const Tensor& x, int64_t axis, int64_t i);      // x[..., i, ...]

// The tensors one after another along an axis; shapes equal elsewhere, types promoted.
Tensor concat(const std::vector<Tensor>& xs, int64_t axis);
// The same along a new axis.
Tensor stack(const std::vector<Tensor>& xs, int64_t axis);

}  // namespace chainrule
