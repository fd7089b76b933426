#include "ops/pointwise.h"

#include <limits>

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/views.h"

namespace chainrule {
namespace {

const Tensor& numbers(const char* op, const Tensor& x) {
  require<DTypeError>(x.dtype() != DType::boolean, op, "needs numbers, got bool; use .astype(...) first");
  return x;
}
Pair match_numbers(const char* op, const Tensor& a, const Tensor& b) {
  Pair p = match(op, a, b);
  numbers(op, p.a);
  return p;
}

}  // namespace

// ---- arithmetic
Tensor add(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match("add", a0, b0);
  if (a.dtype() == DType::boolean) return bitwise_or(a, b);          // NumPy's + of truth values
  Tensor y = output("add", a.shape(), a.dtype(), {a, b});
  kernel::add(y.device(), a, b, y);
  link(y, a, [](const Tensor& d) { return d; });
  link(y, b, [](const Tensor& d) { return d; });
  return y;
}

Tensor subtract(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match_numbers("subtract", a0, b0);
  Tensor y = output("subtract", a.shape(), a.dtype(), {a, b});
  kernel::subtract(y.device(), a, b, y);
  link(y, a, [](const Tensor& d) { return d; });
  link(y, b, [](const Tensor& d) { return -d; });
  return y;
}

Tensor multiply(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match("multiply", a0, b0);
  if (a.dtype() == DType::boolean) return bitwise_and(a, b);
  Tensor y = output("multiply", a.shape(), a.dtype(), {a, b});
  kernel::multiply(y.device(), a, b, y);
  link(y, a, [b = b](const Tensor& d) { return d * b; });
  link(y, b, [a = a](const Tensor& d) { return d * a; });
  return y;
}

// ∂(a/b)/∂a = 1/b,  ∂(a/b)/∂b = -y/b
Tensor divide(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match_float("divide", a0, b0);
  Tensor y = output("divide", a.shape(), a.dtype(), {a, b});
  kernel::divide(y.device(), a, b, y);
  link(y, a, [b = b](const Tensor& d) { return d / b; });
  link(y, b, [b = b, self = Self(y)](const Tensor& d) { return -(d * self / b); });
  return y;
}

Tensor square(const Tensor& x0) {
  const Tensor x = strong(numbers("square", x0));
  Tensor y = output("square", x.shape(), x.dtype(), {x});
  kernel::multiply(x.device(), x, x, y);
  link(y, x, [x](const Tensor& d) { return d * x * 2.0; });
  return y;
}

Tensor reciprocal(const Tensor& x) { return divide(weak_scalar(1.0), x); }

Tensor negative(const Tensor& x0) {
  const Tensor x = strong(numbers("negative", x0));
  Tensor y = output("negative", x.shape(), x.dtype(), {x});
  kernel::negative(x.device(), x, y);
  link(y, x, [](const Tensor& d) { return -d; });
  return y;
}

Tensor abs(const Tensor& x0) {
  if (x0.dtype() == DType::boolean) return copy(x0);
  const Tensor x = strong(x0);
  Tensor y = output("abs", x.shape(), x.dtype(), {x});
  kernel::abs(x.device(), x, y);
  link(y, x, [x](const Tensor& d) { return d * sign(x); });
  return y;
}
Tensor sign(const Tensor& x0) {                                 // piecewise constant
  const Tensor x = strong(numbers("sign", x0));
  Tensor y = output("sign", x.shape(), x.dtype(), x.device());
  kernel::sign(x.device(), x, y);
  return y;
}
// |a| with the sign of b: piecewise constant in b
Tensor copysign(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match_float("copysign", a0, b0);
  Tensor y = output("copysign", a.shape(), a.dtype(), {a, b});
  kernel::copysign(y.device(), a, b, y);
  link(y, a, [a = a, b = b](const Tensor& d) { return d * sign(a) * copysign(weak_scalar(1.0), b); });
  return y;
}

// floor(a / b); piecewise constant
Tensor floor_divide(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match_numbers("floor_divide", a0, b0);
  Tensor y = output("floor_divide", a.shape(), a.dtype(), common_device("floor_divide", {a, b}));
  kernel::floor_divide(y.device(), a, b, y);
  return y;
}
// a - floor(a / b) b
Tensor remainder(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match_numbers("remainder", a0, b0);
  Tensor y = output("remainder", a.shape(), a.dtype(), {a, b});
  kernel::remainder(y.device(), a, b, y);
  link(y, a, [](const Tensor& d) { return d; });
  link(y, b, [a = a, b = b](const Tensor& d) { return -(d * floor_divide(a, b)); });
  return y;
}

namespace {
// The usual exponents are cheaper functions, and ∂aᵖ/∂a = p aᵖ⁻¹.
Tensor power_of_number(const Tensor& a0, const Tensor& p0) {
  const Tensor a = astype(a0, result_type(a0, p0));
  const double p = *astype(p0, DType::float64).data<double>();
  if (p == 2) return square(a);
  if (p == 0.5) return sqrt(a);
  if (p == -1 && is_float(a)) return reciprocal(a);
  const Pair m = match("power", a, p0);
  Tensor y = output("power", a.shape(), a.dtype(), {a});
  kernel::power(y.device(), m.a, m.b, y);
  if (p != 0) link(y, a, [a, p](const Tensor& d) { return d * (power(a, weak_scalar(p - 1)) * p); });
  return y;
}
}  // namespace

// ∂aᵇ/∂a = b aᵇ⁻¹ (0 where b = 0),  ∂aᵇ/∂b = aᵇ log a (0 where a = 0 and b >= 0)
Tensor power(const Tensor& a0, const Tensor& b0) {
  if (b0.weak() && !a0.weak() && a0.dtype() != DType::boolean) return power_of_number(a0, b0);
  const auto [a, b] = match_numbers("power", a0, b0);
  Tensor y = output("power", a.shape(), a.dtype(), {a, b});
  kernel::power(y.device(), a, b, y);
  link(y, a, [a = a, b = b](const Tensor& d) {
    return d * where(equal(b, weak_scalar(0.0)), weak_scalar(0.0), b * power(a, b + -1.0));
  });
  if (y.node())
    link(y, b, [a = a, self = Self(y)](const Tensor& d) {
      const Tensor zero = equal(a, weak_scalar(0.0));
      return d * where(zero, weak_scalar(0.0), self * log(where(zero, weak_scalar(1.0), a)));
    });
  return y;
}

// ---- comparison
namespace {
Tensor comparison(const char* op, const kernel::Binary& slot, const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match(op, a0.detached(), b0.detached());
  Tensor y = output(op, a.shape(), DType::boolean, common_device(op, {a, b}));
  slot(y.device(), a, b, y);
  return y;
}
const double infinity = std::numeric_limits<double>::infinity();
}  // namespace

Tensor equal(const Tensor& a, const Tensor& b) { return comparison("equal", kernel::equal, a, b); }
Tensor not_equal(const Tensor& a, const Tensor& b) { return comparison("not_equal", kernel::not_equal, a, b); }
Tensor less(const Tensor& a, const Tensor& b) { return comparison("less", kernel::less, a, b); }
Tensor less_equal(const Tensor& a, const Tensor& b) { return comparison("less_equal", kernel::less_equal, a, b); }
Tensor greater(const Tensor& a, const Tensor& b) { return comparison("greater", kernel::less, b, a); }
Tensor greater_equal(const Tensor& a, const Tensor& b) { return comparison("greater_equal", kernel::less_equal, b, a); }

Tensor isnan(const Tensor& x) { return not_equal(x, x); }
Tensor isinf(const Tensor& x) {
  return is_float(x) ? equal(abs(x.detached()), weak_scalar(infinity)) : zeros(x.shape(), DType::boolean, x.device());
}
Tensor isfinite(const Tensor& x) {
  return is_float(x) ? less(abs(x.detached()), weak_scalar(infinity)) : equal(x, x);
}

// ---- truth and bits
namespace {
Tensor truth(const Tensor& x) { return x.dtype() == DType::boolean ? x : not_equal(x, weak_scalar(int64_t(0))); }
Tensor bitwise(const char* op, const kernel::Binary& slot, const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match(op, a0, b0);
  require<DTypeError>(!is_float(a), op, "needs integers or booleans, got ", a.dtype());
  Tensor y = output(op, a.shape(), a.dtype(), common_device(op, {a, b}));
  slot(y.device(), a, b, y);
  return y;
}
}  // namespace

Tensor bitwise_and(const Tensor& a, const Tensor& b) { return bitwise("bitwise_and", kernel::bitwise_and, a, b); }
Tensor bitwise_or(const Tensor& a, const Tensor& b) { return bitwise("bitwise_or", kernel::bitwise_or, a, b); }
Tensor bitwise_xor(const Tensor& a, const Tensor& b) { return bitwise("bitwise_xor", kernel::bitwise_xor, a, b); }
Tensor bitwise_invert(const Tensor& x) {
  require<DTypeError>(!is_float(x), "bitwise_invert", "needs integers or booleans, got ", x.dtype());
  Tensor y = output("bitwise_invert", x.shape(), x.dtype(), x.device());
  kernel::bitwise_invert(x.device(), x, y);
  return y;
}
Tensor logical_and(const Tensor& a, const Tensor& b) { return bitwise("logical_and", kernel::bitwise_and, truth(a), truth(b)); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return bitwise("logical_or", kernel::bitwise_or, truth(a), truth(b)); }
Tensor logical_xor(const Tensor& a, const Tensor& b) { return bitwise("logical_xor", kernel::bitwise_xor, truth(a), truth(b)); }
Tensor logical_not(const Tensor& x) { return bitwise_invert(truth(x)); }

// ---- choice
Tensor where(const Tensor& condition, const Tensor& a0, const Tensor& b0) {
  require<DTypeError>(condition.dtype() == DType::boolean, "where", "condition must be bool, got ", condition.dtype());
  const auto [a1, b1] = match("where", a0, b0);
  const Shape shape = broadcast(condition.shape(), a1.shape(), "where");
  const Tensor c = broadcast_to(condition, shape), a = broadcast_to(a1, shape), b = broadcast_to(b1, shape);
  Tensor y = output("where", shape, a.dtype(), {c, a, b});
  kernel::where(y.device(), c, a, b, y);
  link(y, a, [c](const Tensor& d) { return where(c, d, weak_scalar(0.0)); });
  link(y, b, [c](const Tensor& d) { return where(c, weak_scalar(0.0), d); });
  return y;
}

namespace {
// 1 where a is chosen alone, 1/2 at a tie, else 0
Tensor share(const Tensor& alone, const Tensor& tied, DType t) { return (astype(alone, t) + astype(tied, t)) * 0.5; }

Tensor extremum(const char* op, const kernel::Binary& slot, const Tensor& a0, const Tensor& b0,
                Tensor (*before)(const Tensor&, const Tensor&), Tensor (*not_after)(const Tensor&, const Tensor&)) {
  const auto [a, b] = match(op, a0, b0);
  Tensor y = output(op, a.shape(), a.dtype(), {a, b});
  slot(y.device(), a, b, y);
  link(y, a, [=, a = a, b = b](const Tensor& d) { return d * share(before(a, b), not_after(a, b), a.dtype()); });
  link(y, b, [=, a = a, b = b](const Tensor& d) { return d * share(before(b, a), not_after(b, a), a.dtype()); });
  return y;
}
}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) { return extremum("maximum", kernel::maximum, a, b, greater, greater_equal); }
Tensor minimum(const Tensor& a, const Tensor& b) { return extremum("minimum", kernel::minimum, a, b, less, less_equal); }

