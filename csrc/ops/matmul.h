// Matrix products.   Book: appendix A
#pragma once
#include "core/tensor.h"

namespace chainrule {

// a @ b: the last two axes are matrices, leading axes are batch axes and broadcast; a vector is a row on the left, a
// column on the right.
Tensor matmul(const Tensor& a, const Tensor& b);
// x Wᵀ + b, one sample a row; the bias may be missing.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace chainrule
