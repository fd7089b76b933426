// y = f(x) for functions that are compiled for each instruction set, on tensors of any strides and floating type.
#pragma once
#include "cpu/loops.h"
#include "cpu/simd.h"

namespace chainrule {

// f runs on float32; plain is the same function of one number, for float64. Other rows go through a buffer.
template <class Plain> void vector_map(const Tensor& x, const Tensor& y, VectorFunction f, Plain plain) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, double>) return map<T, T>(x, y, plain);
    else each_row<2>(x.shape(), {&x.strides(), &y.strides()}, [&](const auto& at, int64_t n, const auto& step) {
      const T* px = x.data<T>() + at[0];
      T* py = y.data<T>() + at[1];
      if constexpr (std::is_same_v<T, float>)
        if (step[0] == 1 && step[1] == 1) return f(px, py, n);
      float row[256];
      for (int64_t begin = 0; begin < n; begin += 256) {
        const int64_t m = std::min<int64_t>(256, n - begin);
        for (int64_t i = 0; i < m; i++) row[i] = float(px[(begin + i) * step[0]]);
        f(row, row, m);
        for (int64_t i = 0; i < m; i++) py[(begin + i) * step[1]] = T(row[i]);
      }
    });
  });
}

}  // namespace chainrule
