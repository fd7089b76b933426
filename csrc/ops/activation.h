// Activation functions, elementwise: integers become float32.   Book: §5.3
#pragma once
#include <string>

#include "core/tensor.h"

namespace chainrule {

Tensor sigmoid(const Tensor& x);
Tensor log_sigmoid(const Tensor& x);
Tensor softplus(const Tensor& x);
Tensor relu(const Tensor& x, double at_zero);                          // the derivative at 0
Tensor leaky_relu(const Tensor& x, double slope);
Tensor elu(const Tensor& x, double alpha);
Tensor selu(const Tensor& x);
Tensor gelu(const Tensor& x, const std::string& approximate);
Tensor silu(const Tensor& x);
Tensor mish(const Tensor& x);

}  // namespace chainrule
