// Elementary functions, elementwise: integers become float32.
#pragma once
#include "core/tensor.h"

namespace chainrule {

// rounding to integers: integers and booleans stay as they are; without a derivative
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);                   // half to even
Tensor trunc(const Tensor& x);

Tensor exp(const Tensor& x);
Tensor expm1(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor logaddexp(const Tensor& a, const Tensor& b);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor hypot(const Tensor& a, const Tensor& b);

Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor asin(const Tensor& x);
Tensor acos(const Tensor& x);
Tensor atan(const Tensor& x);
Tensor atan2(const Tensor& a, const Tensor& b);
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor asinh(const Tensor& x);
Tensor acosh(const Tensor& x);
Tensor atanh(const Tensor& x);

}  // namespace chainrule
