// Products along one axis with a banded matrix: what averages over windows and interpolation are made of.
#pragma once
#include <memory>

#include "core/tensor.h"
#include "core/windows.h"

namespace chainrule {

// y[..., i, ...] = Σ_j A[i, j] x[..., j, ...] along `axis`; the node is named `op`.
Tensor band_product(const char* op, const Tensor& x, int64_t axis, const std::shared_ptr<const Band>& a);
// Fails when there is no memory for a list of n rows or windows, before it is made.
void require_room(const char* op, int64_t n);
// Aᵀ, for a band whose rows begin and end in order.
std::shared_ptr<const Band> transposed(const Band& a);

}  // namespace chainrule
