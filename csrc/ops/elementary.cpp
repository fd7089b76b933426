#include "ops/elementary.h"

#include <cmath>

#include "ops/activation.h"
#include "ops/rules.h"

namespace chainrule {

// ---- rounding: piecewise constant
namespace {
Tensor rounded(const char* op, const kernel::Unary& slot, const Tensor& x0) {
  if (!is_float(x0)) return copy(x0);
  const Tensor x = strong(x0);
  Tensor y = output(op, x.shape(), x.dtype(), x.device());
  slot(x.device(), x, y);
  return y;
}
}  // namespace
Tensor floor(const Tensor& x) { return rounded("floor", kernel::floor, x); }
Tensor ceil(const Tensor& x) { return rounded("ceil", kernel::ceil, x); }
Tensor round(const Tensor& x) { return rounded("round", kernel::round, x); }
Tensor trunc(const Tensor& x) { return rounded("trunc", kernel::trunc, x); }

// ---- exponentials, logarithms, roots
Tensor exp(const Tensor& x) {
  return by_result("exp", kernel::exp, x, [](const Tensor& y) { return y; });
}
Tensor expm1(const Tensor& x) {
  return by_result("expm1", kernel::expm1, x, [](const Tensor& y) { return y + 1.0; });
}
Tensor log(const Tensor& x) {
  return by_input("log", kernel::log, x, [](const Tensor& x) { return reciprocal(x); });
}
Tensor log1p(const Tensor& x) {
  return by_input("log1p", kernel::log1p, x, [](const Tensor& x) { return reciprocal(x + 1.0); });
}
Tensor log2(const Tensor& x) {
  return by_input("log2", kernel::log2, x, [](const Tensor& x) { return reciprocal(x * M_LN2); });
}
Tensor log10(const Tensor& x) {
  return by_input("log10", kernel::log10, x, [](const Tensor& x) { return reciprocal(x * M_LN10); });
}
Tensor sqrt(const Tensor& x) {
  return by_result("sqrt", kernel::sqrt, x, [](const Tensor& y) { return reciprocal(y) * 0.5; });
}
Tensor rsqrt(const Tensor& x) {
  return by_result("rsqrt", kernel::rsqrt, x, [](const Tensor& y) { return y * y * y * -0.5; });
}

// ---- angles
Tensor sin(const Tensor& x) {
  return by_input("sin", kernel::sin, x, [](const Tensor& x) { return cos(x); });
}
Tensor cos(const Tensor& x) {
  return by_input("cos", kernel::cos, x, [](const Tensor& x) { return -sin(x); });
}
Tensor tan(const Tensor& x) {
  return by_result("tan", kernel::tan, x, [](const Tensor& y) { return y * y + 1.0; });
}
Tensor asin(const Tensor& x) {
  return by_input("asin", kernel::asin, x, [](const Tensor& x) { return rsqrt((1.0 - x) * (x + 1.0)); });
}
Tensor acos(const Tensor& x) {
  return by_input("acos", kernel::acos, x, [](const Tensor& x) { return -rsqrt((1.0 - x) * (x + 1.0)); });
}
Tensor atan(const Tensor& x) {
  return by_input("atan", kernel::atan, x, [](const Tensor& x) { return reciprocal(x * x + 1.0); });
}

// ---- hyperbolic functions
Tensor sinh(const Tensor& x) {
  return by_input("sinh", kernel::sinh, x, [](const Tensor& x) { return cosh(x); });
}
Tensor cosh(const Tensor& x) {
  return by_input("cosh", kernel::cosh, x, [](const Tensor& x) { return sinh(x); });
}
Tensor tanh(const Tensor& x) {
  return by_result("tanh", kernel::tanh, x, [](const Tensor& y) { return 1.0 - y * y; }, &kernel::tanh_slope);
}
Tensor asinh(const Tensor& x) {                                // hypot: x² may overflow
  return by_input("asinh", kernel::asinh, x, [](const Tensor& x) { return reciprocal(hypot(x, weak_scalar(1.0))); });
}
Tensor acosh(const Tensor& x) {
  return by_input("acosh", kernel::acosh, x, [](const Tensor& x) { return rsqrt(x + -1.0) * rsqrt(x + 1.0); });
}
Tensor atanh(const Tensor& x) {
  return by_input("atanh", kernel::atanh, x, [](const Tensor& x) { return reciprocal((1.0 - x) * (x + 1.0)); });
}

// ---- of two numbers
namespace {
// σ(a - b), with 1/2 at two equal infinities
Tensor weight(const Tensor& a, const Tensor& b) {
  const Tensor same = bitwise_and(equal(a, b), isinf(a));
  return sigmoid(where(same, weak_scalar(0.0), a - b));
}
}  // namespace
Tensor logaddexp(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match_float("logaddexp", a0, b0);
  Tensor y = output("logaddexp", a.shape(), a.dtype(), {a, b});
  kernel::logaddexp(y.device(), a, b, y);
  link(y, a, [a = a, b = b](const Tensor& d) { return d * weight(a, b); });
  link(y, b, [a = a, b = b](const Tensor& d) { return d * weight(b, a); });
  return y;
}

// ∂√(a² + b²)/∂a = a / y, and 0 at the origin
Tensor hypot(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match_float("hypot", a0, b0);
  Tensor y = output("hypot", a.shape(), a.dtype(), {a, b});
  kernel::hypot(y.device(), a, b, y);
  if (!y.node()) return y;
  const auto share = [self = Self(y)](const Tensor& a, const Tensor& d) {
    const Tensor y = self;
    return d * (a / where(equal(y, weak_scalar(0.0)), weak_scalar(1.0), y));
  };
  link(y, a, [=, a = a](const Tensor& d) { return share(a, d); });
  link(y, b, [=, b = b](const Tensor& d) { return share(b, d); });
  return y;
}

// the angle of the point (b, a):  ∂/∂a = b / (a² + b²),  ∂/∂b = -a / (a² + b²)
Tensor atan2(const Tensor& a0, const Tensor& b0) {
  const auto [a, b] = match_float("atan2", a0, b0);
  Tensor y = output("atan2", a.shape(), a.dtype(), {a, b});
  kernel::atan2(y.device(), a, b, y);
  link(y, a, [a = a, b = b](const Tensor& d) { return d * (b / (a * a + b * b)); });
  link(y, b, [a = a, b = b](const Tensor& d) { return -(d * (a / (a * a + b * b))); });
  return y;
}

}  // namespace chainrule
