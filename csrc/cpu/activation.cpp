// Activation functions and their slopes: y row-major, inputs of its shape and any strides.   Book: §5.3
#include <cmath>

#include "core/kernels.h"
#include "cpu/vector_map.h"

namespace chainrule {
namespace {

// Where every sigmoid and e^(-x²) is 0 or 1 already in float64: keeps ∞ · 0 away.  A NaN passes.
template <class C> C not_below(C x) { return x < -800 ? C(-800) : x; }
template <class C> C within(C x) { return x > 800 ? C(800) : not_below(x); }
template <class C> C not_above(C x, int most) { return x > most ? C(most) : x; }

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double softplus_of(double x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))); }

void sigmoid(const Tensor& x, Tensor& y) { vector_map(x, y, simd().sigmoid, sigmoid_of); }
void softplus(const Tensor& x, Tensor& y) { vector_map(x, y, simd().softplus, softplus_of); }
void sigmoid_slope(const Tensor& d, const Tensor& s, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(d, s, y, [](auto d, auto s) { return d * (s * (1 - s)); });
  });
}

void relu(const Tensor& x, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return x < 0 ? decltype(x)(0) : x; });
  });
}
void leaky_relu(const Tensor& x, double slope, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [e = compute_t<T>(slope)](auto x) { return x * (x < 0 ? e : 1); });
  });
}
void kink(const Tensor& d, const Tensor& x, double slope, double at_zero, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const C e = C(slope), zero = C(at_zero);
    if (slope == 0 && at_zero == 0) map<T, T>(d, x, y, [=](auto d, auto x) { return x > 0 ? d : x <= 0 ? C(0) : d * zero; });
    else if (slope == 0) map<T, T>(d, x, y, [=](auto d, auto x) { return x > 0 ? d : x < 0 ? C(0) : d * zero; });
    else map<T, T>(d, x, y, [=](auto d, auto x) { return d * (x > 0 ? 1 : x < 0 ? e : zero); });
  });
}

void elu(const Tensor& x, double alpha, Tensor& y) {
  vector_map(x, y, [](auto x) { return not_above(x, 0); }, simd().expm1, std::expm1,
             [alpha](auto x, auto e) { return x > 0 ? x : decltype(x)(alpha) * e; });
}
void elu_slope(const Tensor& d, const Tensor& x, double alpha, Tensor& y) {
  vector_map(d, x, y, [](auto, auto x) { return not_above(x, 0); }, simd().exp, std::exp,
             [alpha](auto d, auto x, auto e) { return x > 0 ? d : d * (decltype(x)(alpha) * e); });
}

void silu(const Tensor& x, Tensor& y) {
  vector_map(x, y, [](auto x) { return x; }, simd().sigmoid, sigmoid_of,
             [](auto x, auto s) { return not_below(x) * s; });
}
void silu_slope(const Tensor& d, const Tensor& x, Tensor& y) {
  vector_map(d, x, y, [](auto, auto x) { return x; }, simd().sigmoid, sigmoid_of,
             [](auto d, auto x, auto s) { return d * (s * (1 + within(x) * (1 - s))); });
}

// With e = eˣ and n = e (e + 2):  tanh log(1 + e) = ((1 + e)² - 1) / ((1 + e)² + 1) = n / (n + 2), which is 1 from x = 20 on.
void mish(const Tensor& x, Tensor& y) {
  vector_map(x, y, [](auto x) { return not_above(x, 20); }, simd().exp, std::exp, [](auto x, auto e) {
    const auto n = e * (e + 2);
    return x > 20 ? x : within(x) * (n / (n + 2));
  });
}
void mish_slope(const Tensor& d, const Tensor& x, Tensor& y) {
  vector_map(d, x, y, [](auto, auto x) { return not_above(x, 20); }, simd().exp, std::exp,
             [](auto d, auto x, auto e) {
    const auto n = e * (e + 2), t = n / (n + 2), slope = 4 * (n + 1) / ((n + 2) * (n + 2)) * (e / (1 + e));
    return x > 20 ? d : d * (t + within(x) * slope);
  });
}

