// Reductions: y has the axes of x, of size 1 where x is reduced.
#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// The sub-shape and strides of the axes that y reduces.
struct Inner { Shape shape, strides; };
Inner inner_axes(const Tensor& x, const Tensor& y) {
  Inner in;
  for (int i = 0; i < x.ndim(); i++)
    if (y.dim(i) == 1 && x.dim(i) != 1) { in.shape.push_back(x.dim(i)); in.strides.push_back(x.stride(i)); }
  return in;
}

// Plain: float32 is added up in float64.
void sum(const Tensor& x, Tensor& y) {
  const Inner in = inner_axes(x, y);
  const Rows<1> r = merge_axes<1>(in.shape, {&in.strides});
  const int64_t reduced = x.size() == 0 ? 0 : count(in.shape);
  each_number(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using S = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
    const T* px = x.data<T>();
    T* py = y.data<T>();
    parallel_for(y.size(), std::max<int64_t>(1, grain / std::max<int64_t>(reduced, 1)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        int64_t at = 0, rest = i;
        for (int a = y.ndim() - 1; a >= 0; a--) {
          at += rest % y.dim(a) * x.stride(a);
          rest /= y.dim(a);
        }
        S total = 0;
        for (int64_t o = 0; reduced && o < r.outer; o++) {
          int64_t row = at, left = o;
          for (int a = r.shape.size() - 1; a >= 0; a--) {
            row += left % r.shape[a] * r.strides[0][a];
            left /= r.shape[a];
          }
          for (int64_t k = 0; k < r.n; k++) total += S(compute_t<T>(px[row + k * r.step[0]]));
        }
        py[i] = T(compute_t<T>(total));
      }
    });
  });
}

const Fill sum_filled(kernel::sum, Device::cpu, sum);

}  // namespace
}  // namespace chainrule
