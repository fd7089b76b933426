// Activation functions and their slopes: y row-major, inputs of its shape and any strides.   Book: §5.3
#include "map.cuh"

namespace chainrule {
namespace {

// Where every sigmoid and e^(-x²) is 0 or 1 already in float64: keeps ∞ · 0 away.  A NaN passes.
template <class C> __device__ C not_below(C x) { return x < -800 ? C(-800) : x; }
template <class C> __device__ C within(C x) { return x > 800 ? C(800) : not_below(x); }
template <class C> __device__ C not_above(C x, int most) { return x > most ? C(most) : x; }
template <class C> __device__ C sigmoid_of(C x) { return C(1) / (C(1) + std::exp(-x)); }

struct Sigmoid { template <class C> __device__ C operator()(C x) const { return sigmoid_of(x); } };
struct SigmoidSlope { template <class C> __device__ C operator()(C d, C s) const { return d * (s * (1 - s)); } };
struct Softplus {
  template <class C> __device__ C operator()(C x) const { return (x > 0 ? x : C(0)) + std::log1p(std::exp(-std::abs(x))); }
};
struct Relu { template <class C> __device__ C operator()(C x) const { return x < 0 ? C(0) : x; } };
struct LeakyRelu {
  double slope;
  template <class C> __device__ C operator()(C x) const { return x < 0 ? C(slope) * x : x; }
};
struct Kink {
  double slope, at_zero;
  template <class C> __device__ C operator()(C d, C x) const {
    if (x > 0) return d;
    if (slope == 0 && (x < 0 || (x == 0 && at_zero == 0))) return C(0);
    return d * C(x < 0 ? slope : at_zero);
  }
};
struct Elu {
  double alpha;
  template <class C> __device__ C operator()(C x) const { return x > 0 ? x : C(alpha) * std::expm1(x); }
};
struct EluSlope {
  double alpha;
  template <class C> __device__ C operator()(C d, C x) const { return x > 0 ? d : d * (C(alpha) * std::exp(x)); }
};
struct Silu { template <class C> __device__ C operator()(C x) const { return not_below(x) * sigmoid_of(x); } };
struct SiluSlope {
  template <class C> __device__ C operator()(C d, C x) const {
    const C s = sigmoid_of(x);
    return d * (s * (1 + within(x) * (1 - s)));
  }
};
// With e = eˣ and n = e (e + 2):  tanh log(1 + e) = ((1 + e)² - 1) / ((1 + e)² + 1) = n / (n + 2), which is 1 from x = 20 on.
struct Mish {
  template <class C> __device__ C operator()(C x) const {
    const C e = std::exp(not_above(x, 20)), n = e * (e + 2);
    return x > 20 ? x : within(x) * (n / (n + 2));
  }
};
struct MishSlope {
  template <class C> __device__ C operator()(C d, C x) const {
    const C e = std::exp(not_above(x, 20)), n = e * (e + 2), t = n / (n + 2);
    const C slope = 4 * (n + 1) / ((n + 2) * (n + 2)) * (e / (1 + e));
    return x > 20 ? d : d * (t + within(x) * slope);
  }
};
// x Φ(x) with Φ(x) = erfc(-x / √2) / 2, which keeps its digits for negative x
constexpr double root_half = 0.70710678118654752440, two_over_root_pi = 1.12837916709551257390;
struct Gelu {
  template <class C> __device__ C operator()(C x) const { return not_below(x) * (std::erfc(-x * C(root_half)) / 2); }
};
struct GeluSlope {
  template <class C> __device__ C operator()(C d, C x0) const {
    const C x = within(x0);
    return d * (std::erfc(-x * C(root_half)) / 2 + x * std::exp(-x * x / 2) * C(0.5 * two_over_root_pi * root_half));
  }
};
// x (1 + tanh u) / 2 = x / (1 + e^-2u) with u = √(2/π) (x + 0.044715 x³).  Hendrycks, Gimpel: arXiv 1606.08415
constexpr double twice_root = two_over_root_pi / root_half;
template <class C> __device__ C twice_u(C x) { return C(twice_root) * (x + C(0.044715) * x * x * x); }
struct GeluTanh {
  template <class C> __device__ C operator()(C x) const { return not_below(x) * sigmoid_of(twice_u(within(x))); }
};
struct GeluTanhSlope {
  template <class C> __device__ C operator()(C d, C x0) const {
    const C x = within(x0), s = sigmoid_of(twice_u(x)), rise = C(twice_root) * (1 + C(3 * 0.044715) * x * x);
    return d * (s + x * (s * (1 - s)) * rise);
  }
};

void leaky_relu(const Tensor& x, double slope, Tensor& y) { map_floats("leaky_relu", x, y, LeakyRelu{slope}); }
void elu(const Tensor& x, double alpha, Tensor& y) { map_floats("elu", x, y, Elu{alpha}); }
void elu_slope(const Tensor& d, const Tensor& x, double alpha, Tensor& y) { map_floats("elu_slope", d, x, y, EluSlope{alpha}); }
void kink(const Tensor& d, const Tensor& x, double slope, double at_zero, Tensor& y) {
  map_floats("kink", d, x, y, Kink{slope, at_zero});
}

const Fill unaries[] = {
    {kernel::sigmoid, Device::cuda, unary<kernel::sigmoid, Floats, Sigmoid>},
    {kernel::softplus, Device::cuda, unary<kernel::softplus, Floats, Softplus>},
    {kernel::relu, Device::cuda, unary<kernel::relu, Floats, Relu>},
    {kernel::silu, Device::cuda, unary<kernel::silu, Floats, Silu>},
    {kernel::mish, Device::cuda, unary<kernel::mish, Floats, Mish>},
    {kernel::gelu, Device::cuda, unary<kernel::gelu, Floats, Gelu>},
    {kernel::gelu_tanh, Device::cuda, unary<kernel::gelu_tanh, Floats, GeluTanh>},
};
const Fill slopes[] = {
    {kernel::sigmoid_slope, Device::cuda, binary<kernel::sigmoid_slope, Floats, SigmoidSlope>},
    {kernel::silu_slope, Device::cuda, binary<kernel::silu_slope, Floats, SiluSlope>},
    {kernel::mish_slope, Device::cuda, binary<kernel::mish_slope, Floats, MishSlope>},
    {kernel::gelu_slope, Device::cuda, binary<kernel::gelu_slope, Floats, GeluSlope>},
    {kernel::gelu_tanh_slope, Device::cuda, binary<kernel::gelu_tanh_slope, Floats, GeluTanhSlope>},
};
const Fill with_number[] = {{kernel::leaky_relu, Device::cuda, leaky_relu}, {kernel::elu, Device::cuda, elu}};
const Fill elu_slope_filled(kernel::elu_slope, Device::cuda, elu_slope), kink_filled(kernel::kink, Device::cuda, kink);

}  // namespace
}  // namespace chainrule
