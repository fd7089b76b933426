// Order along an axis. Equal elements keep their order; a NaN comes last in either direction.
#pragma once
#include "core/tensor.h"

namespace chainrule {

Tensor argsort(const Tensor& x, int64_t axis, bool descending);
Tensor sort(const Tensor& x, int64_t axis, bool descending);
// The first k of the sorted order: values and positions.
struct TopK { Tensor values, indices; };
TopK topk(const Tensor& x, int64_t k, int64_t axis, bool largest);
// How many of the ascending `sorted` (..., n) lie before each of `values` (..., m): x < v, or x <= v from the right.
Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right);

}  // namespace chainrule
