// Ops that pick elements by value of an index tensor.
#pragma once
#include "core/tensor.h"

namespace chainrule {

// x with its `axis` replaced by the axes of `index`: y[..., i, ...] = x[..., index[i], ...]; -n <= index < n.
Tensor take(const Tensor& x, const Tensor& index, int64_t axis);
// The adjoint of take: zeros with n along `axis`, into which d is added at index.
Tensor index_add(const Tensor& d, const Tensor& index, int64_t axis, int64_t n);
// index, negative values counted from the end of n; IndexError outside.
Tensor check_index(const char* op, const Tensor& index, int64_t n);
// Positions of the elements that are not zero, a row each.   (n, ndim), int64
Tensor nonzero(const Tensor& x);
// y.flat[position] = value, in place.
void put(Tensor& y, const Tensor& positions, const Tensor& values);

}  // namespace chainrule
