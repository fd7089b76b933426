// Softmax and the loss made of it.
#pragma once
#include "core/tensor.h"

namespace chainrule {

Tensor softmax(const Tensor& x, int64_t axis);
Tensor log_softmax(const Tensor& x, int64_t axis);
// -Σ_k t_k log softmax(z)_k of each row, t = (1 - smoothing) e_y + smoothing / K; 0 where y is `ignored`.
Tensor softmax_cross_entropy(const Tensor& z, const Tensor& y, double smoothing, std::optional<int64_t> ignored);

}  // namespace chainrule
