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

Tensor select(const Tensor& x, int64_t axis, int64_t i);      // x[..., i, ...]

// The tensors one after another along an axis; shapes equal elsewhere, types promoted.
Tensor concat(const std::vector<Tensor>& xs, int64_t axis);
// The same along a new axis.
Tensor stack(const std::vector<Tensor>& xs, int64_t axis);

}  // namespace chainrule
