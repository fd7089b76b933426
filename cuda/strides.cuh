// Elements of tensors of one shape by their row-major number, whatever their strides.
#pragma once
#include "cuda.cuh"

namespace chainrule {

// Division by a number known to the host: q = (⌊i m / 2³²⌋ + i) / 2ˢ for i < 2³¹.   Granlund, Montgomery (1994)
struct Divider {
  uint32_t d = 1, m = 1, s = 0;
  Divider() = default;
  explicit Divider(uint32_t d) : d(d) {
    while (s < 32 && (uint64_t(1) << s) < d) s++;
    m = uint32_t(((uint64_t(1) << 32) * ((uint64_t(1) << s) - d)) / d + 1);
  }
  __device__ uint32_t quotient(uint32_t i) const { return (__umulhi(i, m) + i) >> s; }
};

// The axes of N operands, those that step alike merged; the last axis is the fastest.
template <int N> struct Strided {
  int ndim = 0;
  int64_t n = 1;
  int64_t shape[max_ndim], step[N][max_ndim];
  Divider divider[max_ndim];

  Strided(const Shape& sizes, std::initializer_list<Shape> strides) {
    for (int i = 0; i < sizes.size(); i++) {
      n *= sizes[i];
      if (sizes[i] == 1) continue;
      bool joins = ndim > 0;
      for (int k = 0; k < N && joins; k++) joins = step[k][ndim - 1] == strides.begin()[k][i] * sizes[i];
      if (!joins) shape[ndim++] = 1;
      shape[ndim - 1] *= sizes[i];
      for (int k = 0; k < N; k++) step[k][ndim - 1] = strides.begin()[k][i];
    }
    for (int i = 0; i < ndim; i++) divider[i] = shape[i] > 0 && shape[i] < int64_t(1) << 31 ? Divider(uint32_t(shape[i])) : Divider();
  }
  // One axis on which each operand steps by 1 or stands still.
  bool dense() const {
    if (ndim == 0) return true;
    if (ndim > 1) return false;
    for (int k = 0; k < N; k++)
      if (step[k][0] != 0 && step[k][0] != 1) return false;
    return true;
  }
  bool still(int k) const { return ndim == 1 && step[k][0] == 0; }

  __device__ void at(int64_t i, int64_t (&offset)[N]) const {
    for (int k = 0; k < N; k++) offset[k] = 0;
    if (n < int64_t(1) << 31) {
      uint32_t rest = uint32_t(i);
      for (int a = ndim - 1; a > 0; a--) {
        const uint32_t q = divider[a].quotient(rest), r = rest - q * divider[a].d;
        for (int k = 0; k < N; k++) offset[k] += int64_t(r) * step[k][a];
        rest = q;
      }
      if (ndim > 0)
        for (int k = 0; k < N; k++) offset[k] += int64_t(rest) * step[k][0];
      return;
    }
    for (int a = ndim - 1; a >= 0; a--) {
      const int64_t q = i / shape[a], r = i - q * shape[a];
      for (int k = 0; k < N; k++) offset[k] += r * step[k][a];
      i = q;
    }
  }
};

}  // namespace chainrule
