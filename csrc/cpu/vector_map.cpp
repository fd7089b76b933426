#include "cpu/vector_map.h"

namespace chainrule {

void vector_map(const Tensor& x, const Tensor& y, VectorFunction f, PlainFunction plain) {
  vector_map<VectorFunction, PlainFunction>(x, y, f, plain);
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
