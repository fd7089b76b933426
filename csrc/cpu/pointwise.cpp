// Elementwise kernels: y row-major, inputs of its shape and any strides.
#include <cmath>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

void add(const Tensor& a, const Tensor& b, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return a + b; });
  });
}
void subtract(const Tensor& a, const Tensor& b, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return a - b; });
  });
}
void multiply(const Tensor& a, const Tensor& b, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return a * b; });
  });
}
void divide(const Tensor& a, const Tensor& b, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(a, b, y, [](auto a, auto b) { return a / b; });
  });
}
void negative(const Tensor& x, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return -x; });
  });
}
void exp(const Tensor& x, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return std::exp(x); });
  });
}
void log(const Tensor& x, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return std::log(x); });
  });
}
void sin(const Tensor& x, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return std::sin(x); });
  });
}
void cos(const Tensor& x, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return std::cos(x); });
  });
}
void tanh(const Tensor& x, Tensor& y) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return std::tanh(x); });
  });
}

void abs(const Tensor& x, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return x < 0 ? -x : x; });
  });
}
void sign(const Tensor& x, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(x, y, [](auto x) { return x > 0 ? decltype(x)(1) : x < 0 ? decltype(x)(-1) : x; });   // NaN stays
  });
}

// Python's signs: the quotient is rounded down, the remainder has the sign of b.
template <class C> C floored_quotient(C a, C b) {
  if constexpr (std::is_floating_point_v<C>) return std::floor(a / b);
  else {
    require<ValueError>(b != 0, "floor_divide", "division of an integer by zero");
    if (std::is_signed_v<C> && b == C(-1)) return C(0) - a;      // the most negative value has no positive twin
    const C q = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
  }
}
template <class C> C floored_remainder(C a, C b) {
  if constexpr (std::is_floating_point_v<C>) {
    const C r = std::fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
  } else {
    require<ValueError>(b != 0, "remainder", "division of an integer by zero");
    if (std::is_signed_v<C> && b == C(-1)) return 0;
    const C r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
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
void bitwise_and(const Tensor& a, const Tensor& b, Tensor& y) {
  each_bits(y.dtype(), [&](auto tag) { using T = typename decltype(tag)::type; map<T, T>(a, b, y, [](T a, T b) { return a & b; }); });
}
void bitwise_or(const Tensor& a, const Tensor& b, Tensor& y) {
  each_bits(y.dtype(), [&](auto tag) { using T = typename decltype(tag)::type; map<T, T>(a, b, y, [](T a, T b) { return a | b; }); });
}
void bitwise_xor(const Tensor& a, const Tensor& b, Tensor& y) {
  each_bits(y.dtype(), [&](auto tag) { using T = typename decltype(tag)::type; map<T, T>(a, b, y, [](T a, T b) { return a ^ b; }); });
}
void bitwise_invert(const Tensor& x, Tensor& y) {
  if (y.dtype() == DType::boolean) return map<bool, bool>(x, y, [](bool v) { return !v; });
  each_integer(y.dtype(), [&](auto tag) { using T = typename decltype(tag)::type; map<T, T>(x, y, [](T v) { return T(~v); }); });
}
void where(const Tensor& c, const Tensor& a, const Tensor& b, Tensor& y) {
  each_size(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool* pc = c.data<bool>();
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* py = y.data<T>();
    each_row<4>(y.shape(), {&c.strides(), &a.strides(), &b.strides(), &y.strides()},
                [&](const auto& at, int64_t n, const auto& s) {
      for (int64_t i = 0; i < n; i++)
        py[at[3] + i * s[3]] = pc[at[0] + i * s[0]] ? pa[at[1] + i * s[1]] : pb[at[2] + i * s[2]];
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
    {kernel::negative, Device::cpu, negative}, {kernel::exp, Device::cpu, exp},
    {kernel::log, Device::cpu, log},           {kernel::sin, Device::cpu, sin},
    {kernel::cos, Device::cpu, cos},           {kernel::tanh, Device::cpu, tanh},
};

}  // namespace
}  // namespace chainrule
