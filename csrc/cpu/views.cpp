// The adjoint of windows: y[o, t, i] = Σ d[o, w, i, k] over the windows w and places k with w step + k dilation = t.
//
// A sum for each element of y, in the order of the windows, so the result is the same on any number of threads.
#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

void fold(const Tensor& d, int64_t step, int64_t dilation, Tensor& y) {
  const int64_t windows = d.dim(1), inner = d.dim(2), size = d.dim(3), n = y.dim(1);
  if (y.size() == 0) return;
  const int64_t reach = (size - 1) * dilation;
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Total = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
    const T* pd = d.data<T>();
    T* py = y.data<T>();
    const int64_t terms = std::max<int64_t>(1, inner * (1 + reach / step));
    parallel_for(y.dim(0) * n, std::max<int64_t>(1, grain / terms), [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; at++) {
        const int64_t o = at / n, t = at % n;
        const int64_t first = t > reach ? (t - reach + step - 1) / step : 0, last = std::min(t / step, windows - 1);
        for (int64_t i = 0; i < inner; i++) {
          Total total = 0;
          for (int64_t w = first; w <= last && size > 0; w++) {
            const int64_t k = (t - w * step) / dilation;
            if (k * dilation == t - w * step) total += compute_t<T>(pd[((o * windows + w) * inner + i) * size + k]);
          }
          py[at * inner + i] = T(compute_t<T>(total));
        }
      }
    });
  });
}

const Fill filled(kernel::fold, Device::cpu, fold);

}  // namespace
}  // namespace chainrule
