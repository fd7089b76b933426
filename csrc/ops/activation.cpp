#include "ops/activation.h"

#include <cmath>

#include "ops/rules.h"
#include "ops/special.h"

namespace chainrule {

Tensor sigmoid(const Tensor& x) {
  return by_result("sigmoid", kernel::sigmoid, x, [](const Tensor& y) { return y * (1.0 - y); }, &kernel::sigmoid_slope);
}
Tensor softplus(const Tensor& x) {
  return by_input("softplus", kernel::softplus, x, [](const Tensor& x) { return sigmoid(x); });
}
Tensor log_sigmoid(const Tensor& x) { return -softplus(-as_float(x)); }

namespace {
// The derivative of a function with a kink at 0; linear in d, piecewise constant in x.
Tensor kink(const Tensor& d0, const Tensor& x0, double slope, double at_zero) {
  const auto [d, x] = match("kink", d0, x0.detached());
  Tensor y = output("kink", x.shape(), x.dtype(), {d});
  kernel::kink(x.device(), d, x, slope, at_zero, y);
  link(y, d, [=, x = x](const Tensor& e) { return kink(e, x, slope, at_zero); });
  return y;
}
}  // namespace

Tensor relu(const Tensor& x, double at_zero) {
  if (!is_float(x)) return maximum(x, weak_scalar(int64_t(0)));
  const Tensor z = strong(x);
  Tensor y = output("relu", z.shape(), z.dtype(), {z});
  kernel::relu(z.device(), z, y);
  // y > 0 where z > 0: only a derivative at 0 of its own needs z kept beside y.
  if (at_zero == 0) link(y, z, [self = Self(y)](const Tensor& d) { return kink(d, self, 0, 0); });
  else link(y, z, [=](const Tensor& d) { return kink(d, z, 0, at_zero); });
  return y;
}
Tensor leaky_relu(const Tensor& x0, double slope) {
  const Tensor x = as_float(x0);
  if (slope == 0) return relu(x, 1);
  Tensor y = output("leaky_relu", x.shape(), x.dtype(), {x});
  kernel::leaky_relu(x.device(), x, slope, y);
  link(y, x, [=](const Tensor& d) { return kink(d, x, slope, 1); });
  return y;
}

// 1 for x > 0, else α eˣ, where eˣ must not overflow behind the choice
Tensor elu(const Tensor& x0, double alpha) {
  const Tensor x = as_float(x0);
  Tensor y = output("elu", x.shape(), x.dtype(), {x});
  kernel::elu(x.device(), x, alpha, y);
  link(y, x, [=](const Tensor& d) {
    return sloped(&kernel::elu_slope, d, x, [alpha](const Tensor& x) {
      const Tensor positive = greater(x, weak_scalar(0.0));
      return where(positive, weak_scalar(1.0), exp(where(positive, weak_scalar(0.0), x)) * alpha);
    }, alpha);
  });
  return y;
}
// Klambauer, Unterthiner, Mayr, Hochreiter: arXiv 1706.02515
Tensor selu(const Tensor& x) { return elu(x, 1.6732632423543772) * 1.0507009873554805; }

Tensor silu(const Tensor& x) {
  return by_input("silu", kernel::silu, x, [](const Tensor& x) {
    const Tensor s = sigmoid(x);
    return s * (x * (1.0 - s) + 1.0);
  }, &kernel::silu_slope);
}
Tensor mish(const Tensor& x) {
  return by_input("mish", kernel::mish, x, [](const Tensor& x) {
    const Tensor t = tanh(softplus(x));
    return t + x * (1.0 - t * t) * sigmoid(x);
  }, &kernel::mish_slope);
}

namespace {
// d/dx x Φ(x) = Φ(x) + x φ(x), with Φ(x) = erfc(-x / √2) / 2 and φ(x) = e^(-x² / 2) / √(2π)
Tensor gelu_derivative(const Tensor& x) {
  return erfc(x * -M_SQRT1_2) * 0.5 + x * exp(x * x * -0.5) * (0.5 * M_2_SQRTPI * M_SQRT1_2);
}
// d/dx x s(2u) = s + x s (1 - s) 2u', with u = √(2/π) (x + 0.044715 x³)
Tensor gelu_tanh_derivative(const Tensor& x) {
  const double c = M_2_SQRTPI * M_SQRT2;                       // 2 √(2/π)
  const Tensor s = sigmoid((x + x * x * x * 0.044715) * c), rise = (x * x * (3 * 0.044715) + 1.0) * c;
  return s + x * (s * (1.0 - s)) * rise;
}
}  // namespace
Tensor gelu(const Tensor& x, const std::string& approximate) {
  if (approximate == "tanh") return by_input("gelu", kernel::gelu_tanh, x, gelu_tanh_derivative, &kernel::gelu_tanh_slope);
  require<ValueError>(approximate == "none", "gelu", "approximate must be 'none' or 'tanh', got '", approximate, "'");
  return by_input("gelu", kernel::gelu, x, gelu_derivative, &kernel::gelu_slope);
}

}  // namespace chainrule
