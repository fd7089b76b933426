#include "ops/reduce.h"

#include <cmath>

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/pointwise.h"
#include "ops/scan.h"
#include "ops/views.h"

namespace chainrule {
namespace {

// The axes in order, the shape with size 1 on each, and how many elements go into one.
struct Reduced { Shape axes, kept; int64_t n; };
Reduced reduced(const char* op, const Tensor& x, const Axes& given) {
  Reduced r{normal_axes(given, x.ndim(), op), x.shape(), 1};
  Shape sizes;
  for (int64_t a : r.axes) {
    sizes.push_back(x.dim(int(a)));
    r.kept[int(a)] = 1;
  }
  r.n = count(sizes, op);
  return r;
}
// The result without the axes that were reduced.
Tensor finish(const Tensor& y, const Shape& axes, bool keepdims) {
  return keepdims || axes.empty() ? y : squeeze(y, axes);
}
Tensor summable(const Tensor& x) { return is_float(x) ? strong(x) : astype(x, DType::int64); }
bool is_half(const Tensor& x) { return x.dtype() == DType::float16 || x.dtype() == DType::bfloat16; }
// A composite of several steps in a narrow type is computed in float32.
template <class F> Tensor in_float32(const Tensor& x, F&& f) { return astype(f(astype(x, DType::float32)), x.dtype()); }
Tensor zero() { return weak_scalar(0.0); }
// The values of a composite, as the result of one op of x with a derivative of its own.
Tensor as_result(const char* op, const Tensor& values, const Tensor& x) {
  Tensor y = values.detached();
  if (recording() && x.node()) attach_node(op, y);
  return y;
}
// Whether a sum of powers has left the range of its type, or is so small that digits are lost. Looked at on the CPU only:
// elsewhere it would have to be waited for.
bool out_of_range(const Tensor& sums) {
  if (sums.device() != Device::cpu) return false;
  return each_float(sums.dtype(), [&](auto tag) {
    using C = compute_t<typename decltype(tag)::type>;
    constexpr C least = std::numeric_limits<C>::min() / std::numeric_limits<C>::epsilon();
    const auto* s = sums.data<typename decltype(tag)::type>();
    return std::any_of(s, s + sums.size(), [](auto v) { return C(v) < least || C(v) == std::numeric_limits<C>::infinity(); });
  });
}

}  // namespace

// Σ x; push is the sum itself, pull spreads d over what was summed.
Tensor sum(const Tensor& x0, const Axes& given, bool keepdims) {
  const Tensor x = summable(x0);
  const auto [axes, kept, n] = reduced("sum", x, given);
  Tensor y = output("sum", kept, x.dtype(), {x});
  kernel::sum(x.device(), x, y);
  link(y, x, [axes = axes](const Tensor& d) { return sum(d, axes, keep); },
       [shape = x.shape()](const Tensor& d) { return broadcast_to(d, shape); });
  return finish(y, axes, keepdims);
}

Tensor mean(const Tensor& x0, const Axes& given, bool keepdims) {
  const Tensor x = as_float(x0);
  if (is_half(x)) return in_float32(x, [&](const Tensor& x) { return mean(x, given, keepdims); });
  return sum(x, given, keepdims) / weak_scalar(double(reduced("mean", x, given).n));
}

// ∂ Πx / ∂x_i = Π_{j≠i} x_j, never a quotient by x_i: zeros in x are right, to any order.
Tensor prod(const Tensor& x0, const Axes& given, bool keepdims) {
  const Tensor x = summable(x0);
  const auto [axes, kept, n] = reduced("prod", x, given);
  Tensor y = output("prod", kept, x.dtype(), {x});
  kernel::prod(x.device(), x, y);
  if (y.node()) {
    Shape order, rows, back;                                 // the reduced axes last, as one
    for (int i = 0; i < x.ndim(); i++)
      if (std::find(axes.begin(), axes.end(), i) == axes.end()) order.push_back(i);
    for (int64_t a : axes) order.push_back(a);
    for (int64_t a : order) back.push_back(x.dim(int(a)));
    for (int i = 0; i < x.ndim() - axes.size(); i++) rows.push_back(back[i]);
    rows.push_back(n);
    Shape inverse = order;
    for (int i = 0; i < order.size(); i++) inverse[int(order[i])] = i;
    const auto others = [=](const Tensor& x) {
      return permute_dims(reshape(product_of_others(reshape(permute_dims(x, order), rows)), back), inverse);
    };
    link(y, x, [=, axes = axes](const Tensor& d) { return sum(d * others(x), axes, keep); },
         [=](const Tensor& d) { return d * others(x); });
  }
  return finish(y, axes, keepdims);
}

namespace {
// ∂y/∂x is 1 where x = y, shared equally among ties.
Tensor extremum(const char* op, const kernel::Unary& slot, const Tensor& x0, const Axes& given, bool keepdims) {
  const Tensor x = strong(x0);
  const auto [axes, kept, n] = reduced(op, x, given);
  require(x.size() > 0 || count(kept) == 0, op, "x ", x.shape(), " has no element along axis ", axes);
  Tensor y = output(op, kept, x.dtype(), {x});
  if (y.size()) slot(x.device(), x, y);
  if (y.node()) {
    const auto share = [x = x.detached(), y = y.detached(), axes = axes] {
      const Tensor tied = astype(equal(x, y), x.dtype());
      return tied / sum(tied, axes, keep);
    };
    link(y, x, [=, axes = axes](const Tensor& d) { return sum(share() * d, axes, keep); },
         [=](const Tensor& d) { return share() * d; });
  }
  return finish(y, axes, keepdims);
}
}  // namespace
Tensor max(const Tensor& x, const Axes& axes, bool keepdims) { return extremum("max", kernel::max, x, axes, keepdims); }
Tensor min(const Tensor& x, const Axes& axes, bool keepdims) { return extremum("min", kernel::min, x, axes, keepdims); }

// Σ (x - x̄)² / (n - correction)
Tensor var(const Tensor& x0, const Axes& axes, bool keepdims, double correction) {
  const Tensor x = as_float(x0);
  if (is_half(x)) return in_float32(x, [&](const Tensor& x) { return var(x, axes, keepdims, correction); });
  const Tensor u = x - mean(x, axes, keep);
  return sum(u * u, axes, keepdims) / weak_scalar(std::max(0.0, double(reduced("var", x, axes).n) - correction));
}
// ‖x - x̄‖ / √(n - correction): the derivative at equal elements is that of the norm at 0, which is 0.
Tensor stddev(const Tensor& x0, const Axes& axes, bool keepdims, double correction) {
  const Tensor x = as_float(x0);
  if (is_half(x)) return in_float32(x, [&](const Tensor& x) { return stddev(x, axes, keepdims, correction); });
  const double n = std::max(0.0, double(reduced("std", x, axes).n) - correction);
  return norm(x - mean(x, axes, keep), 2, axes, keepdims) / weak_scalar(std::sqrt(n));
}

// (Σ |x|ᵖ)^(1/p); ∂/∂x = sign(x) (|x| / y)^(p-1), and 0 where y = 0.
Tensor norm(const Tensor& x0, double p, const Axes& given, bool keepdims) {
  const Tensor x = as_float(x0);
  if (is_half(x)) return in_float32(x, [&](const Tensor& x) { return norm(x, p, given, keepdims); });
  const auto [axes, kept, n] = reduced("norm", x, given);
  if (p == 1) return sum(abs(x), axes, keepdims);
  if (std::isinf(p) && p < 0) return min(abs(x), axes, keepdims);
  if (std::isinf(p)) return n == 0 ? sum(x, axes, keepdims) : max(abs(x), axes, keepdims);
  if (p == 0) return astype(count_nonzero(x, axes, keepdims), x.dtype());
  require<ValueError>(!std::isnan(p), "norm", "ord must be a number, got nan");

  const auto powers = [&, axes = axes](const Tensor& v) {
    return sum(p == 2 ? v * v : power(abs(v), weak_scalar(p)), axes, keep);
  };
  const Tensor v = x.detached(), sums = powers(v);
  Tensor values = power(sums, weak_scalar(1 / p));
  if (n > 0 && out_of_range(sums)) {                             // of numbers around 1, and back
    const Tensor top = max(abs(v), axes, keep), one = weak_scalar(1.0);
    const Tensor m = where(logical_and(less(zero(), top), less(top, weak_scalar(INFINITY))), top, one);
    values = power(powers(v / m), weak_scalar(1 / p)) * m;
  }
  const Tensor y = as_result("norm", values, x);
  if (y.node()) {
    const auto slope = [=, self = Self(y)] {
      const Tensor y = self, flat = equal(y, zero()), safe = where(flat, weak_scalar(1.0), y);
      const Tensor unit = p == 2 ? x / safe : sign(x) * power(abs(x) / safe, weak_scalar(p - 1));
      return where(flat, zero(), unit);
    };
    link(y, x, [=, axes = axes](const Tensor& d) { return sum(slope() * d, axes, keep); },
         [=](const Tensor& d) { return slope() * d; });
  }
  return finish(y, axes, keepdims);
}

// log Σ eˣ = m + log Σ e^(x - m), m = max x; the derivative is the softmax e^(x - y), 0 in a row of -∞.   Book: §3.3
Tensor logsumexp(const Tensor& x0, const Axes& given, bool keepdims) {
  const Tensor x = as_float(x0);
  if (is_half(x)) return in_float32(x, [&](const Tensor& x) { return logsumexp(x, given, keepdims); });
  const auto [axes, kept, n] = reduced("logsumexp", x, given);
  const Tensor v = x.detached();
  Tensor values;
  if (n == 0) {
    values = full(kept, -INFINITY, 0, x.dtype(), x.device());
  } else {
    const Tensor top = max(v, axes, keep), m = where(less(abs(top), weak_scalar(INFINITY)), top, zero());
    values = log(sum(exp(v - m), axes, keep)) + m;
  }
  const Tensor y = as_result("logsumexp", values, x);
  if (y.node()) {
    // Divided by its sum, which is 1 but for the digits that y, perhaps large, has lost.
    const auto softmax = [=, y = y.detached(), axes = axes] {
      const Tensor e = exp(x - where(equal(y, weak_scalar(-INFINITY)), zero(), y)), total = sum(e, axes, keep);
      return e / where(equal(total, zero()), weak_scalar(1.0), total);
    };
    link(y, x, [=, axes = axes](const Tensor& d) { return sum(softmax() * d, axes, keep); },
         [=](const Tensor& d) { return softmax() * d; });
  }
  return finish(y, axes, keepdims);
}

Tensor count_nonzero(const Tensor& x, const Axes& axes, bool keepdims) {
  return sum(x.dtype() == DType::boolean ? x : not_equal(x.detached(), weak_scalar(int64_t(0))), axes, keepdims);
}
Tensor any(const Tensor& x, const Axes& axes, bool keepdims) {
  return not_equal(count_nonzero(x, axes, keepdims), weak_scalar(int64_t(0)));
}
Tensor all(const Tensor& x, const Axes& axes, bool keepdims) {
  return equal(count_nonzero(x, axes, keepdims), weak_scalar(reduced("all", x, axes).n));
}

namespace {
Tensor position(const char* op, const kernel::Unary& slot, const Tensor& x0, std::optional<int64_t> given, bool keepdims) {
  const Tensor x = given ? x0.detached() : reshape(x0.detached(), {-1});
  const int axis = normal_axis(given.value_or(0), x.ndim(), op);
  Shape kept = x.shape();
  kept[axis] = 1;
  require(x.dim(axis) > 0, op, "x ", x0.shape(), " has no element along axis ", axis);
  Tensor y = output(op, kept, DType::int64, x.device());
  const Shape three = three_axes(x.shape(), axis);
  Tensor out = reshape(y, {three[0], three[2]});
  if (y.size()) slot(x.device(), reshape(contiguous(x), three), out);
  if (!given) return reshape(y, keepdims ? Shape::filled(x0.ndim(), 1) : Shape());
  return keepdims ? y : squeeze(y, Shape{axis});
}
}  // namespace
Tensor argmax(const Tensor& x, std::optional<int64_t> axis, bool keepdims) {
  return position("argmax", kernel::argmax, x, axis, keepdims);
}
Tensor argmin(const Tensor& x, std::optional<int64_t> axis, bool keepdims) {
  return position("argmin", kernel::argmin, x, axis, keepdims);
}

}  // namespace chainrule