// A function on [0, 8) as 32 polynomials of degree 7, equal to it in Chebyshev's points of each piece: what simd/normal.inc reads.
struct Pieces {
  static constexpr int count = 32, points = 8;
  float table[points * count];
  template <class F> explicit Pieces(F f) {
    for (int k = 0; k < count; k++) {
      double at[points], divided[points], power[points] = {};
      for (int i = 0; i < points; i++) {
        at[i] = 0.125 * std::cos(M_PI * (i + 0.5) / points);
        divided[i] = f((k + 0.5) / 4 + at[i]);
      }
      for (int j = 1; j < points; j++)                       // Newton's divided differences ...
        for (int i = points - 1; i >= j; i--) divided[i] = (divided[i] - divided[i - 1]) / (at[i] - at[i - j]);
      for (int i = points - 1; i >= 0; i--) {                // ... multiplied out: powers of r
        for (int q = points - 1; q > 0; q--) power[q] = power[q - 1] - at[i] * power[q];
        power[0] = divided[i] - at[i] * power[0];
      }
      for (int q = 0; q < points; q++) table[q * count + k] = float(power[q]);
    }
  }
};
double below(double a) { return 0.5 * std::erfc(a * M_SQRT1_2); }                        // Φ(-a)
double density(double x) { return std::exp(-0.5 * x * x) * (0.5 * M_2_SQRTPI * M_SQRT1_2); }

// x Φ(x) with Φ(x) = erfc(-x / √2) / 2, which keeps its digits for negative x
void gelu(const Tensor& x, Tensor& y) {
  static const Pieces tail(below);
  vector_map(x, y, [](const float* x, float* y, int64_t n) { simd().gelu(tail.table, x, y, n); },
             [](double x) { return not_below(x) * below(-x); });
}
void gelu_slope(const Tensor& d, const Tensor& x, Tensor& y) {
  static const Pieces tail([](double a) { return below(a) - a * density(a); });
  vector_map(d, x, y, [](const float* d, const float* x, float* y, int64_t n) { simd().gelu_slope(tail.table, d, x, y, n); },
             [](double d, double x0) {
    const double x = within(x0);
    return d * (below(-x) + x * density(x));
  });
}

// x (1 + tanh u) / 2 = x / (1 + e^-2u) with u = √(2/π) (x + 0.044715 x³).  Hendrycks, Gimpel: arXiv 1606.08415
template <class C> C twice_u(C x) { return C(M_2_SQRTPI * M_SQRT2) * (x + C(0.044715) * x * x * x); }
void gelu_tanh(const Tensor& x, Tensor& y) {
  vector_map(x, y, [](auto x) { return twice_u(within(x)); }, simd().sigmoid, sigmoid_of,
             [](auto x, auto s) { return not_below(x) * s; });
}
void gelu_tanh_slope(const Tensor& d, const Tensor& x, Tensor& y) {
  vector_map(d, x, y, [](auto, auto x) { return twice_u(within(x)); }, simd().sigmoid, sigmoid_of,
             [](auto d, auto x0, auto s) {
    using C = decltype(x0);
    const C x = within(x0), rise = C(M_2_SQRTPI * M_SQRT2) * (1 + C(3 * 0.044715) * x * x);
    return d * (s + x * (s * (1 - s)) * rise);
  });
}

const Fill filled[] = {
    {kernel::sigmoid, Device::cpu, sigmoid},       {kernel::sigmoid_slope, Device::cpu, sigmoid_slope},
    {kernel::softplus, Device::cpu, softplus},     {kernel::relu, Device::cpu, relu},
    {kernel::leaky_relu, Device::cpu, leaky_relu}, {kernel::kink, Device::cpu, kink},
    {kernel::elu, Device::cpu, elu},               {kernel::elu_slope, Device::cpu, elu_slope},
    {kernel::silu, Device::cpu, silu},             {kernel::silu_slope, Device::cpu, silu_slope},
    {kernel::mish, Device::cpu, mish},             {kernel::mish_slope, Device::cpu, mish_slope},
    {kernel::gelu, Device::cpu, gelu},             {kernel::gelu_slope, Device::cpu, gelu_slope},
    {kernel::gelu_tanh, Device::cpu, gelu_tanh},   {kernel::gelu_tanh_slope, Device::cpu, gelu_tanh_slope},
};

}  // namespace
}  // namespace chainrule
