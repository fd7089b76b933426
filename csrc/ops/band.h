// Products along one axis with a banded matrix: what averages over windows and interpolation are made of.
#pragma once
#include <memory>

#include "core/tensor.h"
#include "core/windows.h"

namespace chainrule {

// y[..., i, ...] = Σ_j A[i, j] x[..., j, ...] along `axis`; the node is named `op`.
Tensor band_product(const char* op, const Tensor& x, int64_t axis, const std::shared_ptr<const Band>& a);
// Aᵀ, for a band whose rows begin and end in order.
std::shared_ptr<const Band> transposed(const Band& a);

}  // namespace chainrule
