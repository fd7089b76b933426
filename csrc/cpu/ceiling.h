// What this machine can do at most, for the benchmarks: arithmetic in registers, and streams through memory.
#pragma once
#include "core/tensor.h"

namespace chainrule {

// Every thread runs `rounds` of independent multiply-adds; returns how many floating-point operations that was.
int64_t run_multiply_adds(int64_t rounds);
// a = b + s c, float32: two streams read, one written.   McCalpin's STREAM
void triad(const Tensor& b, const Tensor& c, float s, Tensor& a);

}  // namespace chainrule
