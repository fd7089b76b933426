// Slices gathered by an index: those with one number are added up, or the largest is kept.
#pragma once
#include "core/tensor.h"

namespace chainrule {

// The adjoint of take: zeros with n along `axis`, into which d is added at index.
Tensor index_add(const Tensor& d, const Tensor& index, int64_t axis, int64_t n);
// y[s] = max of x[e] over the e with index[e] = s, and `empty` where there is none; ties share the derivative.
Tensor segment_max(const Tensor& x, const Tensor& index, int64_t n, double empty);
Tensor segment_min(const Tensor& x, const Tensor& index, int64_t n, double empty);

}  // namespace chainrule
