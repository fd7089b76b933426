// Scaled dot-product attention by one kernel forward and one backward, neither of which stores the T x S weights.
#pragma once
#include "core/tensor.h"

namespace chainrule {

// α = softmax(scale q kᵀ), with causal for query t over the keys 0 ... t alone.
Tensor attention_weights(const Tensor& q, const Tensor& k, double scale, bool causal);
// α v; leading axes broadcast.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, bool causal);

}  // namespace chainrule
