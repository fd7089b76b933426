#include "ops/scan.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/pointwise.h"
#include "ops/views.h"

namespace chainrule {
namespace {

// Runs a kernel along the middle of (outer, n, inner).
template <class Run> void along(const Shape& shape, int axis, Tensor& y, Run&& run) {
  const Shape three = three_axes(shape, axis);
  Tensor out = reshape(y.detached(), three);
  run(three, out);
}
Tensor flat_or(const Tensor& x, std::optional<int64_t> axis) { return axis ? x : reshape(x, {-1}); }
Tensor summable(const Tensor& x) { return is_float(x) ? strong(x) : astype(x, DType::int64); }

// 1, y_1, ..., y_(n-1): what came before.
Tensor before(const Tensor& y, int axis, double first) {
  if (y.dim(axis) == 0) return y;
  Shape one = y.shape(), start = Shape::filled(y.ndim(), 0), step = Shape::filled(y.ndim(), 1), size = y.shape();
  one[axis] = 1;
  size[axis]--;
  return concat({full(one, first, int64_t(first), y.dtype(), y.device()), slice(y, start, size, step)}, axis);
}
Tensor backwards(const Tensor& x, int axis) { return flip(x, Shape{axis}); }

}  // namespace

// y_k = x_1 + ... + x_k; its transpose adds up from the other end.
Tensor cumsum(const Tensor& x0, std::optional<int64_t> axis0) {
  const Tensor x = flat_or(summable(x0), axis0);
  const int axis = normal_axis(axis0.value_or(0), x.ndim(), "cumsum");
  Tensor y = output("cumsum", x.shape(), x.dtype(), {x});
  along(x.shape(), axis, y, [&](const Shape& three, Tensor& out) {
    kernel::cumsum(x.device(), reshape(contiguous(x.detached()), three), out);
  });
  link(y, x, [axis](const Tensor& d) { return cumsum(d, axis); },
       [axis](const Tensor& d) { return backwards(cumsum(backwards(d, axis), axis), axis); });
  return y;
}

// y_k = x_k y_(k-1), so  dy_k = x_k dy_(k-1) + y_(k-1) dx_k: a linear recurrence, without a division by x.
Tensor cumprod(const Tensor& x0, std::optional<int64_t> axis0) {
  const Tensor x = flat_or(summable(x0), axis0);
  const int axis = normal_axis(axis0.value_or(0), x.ndim(), "cumprod");
  Tensor y = output("cumprod", x.shape(), x.dtype(), {x});
  along(x.shape(), axis, y, [&](const Shape& three, Tensor& out) {
    kernel::cumprod(x.device(), reshape(contiguous(x.detached()), three), out);
  });
  if (y.node())
    link(y, x, [=, self = Self(y)](const Tensor& d) { return linear_scan(x, before(self, axis, 1) * d, axis); },
         [=, self = Self(y)](const Tensor& d) {
           const Tensor a = before(backwards(x, axis), axis, 0);
           return before(self, axis, 1) * backwards(linear_scan(a, backwards(d, axis), axis), axis);
         });
  return y;
}

// Linear in b; in a:  dy_k = a_k dy_(k-1) + y_(k-1) da_k.  The transpose runs backwards with a shifted by one.
Tensor linear_scan(const Tensor& a0, const Tensor& b0, int64_t axis0) {
  const auto [a, b] = match_float("linear_scan", a0, b0);
  const int axis = normal_axis(axis0, a.ndim(), "linear_scan");
  Tensor y = output("linear_scan", a.shape(), a.dtype(), {a, b});
  along(a.shape(), axis, y, [&, a = a, b = b](const Shape& three, Tensor& out) {
    kernel::linear_scan(a.device(), reshape(contiguous(a.detached()), three), reshape(contiguous(b.detached()), three), out);
  });
  if (!y.node()) return y;
  const auto transposed = [=, a = a](const Tensor& d) {
    return backwards(linear_scan(before(backwards(a, axis), axis, 0), backwards(d, axis), axis), axis);
  };
  link(y, b, [=, a = a](const Tensor& d) { return linear_scan(a, d, axis); }, transposed);
  link(y, a, [=, a = a, self = Self(y)](const Tensor& d) { return linear_scan(a, before(self, axis, 0) * d, axis); },
       [=, self = Self(y)](const Tensor& d) { return before(self, axis, 0) * transposed(d); });
  return y;
}

// Π_{j<i} x_j times Π_{j>i} x_j.
Tensor product_of_others(const Tensor& x) {
  const int axis = x.ndim() - 1;
  const Tensor left = before(cumprod(x, axis), axis, 1);
  return left * backwards(before(cumprod(backwards(x, axis), axis), axis, 1), axis);
}

}  // namespace chainrule
