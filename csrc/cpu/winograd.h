// Convolutions of 3 x 3 with stride 1 by fewer products: tiles of 4 x 4 results, see simd/winograd.inc.
#pragma once
#include "core/tensor.h"
#include "core/windows.h"

namespace chainrule::conv {

// Whether there are enough channels and tiles to pay for the transforms; of the kernel's adjoint, whose sums lie in memory.
bool by_winograd(const Tensor& x, const Tensor& w, const Windows& windows, int64_t least_tiles = 12);
constexpr int64_t least_tiles_of_weight = 48;

void winograd(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& z, const Windows& windows);              // as kernel::conv
void winograd_transposed(const Tensor& z, const Tensor& w, const Tensor& b, Tensor& x, const Windows& windows);   // as conv_transpose
void winograd_weight(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows);                        // as conv_weight

}  // namespace chainrule::conv
