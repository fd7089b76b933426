// Error and gamma functions, elementwise: integers become float32.
#pragma once
#include "core/tensor.h"

namespace chainrule {

Tensor erf(const Tensor& x);
Tensor erfc(const Tensor& x);
Tensor erfinv(const Tensor& x);
Tensor lgamma(const Tensor& x);
Tensor digamma(const Tensor& x);
Tensor polygamma(int64_t n, const Tensor& x);

}  // namespace chainrule
