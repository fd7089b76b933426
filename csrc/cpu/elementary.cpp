// Elementary functions: y row-major, x of its shape and any strides.
#include <cmath>

#include "core/kernels.h"
#include "cpu/vector_map.h"

namespace chainrule {
namespace {

void floor(const Tensor& x, Tensor& y) { vector_map(x, y, simd().floor, std::floor); }
void ceil(const Tensor& x, Tensor& y) { vector_map(x, y, simd().ceil, std::ceil); }
void round(const Tensor& x, Tensor& y) { vector_map(x, y, simd().round, std::nearbyint); }    // half to even
void trunc(const Tensor& x, Tensor& y) { vector_map(x, y, simd().trunc, std::trunc); }
void exp(const Tensor& x, Tensor& y) { vector_map(x, y, simd().exp, std::exp); }
void expm1(const Tensor& x, Tensor& y) { vector_map(x, y, simd().expm1, std::expm1); }
void log(const Tensor& x, Tensor& y) { vector_map(x, y, simd().log, std::log); }
void log1p(const Tensor& x, Tensor& y) { vector_map(x, y, simd().log1p, std::log1p); }
void log2(const Tensor& x, Tensor& y) { plain_map(x, y, std::log2, std::log2); }
void log10(const Tensor& x, Tensor& y) { plain_map(x, y, std::log10, std::log10); }
void sin(const Tensor& x, Tensor& y) { vector_map(x, y, simd().sin, std::sin); }
void cos(const Tensor& x, Tensor& y) { vector_map(x, y, simd().cos, std::cos); }
void tan(const Tensor& x, Tensor& y) { vector_map(x, y, simd().tan, std::tan); }
void asin(const Tensor& x, Tensor& y) { plain_map(x, y, std::asin, std::asin); }
void acos(const Tensor& x, Tensor& y) { plain_map(x, y, std::acos, std::acos); }
void atan(const Tensor& x, Tensor& y) { vector_map(x, y, simd().atan, std::atan); }
void sinh(const Tensor& x, Tensor& y) { plain_map(x, y, std::sinh, std::sinh); }
void cosh(const Tensor& x, Tensor& y) { plain_map(x, y, std::cosh, std::cosh); }
void tanh(const Tensor& x, Tensor& y) { vector_map(x, y, simd().tanh, std::tanh); }
void asinh(const Tensor& x, Tensor& y) { plain_map(x, y, std::asinh, std::asinh); }
void acosh(const Tensor& x, Tensor& y) { plain_map(x, y, std::acosh, std::acosh); }
void atanh(const Tensor& x, Tensor& y) { plain_map(x, y, std::atanh, std::atanh); }
void atan2(const Tensor& a, const Tensor& b, Tensor& y) { plain_map(a, b, y, std::atan2, std::atan2); }
void hypot(const Tensor& a, const Tensor& b, Tensor& y) { plain_map(a, b, y, std::hypot, std::hypot); }

void sqrt(const Tensor& x, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return std::sqrt(x); });
  });
}
void rsqrt(const Tensor& x, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return 1 / std::sqrt(x); });
  });
}
void copysign(const Tensor& a, const Tensor& b, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return std::copysign(a, b); });
  });
}

// log(eᵃ + eᵇ) = max(a, b) + log(1 + e^-|a - b|); the difference of two equal infinities is 0.
double log_one_plus_exp(double t) { return std::log1p(std::exp(t)); }                         // t <= 0
void logaddexp(const Tensor& a, const Tensor& b, Tensor& y) {
  vector_map(a, b, y, [](auto a, auto b) { return a == b ? decltype(a)(0) : -std::abs(a - b); }, simd().softplus,
             log_one_plus_exp, [](auto a, auto b, auto rest) { return (a > b ? a : b) + rest; });
}

void tanh_slope(const Tensor& d, const Tensor& t, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(d, t, y, [](auto d, auto t) { return d * (1 - t * t); });
  });
}

const Fill filled[] = {
    {kernel::floor, Device::cpu, floor},   {kernel::ceil, Device::cpu, ceil},
    {kernel::round, Device::cpu, round},   {kernel::trunc, Device::cpu, trunc},
    {kernel::exp, Device::cpu, exp},       {kernel::expm1, Device::cpu, expm1},
    {kernel::log, Device::cpu, log},       {kernel::log1p, Device::cpu, log1p},
    {kernel::log2, Device::cpu, log2},     {kernel::log10, Device::cpu, log10},
    {kernel::sqrt, Device::cpu, sqrt},     {kernel::rsqrt, Device::cpu, rsqrt},
    {kernel::sin, Device::cpu, sin},       {kernel::cos, Device::cpu, cos},
    {kernel::tan, Device::cpu, tan},       {kernel::asin, Device::cpu, asin},
    {kernel::acos, Device::cpu, acos},     {kernel::atan, Device::cpu, atan},
    {kernel::sinh, Device::cpu, sinh},     {kernel::cosh, Device::cpu, cosh},
    {kernel::tanh, Device::cpu, tanh},     {kernel::asinh, Device::cpu, asinh},
    {kernel::acosh, Device::cpu, acosh},   {kernel::atanh, Device::cpu, atanh},
    {kernel::atan2, Device::cpu, atan2},   {kernel::hypot, Device::cpu, hypot},
    {kernel::logaddexp, Device::cpu, logaddexp}, {kernel::copysign, Device::cpu, copysign},
    {kernel::tanh_slope, Device::cpu, tanh_slope},
};

}  // namespace
}  // namespace chainrule
