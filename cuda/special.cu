// Error and gamma functions: y row-major, x of its shape and any strides.
#include <cmath>
#include <vector>

#include "map.cuh"

namespace chainrule {
namespace {

constexpr double pi = 3.141592653589793, infinity = INFINITY, nan = NAN;

struct Erf { template <class C> __device__ C operator()(C x) const { return std::erf(x); } };
struct Erfc { template <class C> __device__ C operator()(C x) const { return std::erfc(x); } };

// The others are computed in float64 whatever the type.
// Winitzki's closed form (2008) is right to 2e-3; each step of Halley's method triples the digits.
struct Erfinv {
  __device__ double operator()(double x) const {
    if (!(std::abs(x) < 1)) return std::abs(x) == 1 ? x * infinity : nan;
    const double p = std::abs(x), log = std::log1p(-p * p), u = 2 / (pi * 0.147) + log / 2, v = -log / 0.147;
    double y = std::sqrt(v / (std::sqrt(u * u + v) + u));
    for (int step = 0; step < 3; step++) {
      const double error = p < 0.5 ? std::erf(y) - p : (1 - p) - std::erfc(y);      // 1 - p is exact there
      const double t = error * std::exp(y * y) * (0.5 * 1.7724538509055160273);
      y -= t / (1 + y * t);
    }
    return std::copysign(y, x);
  }
};
struct Lgamma { __device__ double operator()(double x) const { return std::lgamma(x); } };

// Reflection below 0, ψ(x) = ψ(x + 1) - 1/x up to 10, then log x - 1/2x - Σ B₂ₖ / (2k x²ᵏ).  DLMF 5.5.2, 5.5.4, 5.11.2
struct Digamma {
  __device__ static double above(double x) {
    double y = 0;
    for (; x < 10; x++) y -= 1 / x;
    if (x == infinity) return x;
    const double z = 1 / (x * x), c[] = {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12};
    double sum = 0;
    for (int k = 6; k >= 0; k--) sum = sum * z + c[k];
    return y + (std::log(x) - 0.5 / x - sum * z);
  }
  __device__ double operator()(double x) const {
    if (x == 0) return -std::copysign(infinity, x);
    if (x >= 0 || x != x) return above(x);
    if (x == std::floor(x)) return nan;
    return above(1 - x) - pi / std::tan(pi * (x - std::nearbyint(x)));              // tan has period π
  }
};

// ζ(s, x) = Σ (x + k)⁻ˢ for x > 0 and s >= 2: the first terms, then Euler and Maclaurin's formula.  DLMF 25.11.5
__device__ double hurwitz_zeta(double s, double x) {
  double sum = 0;
  for (; x < 10 + s; x++) sum += std::pow(x, -s);                                   // its series converges for x > s
  const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510};
  double term = std::pow(x, -s);
  sum += term * x / (s - 1) + term / 2;
  term *= s / (2 * x);                                                              // s (s+1) ... / (2k)! x^(-s-2k+1)
  for (int k = 0; k < 8; k++) {
    sum += bernoulli[k] * term;
    term *= (s + 2 * k + 1) * (s + 2 * k + 2) / ((2 * k + 3) * (2 * k + 4) * x * x);
  }
  return sum;
}

// ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n+1, x), n >= 1. Below 0 by reflection, DLMF 5.15.6, in which the n-th derivative of
// cot πx is πⁿ times a polynomial in c = cot πx: each derivative of it takes cᵏ to -k (cᵏ⁻¹ + cᵏ⁺¹).
constexpr int most = 170;                                  // 171! is no float64
struct Polygamma {
  int order;
  double sign, factorial, power, cot[most + 2];
  explicit Polygamma(int n) : order(n), sign(n % 2 ? 1 : -1), factorial(std::tgamma(n + 1.0)), power(std::pow(pi, n + 1.0)), cot{0, 1} {
    for (int k = 0; k < n; k++) {
      double next[most + 2] = {};
      for (int i = 1; i <= k + 1; i++) {
        next[i - 1] -= i * cot[i];
        next[i + 1] -= i * cot[i];
      }
      for (int i = 0; i <= k + 2; i++) cot[i] = next[i];
    }
  }
  __device__ double above(double x) const { return x == infinity ? 0 : sign * factorial * hurwitz_zeta(order + 1.0, x); }
  __device__ double operator()(double x) const {
    if (x > 0) return above(x);
    if (x == -infinity || x != x) return nan;
    if (x == std::floor(x)) return sign * infinity;
    const double c = 1 / std::tan(pi * (x - std::nearbyint(x)));
    double p = 0;
    for (int k = order + 1; k >= 0; k--) p = p * c + cot[k];
    return -sign * above(1 - x) - power * p;
  }
};
void polygamma(const Tensor& x, int64_t n, Tensor& y) {
  require<ValueError>(n <= most, "polygamma", "order ", n, " is more than cuda knows; at most ", most);
  map_floats("polygamma", x, y, Polygamma(int(n)));
}

const Fill filled[] = {
    {kernel::erf, Device::cuda, unary<kernel::erf, Floats, Erf>},
    {kernel::erfc, Device::cuda, unary<kernel::erfc, Floats, Erfc>},
    {kernel::erfinv, Device::cuda, unary<kernel::erfinv, Floats, Erfinv>},
    {kernel::lgamma, Device::cuda, unary<kernel::lgamma, Floats, Lgamma>},
    {kernel::digamma, Device::cuda, unary<kernel::digamma, Floats, Digamma>},
};
const Fill polygamma_filled(kernel::polygamma, Device::cuda, polygamma);

}  // namespace
}  // namespace chainrule