namespace {
Tensor clip_between(const Tensor& x0, const Tensor& low0, const Tensor& high0) {
  const auto [x1, low1] = match("clip", x0, low0);
  const auto [x, high] = match("clip", x1, high0);
  const Tensor low = match("clip", x, low1).b;
  Tensor y = output("clip", x.shape(), x.dtype(), {x, low, high});
  kernel::clip(y.device(), x, low, high, y);
  if (!y.node()) return y;
  link(y, x, [=, x = x, high = high](const Tensor& d) {
    return where(bitwise_and(less_equal(low, x), less_equal(x, high)), d, weak_scalar(0.0));
  });
  link(y, low, [=, x = x, high = high](const Tensor& d) {
    return where(bitwise_and(less(x, low), less_equal(low, high)), d, weak_scalar(0.0));
  });
  link(y, high, [=, x = x, high = high](const Tensor& d) {
    return where(less(high, maximum(x, low)), d, weak_scalar(0.0));
  });
  return y;
}
// One bound only: the derivative at it is 1 in x, where that of an extremum is 1/2.
Tensor clip_at(const kernel::Binary& slot, const Tensor& x0, const Tensor& bound0,
               Tensor (*within)(const Tensor&, const Tensor&)) {
  const auto [x, bound] = match("clip", x0, bound0);
  Tensor y = output("clip", x.shape(), x.dtype(), {x, bound});
  slot(y.device(), x, bound, y);
  link(y, x, [=, x = x, bound = bound](const Tensor& d) { return where(within(x, bound), d, weak_scalar(0.0)); });
  link(y, bound, [=, x = x, bound = bound](const Tensor& d) { return where(within(x, bound), weak_scalar(0.0), d); });
  return y;
}
}  // namespace

Tensor clip(const Tensor& x, const std::optional<Tensor>& low, const std::optional<Tensor>& high) {
  if (low && high) return clip_between(x, *low, *high);
  if (low) return clip_at(kernel::maximum, x, *low, greater_equal);
  if (high) return clip_at(kernel::minimum, x, *high, less_equal);
  return copy(strong(x));
}

Tensor operator*(const Tensor& a, double b) { return multiply(a, weak_scalar(b)); }
Tensor operator+(const Tensor& a, double b) { return add(a, weak_scalar(b)); }
Tensor operator-(double a, const Tensor& b) { return subtract(weak_scalar(a), b); }

}  // namespace chainrule
