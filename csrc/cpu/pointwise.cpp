// Arithmetic, comparison and choice: y row-major, inputs of its shape and any strides.
#include <cmath>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// Integers wrap around, as NumPy's do; in C++ only unsigned ones may.
template <class C, class F> C wrapping(C a, C b, F f) {
  if constexpr (std::is_floating_point_v<C>) return f(a, b);
  else return C(f(std::make_unsigned_t<C>(a), std::make_unsigned_t<C>(b)));
}
template <class F> void arithmetic(const Tensor& a, const Tensor& b, Tensor& y, F f) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [f](auto a, auto b) { return wrapping(a, b, f); });
  });
}
void add(const Tensor& a, const Tensor& b, Tensor& y) { arithmetic(a, b, y, [](auto a, auto b) { return a + b; }); }
void subtract(const Tensor& a, const Tensor& b, Tensor& y) { arithmetic(a, b, y, [](auto a, auto b) { return a - b; }); }
void multiply(const Tensor& a, const Tensor& b, Tensor& y) { arithmetic(a, b, y, [](auto a, auto b) { return a * b; }); }
void divide(const Tensor& a, const Tensor& b, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return a / b; });
  });
}
template <class C> C minus(C x) {
  if constexpr (std::is_floating_point_v<C>) return -x;
  else return wrapping(C(0), x, [](auto a, auto b) { return a - b; });
}
void negative(const Tensor& x, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return minus(x); });
  });
}
void abs(const Tensor& x, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    map<T, T>(x, y, [](C x) {
      if constexpr (std::is_floating_point_v<C>) return std::abs(x);                  // of -0 too
      else return x < 0 ? minus(x) : x;
    });
  });
}
void sign(const Tensor& x, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    map<T, T>(x, y, [](C x) { return x > 0 ? C(1) : x < 0 ? C(-1) : x; });            // a NaN stays
  });
}

// Python's signs: the quotient is rounded down, the remainder has the sign of b, and a = (a // b) b + a % b.
template <class C> C floored_remainder(C a, C b) {
  if constexpr (std::is_floating_point_v<C>) {
    const C r = std::fmod(a, b);
    return r == 0 ? std::copysign(r, b) : (r < 0) != (b < 0) ? r + b : r;
  } else {
    require<ValueError>(b != 0, "remainder", "division of an integer by zero");
    if (std::is_signed_v<C> && b == C(-1)) return 0;
    const C r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
  }
}
template <class C> C floored_quotient(C a, C b) {
  if constexpr (std::is_floating_point_v<C>) {
    if (b == 0) return a / b;
    const C r = std::fmod(a, b), q = (a - r) / b - (r != 0 && (r < 0) != (b < 0));
    return q == 0 ? std::copysign(q, a / b) : std::nearbyint(q);      // q is nearly whole; ⌊a / b⌋ may be one off
  } else {
    require<ValueError>(b != 0, "floor_divide", "division of an integer by zero");
    if (std::is_signed_v<C> && b == C(-1)) return minus(a);  // the most negative value has no positive twin
    const C q = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
  }
}
template <class C> C power_of(C a, C b) {
  if constexpr (std::is_floating_point_v<C>) return std::pow(a, b);
  else {
    require<ValueError>(!(b < 0), "power", "integers to a negative power; use a floating type");
    using U = std::make_unsigned_t<C>;
    U r = 1, base = U(a);
    for (U e = U(b); e; e >>= 1, base = U(base * base)) if (e & 1) r = U(r * base);
    return C(r);
  }
}
void floor_divide(const Tensor& a, const Tensor& b, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return floored_quotient(a, b); });
  });
}
void remainder(const Tensor& a, const Tensor& b, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return floored_remainder(a, b); });
  });
}
void power(const Tensor& a, const Tensor& b, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return power_of(a, b); });
  });
}
void maximum(const Tensor& a, const Tensor& b, Tensor& y) {         // a NaN in either wins
  each_type(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return a > b || a != a ? a : b; });
  });
}
void minimum(const Tensor& a, const Tensor& b, Tensor& y) {
  each_type(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return a < b || a != a ? a : b; });
  });
}
template <class F> void compare(const Tensor& a, const Tensor& b, Tensor& y, F f) {
  each_type(a.dtype(), [&](auto tag) { map<typename decltype(tag)::type, bool>(a, b, y, f); });
}
void equal(const Tensor& a, const Tensor& b, Tensor& y) { compare(a, b, y, [](auto a, auto b) { return a == b; }); }
void not_equal(const Tensor& a, const Tensor& b, Tensor& y) { compare(a, b, y, [](auto a, auto b) { return a != b; }); }
void less(const Tensor& a, const Tensor& b, Tensor& y) { compare(a, b, y, [](auto a, auto b) { return a < b; }); }
void less_equal(const Tensor& a, const Tensor& b, Tensor& y) { compare(a, b, y, [](auto a, auto b) { return a <= b; }); }

