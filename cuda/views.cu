// The adjoint of windows: y[o, t, i] = Σ d[o, w, i, k] over the windows w and places k with w step + k dilation = t.
#include "cuda.cuh"

namespace chainrule {
namespace {

// One thread an element of y, its windows in order: no two threads write to one place.
template <class T>
__global__ void fold_elements(const T* d, T* y, int64_t size, int64_t n, int64_t inner, int64_t windows, int64_t width, int64_t step,
                              int64_t dilation) {
  using Total = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
  const int64_t reach = (width - 1) * dilation;
  for (int64_t at = first(); at < size; at += stride()) {
    const int64_t i = at % inner, t = at / inner % n, o = at / inner / n;
    const int64_t from = t > reach ? (t - reach + step - 1) / step : 0, to = t / step < windows - 1 ? t / step : windows - 1;
    Total total = 0;
    for (int64_t w = from; w <= to && width > 0; w++) {
      const int64_t k = (t - w * step) / dilation;
      if (k * dilation == t - w * step) total += Total(widen(d[((o * windows + w) * inner + i) * width + k]));
    }
    y[at] = narrow<T>(compute_t<T>(total));
  }
}
void fold(const Tensor& d, int64_t step, int64_t dilation, Tensor& y) {
  if (y.size() == 0) return;
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("fold", fold_elements<T>, blocks(y.size()), threads, 0, d.data<T>(), y.data<T>(), y.size(), y.dim(1), d.dim(2), d.dim(1),
           d.dim(3), step, dilation);
  });
}
const Fill filled(kernel::fold, Device::cuda, fold);

}  // namespace
}  // namespace chainrule
