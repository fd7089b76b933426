// Normalisations: γ (x - μ) / √(σ² + ε) + β with μ and σ² of some axes, by one kernel forward and one backward.
#pragma once
#include "core/tensor.h"

namespace chainrule {

// Over the last `axes` axes; weight and bias have their shape, or are empty. Not centred: μ = 0, σ² = mean(x²).
Tensor normalize_rows(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t axes, double eps, bool centred);
// y, μ and σ² of each channel (axis 1).
struct Normalized { Tensor y, mean, var; };
Normalized normalize_channels(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);

}  // namespace chainrule