template <class F> void each_bits(DType t, F&& f) {
  if (t == DType::boolean) f(type_tag<bool>{});
  else each_integer(t, f);
}
template <class F> void bits(const Tensor& a, const Tensor& b, Tensor& y, F f) {
  each_bits(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [f](T a, T b) { return T(f(a, b)); });
  });
}
void bitwise_and(const Tensor& a, const Tensor& b, Tensor& y) { bits(a, b, y, [](auto a, auto b) { return a & b; }); }
void bitwise_or(const Tensor& a, const Tensor& b, Tensor& y) { bits(a, b, y, [](auto a, auto b) { return a | b; }); }
void bitwise_xor(const Tensor& a, const Tensor& b, Tensor& y) { bits(a, b, y, [](auto a, auto b) { return a ^ b; }); }
void bitwise_invert(const Tensor& x, Tensor& y) {
  if (y.dtype() == DType::boolean) return map<bool, bool>(x, y, [](bool v) { return !v; });
  each_integer(y.dtype(), [&](auto tag) { using T = typename decltype(tag)::type; map<T, T>(x, y, [](T v) { return T(~v); }); });
}
// y = f(a, b, c), where b and c are often numbers
template <class A, class T, class F> void map_three(const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& y, F f) {
  const A* pa = a.data<A>();
  const T *pb = b.data<T>(), *pc = c.data<T>();
  T* py = y.data<T>();
  each_row<4>(y.shape(), {&a.strides(), &b.strides(), &c.strides(), &y.strides()},
              [&](const auto& at, int64_t n, const auto& s) {
    const A* u = pa + at[0];
    const T *v = pb + at[1], *w = pc + at[2];
    T* out = py + at[3];
    const bool units = s[0] == 1 && s[3] == 1;
    const T v0 = *v, w0 = *w;                                // known not to change with out
    if (units && s[1] == 1 && s[2] == 1) for (int64_t i = 0; i < n; i++) out[i] = f(u[i], v[i], w[i]);
    else if (units && s[1] == 1 && s[2] == 0) for (int64_t i = 0; i < n; i++) out[i] = f(u[i], v[i], w0);
    else if (units && s[1] == 0 && s[2] == 1) for (int64_t i = 0; i < n; i++) out[i] = f(u[i], v0, w[i]);
    else if (units && s[1] == 0 && s[2] == 0) for (int64_t i = 0; i < n; i++) out[i] = f(u[i], v0, w0);
    else for (int64_t i = 0; i < n; i++) out[i * s[3]] = f(u[i * s[0]], v[i * s[1]], w[i * s[2]]);
  });
}
void where(const Tensor& c, const Tensor& a, const Tensor& b, Tensor& y) {
  each_size(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map_three<bool, T>(c, a, b, y, [](bool c, T a, T b) {        // masks, not branches: truth is hard to predict
      const T mask = T(-T(c));
      return T((a & mask) | (b & ~mask));
    });
  });
}
void clip(const Tensor& x, const Tensor& low, const Tensor& high, Tensor& y) {
  each_type(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    map_three<T, T>(x, low, high, y, [](T x0, T low0, T high0) {                       // a NaN anywhere wins
      const C x = C(x0), low = C(low0), high = C(high0);
      const C most = (x > low) | (x != x) ? x : low;
      return T((most < high) | (most != most) ? most : high);
    });
  });
}

const Fill filled[] = {
    {kernel::abs, Device::cpu, abs},           {kernel::sign, Device::cpu, sign},
    {kernel::floor_divide, Device::cpu, floor_divide}, {kernel::remainder, Device::cpu, remainder},
    {kernel::power, Device::cpu, power},       {kernel::maximum, Device::cpu, maximum},
    {kernel::minimum, Device::cpu, minimum},   {kernel::equal, Device::cpu, equal},
    {kernel::not_equal, Device::cpu, not_equal}, {kernel::less, Device::cpu, less},
    {kernel::less_equal, Device::cpu, less_equal}, {kernel::bitwise_and, Device::cpu, bitwise_and},
    {kernel::bitwise_or, Device::cpu, bitwise_or}, {kernel::bitwise_xor, Device::cpu, bitwise_xor},
    {kernel::bitwise_invert, Device::cpu, bitwise_invert}, {kernel::where, Device::cpu, where},
    {kernel::add, Device::cpu, add},           {kernel::subtract, Device::cpu, subtract},
    {kernel::multiply, Device::cpu, multiply}, {kernel::divide, Device::cpu, divide},
    {kernel::negative, Device::cpu, negative}, {kernel::clip, Device::cpu, clip},
};

}  // namespace
}  // namespace chainrule
