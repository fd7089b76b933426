// Arithmetic: y row-major, inputs of its shape and any strides.
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
struct Abs {
  template <class C> __device__ C operator()(C x) const {
    if constexpr (std::is_floating_point_v<C>) return std::abs(x);                                // of -0 too
    else return below_zero(x) ? C(-x) : x;
  }
};
struct Sign {                                                                                     // NaN stays
  template <class C> __device__ C operator()(C x) const { return x > C(0) ? C(1) : below_zero(x) ? C(-1) : x; }
};

// Python's signs: the quotient is rounded down, the remainder has the sign of b, and a = (a // b) b + a % b.
struct FloorDivide {
  Faults faults;
  template <class C> __device__ C operator()(C a, C b) const {
    if constexpr (std::is_floating_point_v<C>) {
      if (b == 0) return a / b;
      const C r = std::fmod(a, b), q = (a - r) / b - C(r != 0 && (r < 0) != (b < 0));
      return q == 0 ? std::copysign(q, a / b) : std::nearbyint(q);   // q is nearly whole; ⌊a / b⌋ may be one off
    }
    else {
      if (b == 0) return report(faults, Fault::division, "floor_divide", 0, 0, 0), C(0);
      if (std::is_signed_v<C> && b == C(-1)) return C(0) - a;      // the most negative value has no positive twin
      const C q = a / b;
      return (a % b != 0 && below_zero(a) != below_zero(b)) ? q - 1 : q;
    }
  }
};
struct Remainder {
  Faults faults;
  template <class C> __device__ C operator()(C a, C b) const {
    if constexpr (std::is_floating_point_v<C>) {
      const C r = std::fmod(a, b);
      return r == 0 ? std::copysign(r, b) : (r < 0) != (b < 0) ? r + b : r;
    } else {
      if (b == 0) return report(faults, Fault::division, "remainder", 0, 0, 0), C(0);
      if (std::is_signed_v<C> && b == C(-1)) return 0;
      const C r = a % b;
      return r != 0 && below_zero(r) != below_zero(b) ? r + b : r;
    }
  }
};
struct Power {
  Faults faults;
  template <class C> __device__ C operator()(C a, C b) const {
    if constexpr (std::is_floating_point_v<C>) return std::pow(a, b);
    else {
      if (below_zero(b)) return report(faults, Fault::negative_power, "power", 0, 0, 0), C(0);
      using U = std::make_unsigned_t<C>;
      U r = 1, base = U(a);
      for (U e = U(b); e; e >>= 1, base = U(base * base)) if (e & 1) r = U(r * base);
      return C(r);
    }
  }
};
struct Maximum { template <class C> __device__ C operator()(C a, C b) const { return a > b || a != a ? a : b; } };
struct Minimum { template <class C> __device__ C operator()(C a, C b) const { return a < b || a != a ? a : b; } };
// y[i] = min(max(x[i], low[i]), high[i]), a NaN in any wins.  One thread an element, any strides.
template <class T> __global__ void clip_elements(const T* x, const T* low, const T* high, T* y, Strided<4> axes) {
  for (int64_t i = first(); i < axes.n; i += stride()) {
    int64_t at[4];
    axes.at(i, at);
    y[at[3]] = narrow<T>(Minimum{}(Maximum{}(widen(x[at[0]]), widen(low[at[1]])), widen(high[at[2]])));
  }
}
void clip(const Tensor& x, const Tensor& low, const Tensor& high, Tensor& y) {
  if (y.size() == 0) return;
  each_type(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Strided<4> axes(y.shape(), {x.strides(), low.strides(), high.strides(), y.strides()});
    launch("clip", clip_elements<T>, blocks(y.size()), threads, 0, x.data<T>(), low.data<T>(), high.data<T>(), y.data<T>(), axes);
  });
}

const Fill unaries[] = {
    {kernel::negative, Device::cuda, unary<kernel::negative, Numbers, Negative>},
    {kernel::abs, Device::cuda, unary<kernel::abs, Numbers, Abs>},
    {kernel::sign, Device::cuda, unary<kernel::sign, Numbers, Sign>},
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
};
const Fill clip_filled(kernel::clip, Device::cuda, clip);

}  // namespace
}  // namespace chainrule
