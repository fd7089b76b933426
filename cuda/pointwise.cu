// Elementwise kernels: y row-major, inputs of its shape and any strides.
#include "map.cuh"

namespace chainrule {
namespace {

template <class C> __device__ bool below_zero(C x) {
  if constexpr (std::is_unsigned_v<C>) return false;
  else return x < C(0);
}

struct Add { template <class C> __device__ C operator()(C a, C b) const { return C(a + b); } };
struct Subtract { template <class C> __device__ C operator()(C a, C b) const { return C(a - b); } };
struct Multiply { template <class C> __device__ C operator()(C a, C b) const { return C(a * b); } };
struct Divide { template <class C> __device__ C operator()(C a, C b) const { return a / b; } };
struct Negative { template <class C> __device__ C operator()(C x) const { return C(-x); } };
struct Abs { template <class C> __device__ C operator()(C x) const { return below_zero(x) ? C(-x) : x; } };
struct Sign {                                                                                     // NaN stays
  template <class C> __device__ C operator()(C x) const { return x > C(0) ? C(1) : below_zero(x) ? C(-1) : x; }
};
struct Exp { template <class C> __device__ C operator()(C x) const { return std::exp(x); } };
struct Log { template <class C> __device__ C operator()(C x) const { return std::log(x); } };
struct Sin { template <class C> __device__ C operator()(C x) const { return std::sin(x); } };
struct Cos { template <class C> __device__ C operator()(C x) const { return std::cos(x); } };
struct Tanh { template <class C> __device__ C operator()(C x) const { return std::tanh(x); } };

// Python's signs: the quotient is rounded down, the remainder has the sign of b.
struct FloorDivide {
  Fault* fault;
  template <class C> __device__ C operator()(C a, C b) const {
    if constexpr (std::is_floating_point_v<C>) return std::floor(a / b);
    else {
      if (b == 0) return report(fault, Fault::division, "floor_divide", 0, 0), C(0);
      if (std::is_signed_v<C> && b == C(-1)) return C(0) - a;      // the most negative value has no positive twin
      const C q = a / b;
      return (a % b != 0 && below_zero(a) != below_zero(b)) ? q - 1 : q;
    }
  }
};
struct Remainder {
  Fault* fault;
  template <class C> __device__ C operator()(C a, C b) const {
    if constexpr (std::is_floating_point_v<C>) {
      const C r = std::fmod(a, b);
      return r != 0 && below_zero(r) != below_zero(b) ? r + b : r;
    } else {
      if (b == 0) return report(fault, Fault::division, "remainder", 0, 0), C(0);
      if (std::is_signed_v<C> && b == C(-1)) return 0;
      const C r = a % b;
      return r != 0 && below_zero(r) != below_zero(b) ? r + b : r;
    }
  }
};
struct Power {
  Fault* fault;
  template <class C> __device__ C operator()(C a, C b) const {
    if constexpr (std::is_floating_point_v<C>) return std::pow(a, b);
    else {
      if (below_zero(b)) return report(fault, Fault::negative_power, "power", 0, 0), C(0);
      using U = std::make_unsigned_t<C>;
      U r = 1, base = U(a);
      for (U e = U(b); e; e >>= 1, base = U(base * base)) if (e & 1) r = U(r * base);
      return C(r);
    }
  }
};
struct Maximum { template <class C> __device__ C operator()(C a, C b) const { return a > b || a != a ? a : b; } };
struct Minimum { template <class C> __device__ C operator()(C a, C b) const { return a < b || a != a ? a : b; } };
struct Equal { template <class C> __device__ bool operator()(C a, C b) const { return a == b; } };
struct NotEqual { template <class C> __device__ bool operator()(C a, C b) const { return a != b; } };
struct Less { template <class C> __device__ bool operator()(C a, C b) const { return a < b; } };
struct LessEqual { template <class C> __device__ bool operator()(C a, C b) const { return a <= b; } };
struct And { template <class C> __device__ C operator()(C a, C b) const { return a & b; } };
struct Or { template <class C> __device__ C operator()(C a, C b) const { return a | b; } };
struct Xor { template <class C> __device__ C operator()(C a, C b) const { return a ^ b; } };
struct Invert {
  template <class C> __device__ C operator()(C x) const {
    if constexpr (std::is_same_v<C, bool>) return !x;
    else return C(~x);
  }
};

template <class F> F make() {
  if constexpr (std::is_empty_v<F>) return {};
  else return {faults()};
}
// The types an op has.
struct Floats { template <class Visit> static void each(DType t, Visit&& f) { each_float(t, f); } };
struct Numbers { template <class Visit> static void each(DType t, Visit&& f) { each_number(t, f); } };
struct All { template <class Visit> static void each(DType t, Visit&& f) { each_type(t, f); } };
struct Bits {
  template <class Visit> static void each(DType t, Visit&& f) {
    if (t == DType::boolean) f(type_tag<bool>{});
    else each_integer(t, f);
  }
};

template <auto& slot, class Types, class F> void unary(const Tensor& x, Tensor& y) {
  Types::each(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(slot.name, x, y, make<F>());
  });
}
template <auto& slot, class Types, class F> void binary(const Tensor& a, const Tensor& b, Tensor& y) {
  Types::each(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(slot.name, a, b, y, make<F>());
  });
}
template <auto& slot, class F> void compare(const Tensor& a, const Tensor& b, Tensor& y) {
  each_type(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, bool>(slot.name, a, b, y, F{});
  });
}

