// Ops that pick elements by value of an index tensor. An index counts from the end when it is negative: -n <= index < n.
#pragma once
#include "core/tensor.h"

namespace chainrule {

// x with its `axis` replaced by the axes of `index`: y[..., i, ...] = x[..., index[i], ...].
Tensor take(const Tensor& x, const Tensor& index, int64_t axis);

// An index for each element of y: y[..., i, ...] = x[..., index[..., i, ...], ...]; sizes off the axis broadcast.
Tensor take_along_axis(const Tensor& x, const Tensor& index, int64_t axis);
// Its adjoint: zeros with n along `axis`, into which d is added at index, which has d's shape.
Tensor scatter_add_along_axis(const Tensor& d, const Tensor& index, int64_t axis, int64_t n);

// index as row-major int64; a DTypeError unless it holds integers.
Tensor as_index(const char* op, const Tensor& index);
// index, negative values counted from the end of n; IndexError outside.
Tensor check_index(const char* op, const Tensor& index, int64_t n);
// Positions of the elements that are not zero, a row each.   (n, ndim), int64
Tensor nonzero(const Tensor& x);
// y.flat[position] = value, in place.
void put(Tensor& y, const Tensor& positions, const Tensor& values);

}  // namespace chainrule
