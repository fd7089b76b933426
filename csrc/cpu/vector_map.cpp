#include "cpu/vector_map.h"

namespace chainrule {

void vector_map(const Tensor& x, const Tensor& y, VectorFunction f, PlainFunction plain) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, double>) return map<T, T>(x, y, plain);
    else each_row<2>(x.shape(), {&x.strides(), &y.strides()}, [&](const auto& at, int64_t n, const auto& step) {
      if constexpr (std::is_same_v<T, float>)
        if (step[0] == 1 && step[1] == 1) return f(x.data<T>() + at[0], y.data<T>() + at[1], n);
      float row[detail::block], result[detail::block];
      for (int64_t begin = 0; begin < n; begin += detail::block) {
        const int64_t m = std::min(detail::block, n - begin);
        T* py = y.data<T>() + at[1] + begin * step[1];
        float* out = detail::write_place(py, step[1], result);
        f(detail::read_block(x.data<T>() + at[0] + begin * step[0], step[0], row, m), out, m);
        detail::write_block(out, py, step[1], m);
      }
    });
  });
}

// One loop for all functions of a type: a call costs little beside them.
void plain_map(const Tensor& x, const Tensor& y, float (*single)(float), PlainFunction plain) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, double>) map<T, T>(x, y, plain);
    else map<T, T>(x, y, single);
  });
}
void plain_map(const Tensor& a, const Tensor& b, const Tensor& y, float (*single)(float, float),
               double (*plain)(double, double)) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, double>) map<T, T>(a, b, y, plain);
    else map<T, T>(a, b, y, single);
  });
}

}  // namespace chainrule
