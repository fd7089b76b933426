// Loops over tensors of one shape and any strides: axes that step alike are merged, then rows of the last axis run.
#pragma once
#include <array>

#include "core/tensor.h"
#include "cpu/parallel.h"
#include "cpu/simd.h"

namespace chainrule {

inline constexpr int64_t grain = 16384;      // elements a task: some 10 us of light arithmetic

template <int N> struct Rows {
  int64_t outer = 1, n = 1;                                 // number of rows, length of one
  Shape shape;                                              // of the outer axes
  std::array<Shape, N> strides;                             // of the outer axes, an operand each
  std::array<int64_t, N> step{};                            // along a row
};

template <int N> Rows<N> merge_axes(const Shape& shape, const std::array<const Shape*, N>& strides) {
  Shape sizes;
  std::array<Shape, N> steps;
  for (int i = 0; i < shape.size(); i++) {
    if (shape[i] == 1) continue;
    bool joins = !sizes.empty();
    for (int k = 0; k < N && joins; k++) joins = steps[k].back() == (*strides[k])[i] * shape[i];
    if (joins) {
      sizes[-1] *= shape[i];
      for (int k = 0; k < N; k++) steps[k][-1] = (*strides[k])[i];
    } else {
      sizes.push_back(shape[i]);
      for (int k = 0; k < N; k++) steps[k].push_back((*strides[k])[i]);
    }
  }
  Rows<N> r;
  if (sizes.empty()) return r;
  r.n = sizes.back();
  sizes.pop_back();
  for (int64_t s : sizes) r.outer *= s;
  r.shape = sizes;
  for (int k = 0; k < N; k++) {
    r.step[k] = steps[k].back();
    steps[k].pop_back();
    r.strides[k] = steps[k];
  }
  return r;
}

// row(offsets, n, steps): offsets of the first element of a row in each operand, in elements.
template <int N, class Row>
void each_row(const Shape& shape, const std::array<const Shape*, N>& strides, Row&& row) {
  if (count(shape) == 0) return;
  const Rows<N> r = merge_axes<N>(shape, strides);
  if (r.outer == 1) {
    parallel_for(r.n, grain, [&](int64_t begin, int64_t end) {
      std::array<int64_t, N> at;
      for (int k = 0; k < N; k++) at[k] = begin * r.step[k];
      row(at, end - begin, r.step);
    });
    return;
  }
  parallel_for(r.outer, std::max<int64_t>(1, grain / r.n), [&](int64_t begin, int64_t end) {
    std::array<int64_t, N> at{};
    Shape index = r.shape;
    int64_t rest = begin;
    for (int i = r.shape.size() - 1; i >= 0; i--) {
      index[i] = rest % r.shape[i];
      rest /= r.shape[i];
      for (int k = 0; k < N; k++) at[k] += index[i] * r.strides[k][i];
    }
    for (int64_t i = begin; i < end; i++) {
      row(at, r.n, r.step);
      for (int a = r.shape.size() - 1; a >= 0; a--) {          // the next row: count up like an odometer
        for (int k = 0; k < N; k++) at[k] += r.strides[k][a];
        if (++index[a] < r.shape[a]) break;
        index[a] = 0;
        for (int k = 0; k < N; k++) at[k] -= r.shape[a] * r.strides[k][a];
      }
    }
  });
}

// y = (x - a) b - c along a row; y may be x
inline void affine(const float* x, float a, float b, float c, float* y, int64_t n) { simd().affine(x, a, b, c, y, n); }
inline void affine(const double* x, double a, double b, double c, double* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = (x[i] - a) * b - c;
}

// Whether these do not fit into the last cache together. Then results are written past it: a line need not be read to be
// written, which takes a third of the traffic from a sum of two arrays.
template <class... Ts> bool past_caches(const Ts&... ts) {
  return (0 + ... + (ts.contiguous() ? ts.size() * itemsize(ts.dtype()) : 0)) > last_cache();
}

// y[i] = f(x[i]) and y[i] = f(a[i], b[i]) with unit steps told to the compiler, so that it vectorises.
template <class X, class Y, class F> [[gnu::noinline]] void map_row(const X* x, int64_t sx, Y* y, int64_t sy, int64_t n, F f) {
  using C = compute_t<X>;
  if (sx == 1 && sy == 1) for (int64_t i = 0; i < n; i++) y[i] = Y(f(C(x[i])));
  else for (int64_t i = 0; i < n; i++) y[i * sy] = Y(f(C(x[i * sx])));
}
template <class X, class Y, class F>
[[gnu::noinline]] void map_row(const X* a, int64_t sa, const X* b, int64_t sb, Y* y, int64_t sy, int64_t n, F f) {
  using C = compute_t<X>;
  if (sa == 1 && sb == 1 && sy == 1) for (int64_t i = 0; i < n; i++) y[i] = Y(f(C(a[i]), C(b[i])));
  else if (sa == 1 && sb == 0 && sy == 1) { const C v = C(*b); for (int64_t i = 0; i < n; i++) y[i] = Y(f(C(a[i]), v)); }
  else if (sa == 0 && sb == 1 && sy == 1) { const C v = C(*a); for (int64_t i = 0; i < n; i++) y[i] = Y(f(v, C(b[i]))); }
  else for (int64_t i = 0; i < n; i++) y[i * sy] = Y(f(C(a[i * sa]), C(b[i * sb])));
}

// The same by way of a buffer, past the caches: row(first, n, to)
template <class Y, class Row> void stream_row(Y* y, int64_t n, Row&& row) {
  constexpr int64_t block = 4096 / sizeof(Y);
  Y buffer[block];
  for (int64_t begin = 0; begin < n; begin += block) {
    const int64_t m = std::min(block, n - begin);
    row(begin, m, buffer);
    simd().stream(buffer, y + begin, size_t(m) * sizeof(Y));
  }
  simd().fence();
}

template <class X, class Y, class F> void map(const Tensor& x, const Tensor& y, F f) {
  const X* px = x.data<X>();
  Y* py = y.data<Y>();
  if (x.contiguous() && y.contiguous() && x.size() <= grain) return map_row(px, 1, py, 1, x.size(), f);
  const bool past = past_caches(x, y);
  each_row<2>(x.shape(), {&x.strides(), &y.strides()}, [&](const auto& at, int64_t n, const auto& step) {
    if (past && step[1] == 1)
      return stream_row(py + at[1], n, [&](int64_t i, int64_t m, Y* to) { map_row(px + at[0] + i * step[0], step[0], to, 1, m, f); });
    map_row(px + at[0], step[0], py + at[1], step[1], n, f);
  });
}
template <class X, class Y, class F> void map(const Tensor& a, const Tensor& b, const Tensor& y, F f) {
  const X *pa = a.data<X>(), *pb = b.data<X>();
  Y* py = y.data<Y>();
  if (a.contiguous() && b.contiguous() && y.contiguous() && y.size() <= grain)
    return map_row(pa, 1, pb, 1, py, 1, y.size(), f);
  const bool past = past_caches(a, b, y);
  each_row<3>(y.shape(), {&a.strides(), &b.strides(), &y.strides()}, [&](const auto& at, int64_t n, const auto& step) {
    if (past && step[2] == 1)
      return stream_row(py + at[2], n, [&](int64_t i, int64_t m, Y* to) {
        map_row(pa + at[0] + i * step[0], step[0], pb + at[1] + i * step[1], step[1], to, 1, m, f);
      });
    map_row(pa + at[0], step[0], pb + at[1], step[1], py + at[2], step[2], n, f);
  });
}

}  // namespace chainrule
