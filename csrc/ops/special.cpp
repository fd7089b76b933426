#include "ops/special.h"

#include <cmath>

#include "ops/rules.h"

namespace chainrule {

Tensor erf(const Tensor& x) {
  return by_input("erf", kernel::erf, x, [](const Tensor& x) { return exp(-(x * x)) * M_2_SQRTPI; });
}
Tensor erfc(const Tensor& x) {
  return by_input("erfc", kernel::erfc, x, [](const Tensor& x) { return exp(-(x * x)) * -M_2_SQRTPI; });
}
Tensor erfinv(const Tensor& x) {
  return by_result("erfinv", kernel::erfinv, x, [](const Tensor& y) { return exp(y * y) * (1 / M_2_SQRTPI); });
}
Tensor lgamma(const Tensor& x) {
  return by_input("lgamma", kernel::lgamma, x, [](const Tensor& x) { return digamma(x); });
}
Tensor digamma(const Tensor& x) {
  return by_input("digamma", kernel::digamma, x, [](const Tensor& x) { return polygamma(1, x); });
}
Tensor polygamma(int64_t n, const Tensor& x0) {
  require<ValueError>(n >= 0, "polygamma", "n must be at least 0, got ", n);
  if (n == 0) return digamma(x0);
  const Tensor x = as_float(x0);
  Tensor y = output("polygamma", x.shape(), x.dtype(), {x});
  kernel::polygamma(x.device(), x, n, y);
  link(y, x, [x, n](const Tensor& d) { return d * polygamma(n + 1, x); });
  return y;
}

}  // namespace chainrule
