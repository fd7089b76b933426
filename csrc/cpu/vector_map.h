// y = f(x) for functions that are compiled for each instruction set, on tensors of any strides and floating type.
//
// float32 runs through the vector function; float16 and bfloat16 do so in a buffer; float64 calls the plain function.
#pragma once
#include "cpu/loops.h"
#include "cpu/simd.h"

namespace chainrule {

using PlainFunction = double (*)(double);

namespace detail {
constexpr int64_t block = 1024;                // numbers in a buffer: some 4 of them fit into the first cache

// n numbers from p as floats: where they lie, if they are, else in `row`, which may hold one number again and again already.
template <class T> const float* read_block(const T* p, int64_t step, float* row, int64_t n, bool filled = false) {
  if (filled && step == 0) return row;
  if constexpr (std::is_same_v<T, float>)
    if (step == 1) return p;
  if (step == 1) for (int64_t i = 0; i < n; i++) row[i] = float(p[i]);
  else for (int64_t i = 0; i < n; i++) row[i] = float(p[i * step]);
  return row;
}
// Where to write n numbers for p, and their way there from `row`.
template <class T> float* write_place(T* p, int64_t step, float* row) {
  if constexpr (std::is_same_v<T, float>)
    if (step == 1) return p;
  return row;
}
template <class T> void write_block(const float* row, T* p, int64_t step, int64_t n, bool past = false) {
  if constexpr (std::is_same_v<T, float>) {
    if (row == p) return;
    if (past && step == 1) return simd().stream(row, p, size_t(n) * sizeof(T));
  }
  if (step == 1) for (int64_t i = 0; i < n; i++) p[i] = T(row[i]);
  else for (int64_t i = 0; i < n; i++) p[i * step] = T(row[i]);
}
}  // namespace detail

// y = f(x) and y = f(a, b): float32 by f(x, y, n) or f(a, b, y, n) on arrays, float64 by `plain`
void vector_map(const Tensor& x, const Tensor& y, VectorFunction f, PlainFunction plain);
template <class F, class P> void vector_map(const Tensor& x, const Tensor& y, F f, P plain) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool past = past_caches(x, y);
    if constexpr (std::is_same_v<T, double>) return map<T, T>(x, y, plain);
    else each_row<2>(x.shape(), {&x.strides(), &y.strides()}, [&](const auto& at, int64_t n, const auto& step) {
      if constexpr (std::is_same_v<T, float>)
        if (step[0] == 1 && step[1] == 1 && !past) return f(x.data<T>() + at[0], y.data<T>() + at[1], n);
      float row[detail::block], result[detail::block];
      for (int64_t begin = 0; begin < n; begin += detail::block) {
        const int64_t m = std::min(detail::block, n - begin);
        T* py = y.data<T>() + at[1] + begin * step[1];
        float* out = past ? result : detail::write_place(py, step[1], result);
        f(detail::read_block(x.data<T>() + at[0] + begin * step[0], step[0], row, m), out, m);
        detail::write_block(out, py, step[1], m, past);
      }
      if (past) simd().fence();
    });
  });
}
template <class F, class P> void vector_map(const Tensor& a, const Tensor& b, const Tensor& y, F f, P plain) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool past = past_caches(a, b, y);
    if constexpr (std::is_same_v<T, double>) return map<T, T>(a, b, y, plain);
    else each_row<3>(y.shape(), {&a.strides(), &b.strides(), &y.strides()}, [&](const auto& at, int64_t n, const auto& step) {
      float row_a[detail::block], row_b[detail::block], result[detail::block];
      for (int64_t begin = 0; begin < n; begin += detail::block) {
        const int64_t m = std::min(detail::block, n - begin);
        T* py = y.data<T>() + at[2] + begin * step[2];
        float* out = past ? result : detail::write_place(py, step[2], result);
        f(detail::read_block(a.data<T>() + at[0] + begin * step[0], step[0], row_a, m, begin > 0),
          detail::read_block(b.data<T>() + at[1] + begin * step[1], step[1], row_b, m, begin > 0), out, m);
        detail::write_block(out, py, step[2], m, past);
      }
      if (past) simd().fence();
    });
  });
}
// The same without a vector function: for functions that are seldom called.
void plain_map(const Tensor& x, const Tensor& y, float (*single)(float), PlainFunction plain);
void plain_map(const Tensor& a, const Tensor& b, const Tensor& y, float (*single)(float, float),
               double (*plain)(double, double));

// y = after(x, f(before(x)))
template <class Before, class After>
void vector_map(const Tensor& x, const Tensor& y, Before before, VectorFunction f, PlainFunction plain, After after) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, double>) map<T, T>(x, y, [=](double x) { return after(x, plain(before(x))); });
    else each_row<2>(x.shape(), {&x.strides(), &y.strides()}, [&](const auto& at, int64_t n, const auto& step) {
      const Before first = before;               // copies: what they hold is loaded once, and the loops vectorise
      const After last = after;
      float row[detail::block], value[detail::block], result[detail::block];
      for (int64_t begin = 0; begin < n; begin += detail::block) {
        const int64_t m = std::min(detail::block, n - begin);
        T* py = y.data<T>() + at[1] + begin * step[1];
        const float* px = detail::read_block(x.data<T>() + at[0] + begin * step[0], step[0], row, m);
        float* out = detail::write_place(py, step[1], result);
        for (int64_t i = 0; i < m; i++) value[i] = first(px[i]);
        f(value, value, m);
        for (int64_t i = 0; i < m; i++) out[i] = last(px[i], value[i]);
        detail::write_block(out, py, step[1], m);
      }
    });
  });
}

// y = after(a, b, f(before(a, b)))
template <class Before, class After>
void vector_map(const Tensor& a, const Tensor& b, const Tensor& y, Before before, VectorFunction f, PlainFunction plain,
                After after) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, double>)
      map<T, T>(a, b, y, [=](double a, double b) { return after(a, b, plain(before(a, b))); });
    else each_row<3>(y.shape(), {&a.strides(), &b.strides(), &y.strides()}, [&](const auto& at, int64_t n, const auto& step) {
      const Before first = before;
      const After last = after;
      float row_a[detail::block], row_b[detail::block], value[detail::block], result[detail::block];
      for (int64_t begin = 0; begin < n; begin += detail::block) {
        const int64_t m = std::min(detail::block, n - begin);
        T* py = y.data<T>() + at[2] + begin * step[2];
        const float* pa = detail::read_block(a.data<T>() + at[0] + begin * step[0], step[0], row_a, m, begin > 0);
        const float* pb = detail::read_block(b.data<T>() + at[1] + begin * step[1], step[1], row_b, m, begin > 0);
        float* out = detail::write_place(py, step[2], result);
        for (int64_t i = 0; i < m; i++) value[i] = first(pa[i], pb[i]);
        f(value, value, m);
        for (int64_t i = 0; i < m; i++) out[i] = last(pa[i], pb[i], value[i]);
        detail::write_block(out, py, step[2], m);
      }
    });
  });
}

}  // namespace chainrule
