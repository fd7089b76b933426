#include "ops/pointwise.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/views.h"

namespace chainrule {

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
  const auto [a, b] = match("subtract", a0, b0);
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

namespace {
// Elementwise ops with derivative D, an expression in ops: of the input ...
template <class D> Tensor by_input(const char* op, const kernel::Unary& slot, const Tensor& x0, D derivative) {
  const Tensor x = as_float(x0);
  Tensor y = output(op, x.shape(), x.dtype(), {x});
  slot(x.device(), x, y);
  link(y, x, [=](const Tensor& d) { return d * derivative(x); });
  return y;
}
// ... or of the result, so that the input need not be kept.
template <class D> Tensor by_result(const char* op, const kernel::Unary& slot, const Tensor& x0, D derivative) {
  const Tensor x = as_float(x0);
  Tensor y = output(op, x.shape(), x.dtype(), {x});
  slot(x.device(), x, y);
  if (y.node()) link(y, x, [=, self = Self(y)](const Tensor& d) { return d * derivative(self); });
  return y;
}
}  // namespace

Tensor negative(const Tensor& x) {
  Tensor y = output("negative", x.shape(), strong_type(x), {x});
  kernel::negative(x.device(), x, y);
  link(y, x, [](const Tensor& d) { return -d; });
  return y;
}
Tensor exp(const Tensor& x) {
  return by_result("exp", kernel::exp, x, [](const Tensor& y) { return y; });
}
Tensor log(const Tensor& x0) {
  const Tensor x = as_float(x0);
  Tensor y = output("log", x.shape(), x.dtype(), {x});
  kernel::log(x.device(), x, y);
  link(y, x, [x](const Tensor& d) { return d / x; });
  return y;
}
Tensor sin(const Tensor& x) {
  return by_input("sin", kernel::sin, x, [](const Tensor& x) { return cos(x); });
}
Tensor cos(const Tensor& x) {
  return by_input("cos", kernel::cos, x, [](const Tensor& x) { return -sin(x); });
}
Tensor tanh(const Tensor& x) {
  return by_result("tanh", kernel::tanh, x, [](const Tensor& y) { return 1.0 - y * y; });
}

Tensor abs(const Tensor& x) {
  Tensor y = output("abs", x.shape(), strong_type(x), {x});
  kernel::abs(x.device(), x, y);
  link(y, x, [x](const Tensor& d) { return d * sign(x); });
  return y;
}
Tensor sign(const Tensor& x) {                                  // piecewise constant
  Tensor y = output("sign", x.shape(), strong_type(x), x.device());
  kernel::sign(x.device(), x, y);
  return y;
}

// floor(a / b); piecewise constant
Tensor floor_divide(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match("floor_divide", a0, b0);
  Tensor y = output("floor_divide", a.shape(), a.dtype(), common_device("floor_divide", {a, b}));
  kernel::floor_divide(y.device(), a, b, y);
  return y;
}
// a - floor(a / b) b
Tensor remainder(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match("remainder", a0, b0);
  Tensor y = output("remainder", a.shape(), a.dtype(), {a, b});
  kernel::remainder(y.device(), a, b, y);
  link(y, a, [](const Tensor& d) { return d; });
  link(y, b, [a = a, b = b](const Tensor& d) { return -(d * floor_divide(a, b)); });
  return y;
}

// ∂aᵇ/∂a = b aᵇ⁻¹ (0 where b = 0),  ∂aᵇ/∂b = aᵇ log a (0 where a = 0 and b >= 0)
Tensor power(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match("power", a0, b0);
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

namespace {
// At a tie each operand gets half of the derivative.
Tensor extremum(const char* op, const kernel::Binary& slot, const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match(op, a0, b0);
  Tensor y = output(op, a.shape(), a.dtype(), {a, b});
  slot(y.device(), a, b, y);
  if (!y.node()) return y;
  const Tensor in_a = astype(equal(a, y.detached()), a.dtype()), in_b = astype(equal(b, y.detached()), b.dtype());
  const Tensor tied = in_a + in_b;
  link(y, a, [w = in_a / tied](const Tensor& d) { return d * w; });
  link(y, b, [w = in_b / tied](const Tensor& d) { return d * w; });
  return y;
}
Tensor comparison(const char* op, const kernel::Binary& slot, const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match(op, a0.detached(), b0.detached());
  Tensor y = output(op, a.shape(), DType::boolean, common_device(op, {a, b}));
  slot(y.device(), a, b, y);
  return y;
}
Tensor bitwise(const char* op, const kernel::Binary& slot, const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match(op, a0, b0);
  require<DTypeError>(!is_float(a), op, "needs integers or booleans, got ", a.dtype());
  Tensor y = output(op, a.shape(), a.dtype(), {a, b});
  slot(y.device(), a, b, y);
  return y;
}
}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) { return extremum("maximum", kernel::maximum, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return extremum("minimum", kernel::minimum, a, b); }
Tensor equal(const Tensor& a, const Tensor& b) { return comparison("equal", kernel::equal, a, b); }
Tensor not_equal(const Tensor& a, const Tensor& b) { return comparison("not_equal", kernel::not_equal, a, b); }
Tensor less(const Tensor& a, const Tensor& b) { return comparison("less", kernel::less, a, b); }
Tensor less_equal(const Tensor& a, const Tensor& b) { return comparison("less_equal", kernel::less_equal, a, b); }
Tensor greater(const Tensor& a, const Tensor& b) { return comparison("greater", kernel::less, b, a); }
Tensor greater_equal(const Tensor& a, const Tensor& b) { return comparison("greater_equal", kernel::less_equal, b, a); }
Tensor bitwise_and(const Tensor& a, const Tensor& b) { return bitwise("bitwise_and", kernel::bitwise_and, a, b); }
Tensor bitwise_or(const Tensor& a, const Tensor& b) { return bitwise("bitwise_or", kernel::bitwise_or, a, b); }
Tensor bitwise_xor(const Tensor& a, const Tensor& b) { return bitwise("bitwise_xor", kernel::bitwise_xor, a, b); }
Tensor bitwise_invert(const Tensor& x) {
  require<DTypeError>(!is_float(x), "bitwise_invert", "needs integers or booleans, got ", x.dtype());
  Tensor y = output("bitwise_invert", x.shape(), x.dtype(), {x});
  kernel::bitwise_invert(x.device(), x, y);
  return y;
}

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

Tensor operator*(const Tensor& a, double b) { return multiply(a, weak_scalar(b)); }
Tensor operator+(const Tensor& a, double b) { return add(a, weak_scalar(b)); }
Tensor operator-(double a, const Tensor& b) { return subtract(weak_scalar(a), b); }

}  // namespace chainrule
