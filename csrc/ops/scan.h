// Running sums and products along an axis.
#pragma once
#include "core/tensor.h"

namespace chainrule {

Tensor cumsum(const Tensor& x, std::optional<int64_t> axis);
Tensor cumprod(const Tensor& x, std::optional<int64_t> axis);
// y_k = a_k y_(k-1) + b_k, y_0 = 0.
Tensor linear_scan(const Tensor& a, const Tensor& b, int64_t axis);
// J_i = Π_{j≠i} x_j along the last axis, right with any number of zeros.
Tensor product_of_others(const Tensor& x);

}  // namespace chainrule
