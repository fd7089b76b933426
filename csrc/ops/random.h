// Draws: the same key gives the same numbers.
#pragma once
#include "core/rng.h"
#include "core/tensor.h"

namespace chainrule {

// Blocks of the stream that a draw of n numbers uses up, whatever their kind.
inline uint64_t random_blocks(int64_t n) { return (uint64_t(n) + 1) / 2; }

Tensor random_uniform(const Shape& shape, DType dtype, Device device, RandomKey key);           // [0, 1)
Tensor random_normal(const Shape& shape, DType dtype, Device device, RandomKey key);            // N(0, 1)
Tensor random_integers(const Shape& shape, int64_t n, Device device, RandomKey key);            // 0 ... n-1; n = 0: all 64 bits

}  // namespace chainrule
