// Elementary functions: y row-major, x of its shape and any strides.
#include "map.cuh"

namespace chainrule {
namespace {

struct Floor { template <class C> __device__ C operator()(C x) const { return std::floor(x); } };
struct Ceil { template <class C> __device__ C operator()(C x) const { return std::ceil(x); } };
struct Round { template <class C> __device__ C operator()(C x) const { return std::nearbyint(x); } };    // half to even
struct Trunc { template <class C> __device__ C operator()(C x) const { return std::trunc(x); } };
struct Exp { template <class C> __device__ C operator()(C x) const { return std::exp(x); } };
struct Expm1 { template <class C> __device__ C operator()(C x) const { return std::expm1(x); } };
struct Log { template <class C> __device__ C operator()(C x) const { return std::log(x); } };
struct Log1p { template <class C> __device__ C operator()(C x) const { return std::log1p(x); } };
struct Log2 { template <class C> __device__ C operator()(C x) const { return std::log2(x); } };
struct Log10 { template <class C> __device__ C operator()(C x) const { return std::log10(x); } };
struct Sqrt { template <class C> __device__ C operator()(C x) const { return std::sqrt(x); } };
struct Rsqrt { template <class C> __device__ C operator()(C x) const { return C(1) / std::sqrt(x); } };
struct Sin { template <class C> __device__ C operator()(C x) const { return std::sin(x); } };
struct Cos { template <class C> __device__ C operator()(C x) const { return std::cos(x); } };
struct Tan { template <class C> __device__ C operator()(C x) const { return std::tan(x); } };
struct Asin { template <class C> __device__ C operator()(C x) const { return std::asin(x); } };
struct Acos { template <class C> __device__ C operator()(C x) const { return std::acos(x); } };
struct Atan { template <class C> __device__ C operator()(C x) const { return std::atan(x); } };
struct Sinh { template <class C> __device__ C operator()(C x) const { return std::sinh(x); } };
struct Cosh { template <class C> __device__ C operator()(C x) const { return std::cosh(x); } };
struct Tanh { template <class C> __device__ C operator()(C x) const { return std::tanh(x); } };
struct Asinh { template <class C> __device__ C operator()(C x) const { return std::asinh(x); } };
struct Acosh { template <class C> __device__ C operator()(C x) const { return std::acosh(x); } };
struct Atanh { template <class C> __device__ C operator()(C x) const { return std::atanh(x); } };
struct Atan2 { template <class C> __device__ C operator()(C a, C b) const { return std::atan2(a, b); } };
struct Hypot { template <class C> __device__ C operator()(C a, C b) const { return std::hypot(a, b); } };
struct Copysign { template <class C> __device__ C operator()(C a, C b) const { return std::copysign(a, b); } };
// log(eᵃ + eᵇ) = max(a, b) + log(1 + e^-|a - b|); the difference of two equal infinities is 0.
struct Logaddexp {
  template <class C> __device__ C operator()(C a, C b) const {
    const C t = a == b ? C(0) : -std::abs(a - b);
    return (a > b ? a : b) + std::log1p(std::exp(t));
  }
};
struct TanhSlope { template <class C> __device__ C operator()(C d, C t) const { return d * (1 - t * t); } };

const Fill filled[] = {
    {kernel::floor, Device::cuda, unary<kernel::floor, Floats, Floor>},
    {kernel::ceil, Device::cuda, unary<kernel::ceil, Floats, Ceil>},
    {kernel::round, Device::cuda, unary<kernel::round, Floats, Round>},
    {kernel::trunc, Device::cuda, unary<kernel::trunc, Floats, Trunc>},
    {kernel::exp, Device::cuda, unary<kernel::exp, Floats, Exp>},
    {kernel::expm1, Device::cuda, unary<kernel::expm1, Floats, Expm1>},
    {kernel::log, Device::cuda, unary<kernel::log, Floats, Log>},
    {kernel::log1p, Device::cuda, unary<kernel::log1p, Floats, Log1p>},
    {kernel::log2, Device::cuda, unary<kernel::log2, Floats, Log2>},
    {kernel::log10, Device::cuda, unary<kernel::log10, Floats, Log10>},
    {kernel::sqrt, Device::cuda, unary<kernel::sqrt, Floats, Sqrt>},
    {kernel::rsqrt, Device::cuda, unary<kernel::rsqrt, Floats, Rsqrt>},
    {kernel::sin, Device::cuda, unary<kernel::sin, Floats, Sin>},
    {kernel::cos, Device::cuda, unary<kernel::cos, Floats, Cos>},
    {kernel::tan, Device::cuda, unary<kernel::tan, Floats, Tan>},
    {kernel::asin, Device::cuda, unary<kernel::asin, Floats, Asin>},
    {kernel::acos, Device::cuda, unary<kernel::acos, Floats, Acos>},
    {kernel::atan, Device::cuda, unary<kernel::atan, Floats, Atan>},
    {kernel::sinh, Device::cuda, unary<kernel::sinh, Floats, Sinh>},
    {kernel::cosh, Device::cuda, unary<kernel::cosh, Floats, Cosh>},
    {kernel::tanh, Device::cuda, unary<kernel::tanh, Floats, Tanh>},
    {kernel::asinh, Device::cuda, unary<kernel::asinh, Floats, Asinh>},
    {kernel::acosh, Device::cuda, unary<kernel::acosh, Floats, Acosh>},
    {kernel::atanh, Device::cuda, unary<kernel::atanh, Floats, Atanh>},
};
const Fill binaries[] = {
    {kernel::atan2, Device::cuda, binary<kernel::atan2, Floats, Atan2>},
    {kernel::hypot, Device::cuda, binary<kernel::hypot, Floats, Hypot>},
    {kernel::copysign, Device::cuda, binary<kernel::copysign, Floats, Copysign>},
    {kernel::logaddexp, Device::cuda, binary<kernel::logaddexp, Floats, Logaddexp>},
    {kernel::tanh_slope, Device::cuda, binary<kernel::tanh_slope, Floats, TanhSlope>},
};

}  // namespace
}  // namespace chainrule
