// Error and gamma functions: y row-major, x of its shape and any strides.
#include <cmath>
#include <limits>
#include <vector>

#include "core/kernels.h"
#include "cpu/vector_map.h"

namespace chainrule {
namespace {

constexpr double pi = 3.141592653589793, infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// y = f(x), computed in float64 whatever the type.
template <class F> void map_in_double(const Tensor& x, const Tensor& y, F f) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [&](auto x) { return decltype(x)(f(double(x))); });
  });
}

void erf(const Tensor& x, Tensor& y) { vector_map(x, y, simd().erf, std::erf); }
void erfc(const Tensor& x, Tensor& y) { vector_map(x, y, simd().erfc, std::erfc); }

// Winitzki's closed form (2008) is right to 2e-3; each step of Halley's method triples the digits.
double erfinv_of(double x) {
  if (!(std::abs(x) < 1)) return std::abs(x) == 1 ? x * infinity : nan;
  const double p = std::abs(x), log = std::log1p(-p * p), u = 2 / (pi * 0.147) + log / 2, v = -log / 0.147;
  double y = std::sqrt(v / (std::sqrt(u * u + v) + u));
  for (int step = 0; step < 2; step++) {
    const double error = p < 0.5 ? std::erf(y) - p : (1 - p) - std::erfc(y);        // 1 - p is exact there
    const double t = error * std::exp(y * y) * (std::sqrt(pi) / 2);
    y -= t / (1 + y * t);
  }
  return std::copysign(y, x);
}
void erfinv(const Tensor& x, Tensor& y) { map_in_double(x, y, erfinv_of); }

double lgamma_of(double x) {
  int sign;                                    // std::lgamma writes it to a global variable
  return ::lgamma_r(x, &sign);
}
void lgamma(const Tensor& x, Tensor& y) { map_in_double(x, y, lgamma_of); }

// Reflection below 0, ψ(x) = ψ(x + 1) - 1/x up to 10, then log x - 1/2x - Σ B₂ₖ / (2k x²ᵏ).  DLMF 5.5.2, 5.5.4, 5.11.2
double digamma_of(double x) {
  if (x == 0) return -std::copysign(infinity, x);
  if (x < 0) {
    if (x == std::floor(x)) return nan;
    const double r = x - std::nearbyint(x);                                         // tan has period π
    return digamma_of(1 - x) - pi / std::tan(pi * r);
  }
  double y = 0;
  for (; x < 10; x++) y -= 1 / x;
  if (x == infinity) return x;
  const double z = 1 / (x * x);
  static constexpr double c[] = {1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 1.0 / 132, -691.0 / 32760, 1.0 / 12};
  double sum = 0;
  for (int k = 6; k >= 0; k--) sum = sum * z + c[k];
  return y + (std::log(x) - 0.5 / x - sum * z);
}
void digamma(const Tensor& x, Tensor& y) { map_in_double(x, y, digamma_of); }

// ζ(s, x) = Σ (x + k)⁻ˢ for x > 0 and s >= 2: the first terms, then Euler and Maclaurin's formula.  DLMF 25.11.5
double hurwitz_zeta(double s, double x) {
  double sum = 0;
  for (; x < 10 + s; x++) sum += std::pow(x, -s);                                   // its series converges for x > s
  static constexpr double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6,
                                         -3617.0 / 510};
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
void polygamma(const Tensor& x, int64_t n, Tensor& y) {
  std::vector<double> cot{0, 1};
  for (int64_t order = 0; order < n; order++) {
    std::vector<double> next(cot.size() + 1, 0.0);
    for (size_t k = 1; k < cot.size(); k++) {
      next[k - 1] -= double(k) * cot[k];
      next[k + 1] -= double(k) * cot[k];
    }
    cot = next;
  }
  const double sign = n % 2 ? 1 : -1, factorial = std::tgamma(double(n) + 1), power = std::pow(pi, double(n + 1));
  map_in_double(x, y, [&](double x) -> double {
    const auto above = [&](double x) { return x == infinity ? 0 : sign * factorial * hurwitz_zeta(double(n + 1), x); };
    if (x > 0) return above(x);
    if (x == -infinity || x != x) return nan;
    if (x == std::floor(x)) return sign * infinity;
    const double c = 1 / std::tan(pi * (x - std::nearbyint(x)));
    double p = 0;
    for (size_t k = cot.size(); k-- > 0;) p = p * c + cot[k];
    return -sign * above(1 - x) - power * p;
  });
}

const Fill filled[] = {
    {kernel::erf, Device::cpu, erf},         {kernel::erfc, Device::cpu, erfc},       {kernel::erfinv, Device::cpu, erfinv},
    {kernel::lgamma, Device::cpu, lgamma},   {kernel::digamma, Device::cpu, digamma}, {kernel::polygamma, Device::cpu, polygamma},
};

}  // namespace
}  // namespace chainrule
