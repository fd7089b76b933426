// Copies, conversions, fills and ranges.
#include <cmath>
#include <cstring>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// A float outside an integer's range (or NaN) has no value there: it becomes the nearest end, NaN zero.
template <class Y, class X> Y convert(X x) {
  if constexpr (std::is_same_v<Y, bool>) return x != X(0);
  else if constexpr (std::is_integral_v<Y> && std::is_floating_point_v<X>) {
    if (std::isnan(x)) return 0;
    if (x <= X(std::numeric_limits<Y>::min())) return std::numeric_limits<Y>::min();
    if (x >= X(std::numeric_limits<Y>::max())) return std::numeric_limits<Y>::max();
    return Y(x);
  } else return Y(x);
}

void copy(const Tensor& x, Tensor& y) {
  if (x.dtype() == y.dtype()) {
    if (x.contiguous() && y.contiguous()) {
      const size_t bytes = size_t(x.size() * itemsize(x.dtype()));
      if (bytes <= size_t(1) << 20) {
        if (bytes) std::memcpy(y.bytes(), x.bytes(), bytes);
        return;
      }
    }
    return each_size(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      map<T, T>(x, y, [](T v) { return v; });
    });
  }
  each_type(x.dtype(), [&](auto from) {
    each_type(y.dtype(), [&](auto to) {
      using X = typename decltype(from)::type;
      using Y = typename decltype(to)::type;
      map<X, Y>(x, y, [](compute_t<X> v) { return convert<compute_t<Y>>(v); });
    });
  });
}

void fill(Tensor& y, double value, int64_t integer) {
  each_type(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T v = is_float(y) ? T(compute_t<T>(value)) : T(compute_t<T>(integer));
    T* p = y.data<T>();
    each_row<1>(y.shape(), {&y.strides()}, [&](const auto& at, int64_t n, const auto& step) {
      T* row = p + at[0];
      if (step[0] == 1) std::fill_n(row, n, v);
      else for (int64_t i = 0; i < n; i++) row[i * step[0]] = v;
    });
  });
}

void arange(Tensor& y, double start, double step) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* p = y.data<T>();
    for (int64_t i = 0; i < y.size(); i++) p[i] = T(compute_t<T>(start + double(i) * step));
  });
}

const Fill copy_filled(kernel::copy, Device::cpu, copy);
const Fill fill_filled(kernel::fill, Device::cpu, fill);
const Fill arange_filled(kernel::arange, Device::cpu, arange);

}  // namespace
}  // namespace chainrule
