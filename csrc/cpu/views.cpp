// The adjoint of windows: y[o, t, i] = Σ d[o, w, i, k] over the windows w and places k with w step + k dilation = t.
//
// A sum for each element of y, in the order of the windows, so the result is the same on any number of threads.
#include <numeric>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

void fold(const Tensor& d, int64_t step, int64_t dilation, Tensor& y) {
  const int64_t windows = d.dim(1), inner = d.dim(2), size = d.dim(3), n = y.dim(1);
  if (y.size() == 0) return;
  // One window in `apart` has a place for t; from one such window to the next, k falls by `back`.
  const int64_t reach = (size - 1) * dilation, common = std::gcd(step, dilation);
  const int64_t apart = dilation / common, back = step / common;
  // A division costs as much as the sum of a small window, and most windows are of step and dilation 1.
  const auto quotient = [](int64_t a, int64_t b) { return b == 1 ? a : a / b; };
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Total = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
    const T* pd = d.data<T>();
    T* py = y.data<T>();
    const int64_t terms = std::max<int64_t>(1, inner * (1 + reach / step));
    parallel_for(y.dim(0) * n, std::max<int64_t>(1, grain / terms), [&](int64_t begin, int64_t end) {
      int64_t o = begin / n, t = begin % n;
      for (int64_t at = begin; at < end; at++) {
        int64_t first = t > reach ? quotient(t - reach + step - 1, step) : 0;
        const int64_t last = size > 0 ? std::min(quotient(t, step), windows - 1) : -1;
        while (dilation > 1 && first <= last && (t - first * step) % dilation) first++;
        int64_t from = (o * windows + first) * inner * size + quotient(t - first * step, dilation);
        for (int64_t i = 0; i < inner; i++, from += size) {
          Total total = 0;
          for (int64_t w = first, p = from; w <= last; w += apart, p += apart * inner * size - back) total += compute_t<T>(pd[p]);
          py[at * inner + i] = T(compute_t<T>(total));
        }
        if (++t == n) { t = 0; o++; }
      }
    });
  });
}

const Fill filled(kernel::fold, Device::cpu, fold);

}  // namespace
}  // namespace chainrule
