// Element types, their names, their promotion (NumPy 2), and the visitors that turn a run-time type into a C++ one.
#pragma once
#include <cstdint>
#include <cstring>
#include <ostream>

#include "core/check.h"

namespace chainrule {

enum class DType : uint8_t { boolean, uint8, int32, int64, float16, bfloat16, float32, float64 };
inline constexpr int dtype_count = 8;

// Storage types: arithmetic happens in float.
struct float16 {
  uint16_t bits;
  float16() = default;
  explicit float16(float value);
  operator float() const;
};
struct bfloat16 {
  uint16_t bits;
  bfloat16() = default;
  explicit bfloat16(float value);
  operator float() const;
};

inline uint32_t bits_of(float value) { uint32_t u; std::memcpy(&u, &value, 4); return u; }
inline float float_of(uint32_t u) { float value; std::memcpy(&value, &u, 4); return value; }

// Round to nearest, ties to even; a NaN stays a (quiet) NaN.
inline bfloat16::bfloat16(float value) {
  const uint32_t u = bits_of(value);
  bits = (u & 0x7fffffff) > 0x7f800000 ? uint16_t(u >> 16 | 0x40) : uint16_t((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
inline bfloat16::operator float() const { return float_of(uint32_t(bits) << 16); }

inline float16::float16(float value) {
  const uint32_t u = bits_of(value), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
  if (a > 0x7f800000) { bits = uint16_t(sign | 0x7e00); return; }
  if (a >= 0x477ff000) { bits = uint16_t(sign | 0x7c00); return; }                  // 65520 and above: infinity
  if (a < 0x38800000) {                                                            // below 2^-14: subnormal, unit 2^-24
    bits = uint16_t(sign | (bits_of(float_of(a) + 0.5f) - 0x3f000000));             // adding 0.5 rounds to that unit
    return;
  }
  bits = uint16_t(sign | ((a - 0x38000000 + 0xfff + (a >> 13 & 1)) >> 13));
}
inline float16::operator float() const {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16, a = bits & 0x7fff;
  if (a >= 0x7c00) return float_of(sign | 0x7f800000 | (a & 0x3ff) << 13);
  if (a < 0x400) return float_of(sign | bits_of(float(a) * 0x1p-24f));
  return float_of(sign | ((a << 13) + 0x38000000));
}

inline const char* name(DType t) {
  static const char* names[] = {"bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"};
  return names[int(t)];
}
inline std::ostream& operator<<(std::ostream& out, DType t) { return out << name(t); }
inline int64_t itemsize(DType t) {
  constexpr int sizes[] = {1, 1, 4, 8, 2, 2, 4, 8};
  return sizes[int(t)];
}
inline bool is_float(DType t) { return t >= DType::float16; }
inline bool is_integer(DType t) { return t >= DType::uint8 && t <= DType::int64; }

template <class T> struct type_tag { using type = T; };
template <class T> constexpr DType dtype_of();
template <> constexpr DType dtype_of<bool>() { return DType::boolean; }
template <> constexpr DType dtype_of<uint8_t>() { return DType::uint8; }
template <> constexpr DType dtype_of<int32_t>() { return DType::int32; }
template <> constexpr DType dtype_of<int64_t>() { return DType::int64; }
template <> constexpr DType dtype_of<float16>() { return DType::float16; }
template <> constexpr DType dtype_of<bfloat16>() { return DType::bfloat16; }
template <> constexpr DType dtype_of<float>() { return DType::float32; }
template <> constexpr DType dtype_of<double>() { return DType::float64; }

// The type in which values of T are computed.
template <class T> struct compute { using type = T; };
template <> struct compute<float16> { using type = float; };
template <> struct compute<bfloat16> { using type = float; };
template <class T> using compute_t = typename compute<T>::type;

// each_*(t, f) calls f(type_tag<T>{}) with the C++ type of t.
template <class F> decltype(auto) each_float(DType t, F&& f) {
  switch (t) {
    case DType::float16: return f(type_tag<float16>{});
    case DType::bfloat16: return f(type_tag<bfloat16>{});
    case DType::float32: return f(type_tag<float>{});
    case DType::float64: return f(type_tag<double>{});
    default: fail<DTypeError>("kernel", "needs a floating type, got ", t);
  }
}
template <class F> decltype(auto) each_integer(DType t, F&& f) {
  switch (t) {
    case DType::uint8: return f(type_tag<uint8_t>{});
    case DType::int32: return f(type_tag<int32_t>{});
    case DType::int64: return f(type_tag<int64_t>{});
    default: fail<DTypeError>("kernel", "needs an integer type, got ", t);
  }
}
template <class F> decltype(auto) each_number(DType t, F&& f) {
  return is_float(t) ? each_float(t, f) : each_integer(t, f);
}
template <class F> decltype(auto) each_type(DType t, F&& f) {
  return t == DType::boolean ? f(type_tag<bool>{}) : each_number(t, f);
}
// By size only: for kernels that move elements and never look at them.
template <class F> decltype(auto) each_size(DType t, F&& f) {
  switch (itemsize(t)) {
    case 1: return f(type_tag<uint8_t>{});
    case 2: return f(type_tag<uint16_t>{});
    case 4: return f(type_tag<uint32_t>{});
    default: return f(type_tag<uint64_t>{});
  }
}

DType promote(DType a, DType b);

}  // namespace chainrule
