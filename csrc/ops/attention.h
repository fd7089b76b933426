// Scaled dot-product attention by one kernel forward and one backward, neither of which stores the T x S weights.
#pragma once
#include "core/tensor.h"

namespace chainrule {

// α = softmax(scale q kᵀ), with causal for query t over the keys 0 ... t alone.
Tensor attention_weights(const Tensor& q, const Tensor& k, double scale, bool causal);
// α v; leading axes broadcast.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, bool causal);
// The same of q, k and v that lie side by side in the rows of z (..., T, 3 p), by heads of p / heads columns each: y (..., T, p).
Tensor self_attention(const Tensor& z, int64_t heads, double scale, bool causal);

}  // namespace chainrule
