// Running sums and products along the middle axis of (outer, n, inner), row-major.
#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// step(state, position) goes down n rows for each outer index, `width` columns at a time.
constexpr int64_t width = 256;
template <class S, class Step> void each_line(const Tensor& y, S start, Step&& step) {
  const int64_t outer = y.dim(0), n = y.dim(1), inner = y.dim(2), chunks = (inner + width - 1) / width;
  if (y.size() == 0) return;
  parallel_for(outer * chunks, std::max<int64_t>(1, grain / (n * std::min(inner, width))), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t column = i % chunks * width, m = std::min(inner - column, width);
      if (inner == 1) {                                      // the state stays in a register
        S state = start;
        for (int64_t at = i * n; at < (i + 1) * n; at++) step(state, at);
        continue;
      }
      S state[width];
      std::fill_n(state, m, start);
      for (int64_t r = 0; r < n; r++) {
        const int64_t at = (i / chunks * n + r) * inner + column;
        for (int64_t k = 0; k < m; k++) step(state[k], at + k);
      }
    }
  });
}
template <class T> using wide_t = std::conditional_t<std::is_integral_v<T>, int64_t, double>;

// y_k = x_1 + ... + x_k, float32 carried in float64
void cumsum(const Tensor& x, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    each_line(y, wide_t<T>(0), [px = x.data<T>(), py = y.data<T>()](auto& s, int64_t i) {
      py[i] = T(compute_t<T>(s += compute_t<T>(px[i])));
    });
  });
}
// y_k = x_1 ... x_k
void cumprod(const Tensor& x, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    each_line(y, wide_t<T>(1), [px = x.data<T>(), py = y.data<T>()](auto& s, int64_t i) {
      py[i] = T(compute_t<T>(s *= compute_t<T>(px[i])));
    });
  });
}
// y_k = a_k y_(k-1) + b_k,  y_0 = 0
void linear_scan(const Tensor& a, const Tensor& b, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    each_line(y, double(0), [pa = a.data<T>(), pb = b.data<T>(), py = y.data<T>()](double& s, int64_t i) {
      py[i] = T(compute_t<T>(s = compute_t<T>(pa[i]) * s + compute_t<T>(pb[i])));
    });
  });
}

const Fill filled[] = {{kernel::cumsum, Device::cpu, cumsum}, {kernel::cumprod, Device::cpu, cumprod}};
const Fill scan_filled(kernel::linear_scan, Device::cpu, linear_scan);

}  // namespace
}  // namespace chainrule