// y[i] = condition[i] ? a[i] : b[i].  One thread an element, any strides: bound by memory.
template <class T>
__global__ void where_elements(const bool* condition, const T* a, const T* b, T* y, Strided<4> axes) {
  for (int64_t i = first(); i < axes.n; i += stride()) {
    int64_t at[4];
    axes.at(i, at);
    y[at[3]] = condition[at[0]] ? a[at[1]] : b[at[2]];
  }
}
void where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.size() == 0) return;
  each_size(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Strided<4> axes(y.shape(), {condition.strides(), a.strides(), b.strides(), y.strides()});
    launch("where", where_elements<T>, blocks(y.size()), threads, 0, condition.data<bool>(), a.data<T>(), b.data<T>(),
           y.data<T>(), axes);
  });
}

const Fill unaries[] = {
    {kernel::negative, Device::cuda, unary<kernel::negative, Numbers, Negative>},
    {kernel::abs, Device::cuda, unary<kernel::abs, Numbers, Abs>},
    {kernel::sign, Device::cuda, unary<kernel::sign, Numbers, Sign>},
    {kernel::bitwise_invert, Device::cuda, unary<kernel::bitwise_invert, Bits, Invert>},
    {kernel::exp, Device::cuda, unary<kernel::exp, Floats, Exp>},
    {kernel::log, Device::cuda, unary<kernel::log, Floats, Log>},
    {kernel::sin, Device::cuda, unary<kernel::sin, Floats, Sin>},
    {kernel::cos, Device::cuda, unary<kernel::cos, Floats, Cos>},
    {kernel::tanh, Device::cuda, unary<kernel::tanh, Floats, Tanh>},
};
const Fill binaries[] = {
    {kernel::add, Device::cuda, binary<kernel::add, Numbers, Add>},
    {kernel::subtract, Device::cuda, binary<kernel::subtract, Numbers, Subtract>},
    {kernel::multiply, Device::cuda, binary<kernel::multiply, Numbers, Multiply>},
    {kernel::divide, Device::cuda, binary<kernel::divide, Floats, Divide>},
    {kernel::floor_divide, Device::cuda, binary<kernel::floor_divide, Numbers, FloorDivide>},
    {kernel::remainder, Device::cuda, binary<kernel::remainder, Numbers, Remainder>},
    {kernel::power, Device::cuda, binary<kernel::power, Numbers, Power>},
    {kernel::maximum, Device::cuda, binary<kernel::maximum, All, Maximum>},
    {kernel::minimum, Device::cuda, binary<kernel::minimum, All, Minimum>},
    {kernel::equal, Device::cuda, compare<kernel::equal, Equal>},
    {kernel::not_equal, Device::cuda, compare<kernel::not_equal, NotEqual>},
    {kernel::less, Device::cuda, compare<kernel::less, Less>},
    {kernel::less_equal, Device::cuda, compare<kernel::less_equal, LessEqual>},
    {kernel::bitwise_and, Device::cuda, binary<kernel::bitwise_and, Bits, And>},
    {kernel::bitwise_or, Device::cuda, binary<kernel::bitwise_or, Bits, Or>},
    {kernel::bitwise_xor, Device::cuda, binary<kernel::bitwise_xor, Bits, Xor>},
};
const Fill where_filled(kernel::where, Device::cuda, where);

}  // namespace
}  // namespace chainrule
