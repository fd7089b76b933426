// Softmax and cross entropy, a line at a time: the line stays in cache between its passes.
#include <cmath>

#include "core/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd.h"

namespace chainrule {
namespace {

float largest(const float* x, int64_t n) { return simd().largest(x, n); }
double largest(const double* x, int64_t n) {
  double m = -INFINITY;
  for (int64_t i = 0; i < n; i++) m = x[i] > m ? x[i] : m;
  return m;
}
// Σ e^(x - m); into y, if there is one, its terms or their logarithms x - m
double exp_minus(const float* x, float m, float* y, bool logarithms, int64_t n) { return simd().exp_minus(x, m, y, logarithms, n); }
double exp_minus(const double* x, double m, double* y, bool logarithms, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) {
    const double d = x[i] - m, e = std::exp(d);
    if (y) y[i] = logarithms ? d : e;
    total += e;
  }
  return total;
}

// log Σ eˣ = m + log_sum. In a line of -∞ both are 0: then softmax is 0 and its logarithm x itself.
template <class C> struct Norm { C m, log_sum, scale; };
template <class C> Norm<C> norm_of(const C* x, int64_t n, C* y = nullptr, bool logarithms = false) {
  const C m = largest(x, n), shift = m == -INFINITY ? C(0) : m;
  const double sum = exp_minus(x, shift, y, logarithms, n);
  return {shift, sum == 0 ? C(0) : C(std::log(sum)), sum == 0 ? C(0) : C(1 / sum)};
}
template <class C> void softmax_line(const C* x, C* y, int64_t n) {
  const C scale = norm_of(x, n, y).scale;
  affine(y, C(0), scale, C(0), y, n);
}
template <class C> void log_softmax_line(const C* x, C* y, int64_t n) {
  const C log_sum = norm_of(x, n, y, true).log_sum;
  affine(y, C(0), C(1), log_sum, y, n);
}

// The same for m columns of n rows, side by side: x and y have rows `step` apart and may be one.
constexpr int64_t width = 128;
void exp_of(float* x, int64_t n) { simd().exp(x, x, n); }
void exp_of(double* x, int64_t n) { for (int64_t i = 0; i < n; i++) x[i] = std::exp(x[i]); }
template <class C> void columns(const C* x, C* y, int64_t n, int64_t m, int64_t step, bool logarithm) {
  C top[width], row[width], last[width];
  double sum[width] = {};
  std::fill_n(top, m, C(-INFINITY));
  for (int64_t r = 0; r < n; r++)
    for (int64_t k = 0; k < m; k++) top[k] = x[r * step + k] > top[k] ? x[r * step + k] : top[k];
  for (int64_t k = 0; k < m; k++) top[k] = top[k] == -INFINITY ? C(0) : top[k];
  for (int64_t r = 0; r < n; r++) {
    C* e = logarithm ? row : y + r * step;
    for (int64_t k = 0; k < m; k++) e[k] = x[r * step + k] - top[k];
    exp_of(e, m);
    for (int64_t k = 0; k < m; k++) sum[k] += double(e[k]);
  }
  for (int64_t k = 0; k < m; k++) last[k] = sum[k] == 0 ? C(0) : C(logarithm ? std::log(sum[k]) : 1 / sum[k]);
  for (int64_t r = 0; r < n; r++)
    if (logarithm) for (int64_t k = 0; k < m; k++) y[r * step + k] = (x[r * step + k] - top[k]) - last[k];
    else for (int64_t k = 0; k < m; k++) y[r * step + k] *= last[k];
}

// Along the middle axis of (outer, n, inner): lines when inner is 1, else columns. Narrow types go through a buffer.
void along(const Tensor& x, Tensor& y, bool logarithm) {
  const int64_t n = x.dim(1), inner = x.dim(2), side = std::min(inner, width), blocks = side ? (inner + side - 1) / side : 0;
  if (x.size() == 0) return;
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const auto run = [=](const C* x, C* y, int64_t m, int64_t step) {
      if (inner > 1) columns(x, y, n, m, step, logarithm);
      else if (logarithm) log_softmax_line(x, y, n);
      else softmax_line(x, y, n);
    };
    parallel_for(x.dim(0) * blocks, std::max<int64_t>(1, grain / (n * side)), [&](int64_t begin, int64_t end) {
      std::vector<C> buffer(std::is_same_v<T, C> ? 0 : size_t(n * side));
      for (int64_t b = begin; b < end; b++) {
        const int64_t first = b % blocks * side, m = std::min(side, inner - first), at = b / blocks * n * inner + first;
        const T* px = x.data<T>() + at;
        T* py = y.data<T>() + at;
        if constexpr (std::is_same_v<T, C>) run(px, py, m, inner);
        else {
          C* p = buffer.data();
          for (int64_t r = 0; r < n; r++)
            for (int64_t k = 0; k < m; k++) p[r * m + k] = C(px[r * inner + k]);
          run(p, p, m, m);
          for (int64_t r = 0; r < n; r++)
            for (int64_t k = 0; k < m; k++) py[r * inner + k] = T(p[r * m + k]);
        }
      }
    });
  });
}
void softmax(const Tensor& x, Tensor& y) { along(x, y, false); }
void log_softmax(const Tensor& x, Tensor& y) { along(x, y, true); }

// ---- cross entropy of z (rows, K) and a class a row
void check_classes(const Tensor& classes, int64_t K, const int64_t* ignored) {
  const int64_t* c = classes.data<int64_t>();
  for (int64_t r = 0; r < classes.size(); r++)
    require<IndexError>((c[r] >= 0 && c[r] < K) || (ignored && c[r] == *ignored), "softmax_cross_entropy", "y holds class ", c[r],
                        ", needs 0 <= y < ", K);
}

// row(r, z, buffer) with the scores of row r in the type of computation; the buffer that holds them, if they are no view.
template <class T, class Row> void each_score_row(const Tensor& z, int64_t rows, Row&& row) {
  using C = compute_t<T>;
  const int64_t K = z.dim(-1);
  const T* pz = z.data<T>();
  parallel_for(rows, std::max<int64_t>(1, grain / std::max<int64_t>(K, 1)), [&](int64_t begin, int64_t end) {
    std::vector<C> buffer(std::is_same_v<T, C> ? 0 : size_t(K));
    for (int64_t r = begin; r < end; r++) {
      if constexpr (std::is_same_v<T, C>) row(r, pz + r * K, static_cast<C*>(nullptr));
      else {
        for (int64_t k = 0; k < K; k++) buffer[size_t(k)] = C(pz[r * K + k]);
        row(r, static_cast<const C*>(buffer.data()), buffer.data());
      }
    }
  });
}

void cross_entropy(const Tensor& z, const Tensor& classes, double smoothing, const int64_t* ignored, Tensor& y) {
  const int64_t K = z.dim(-1);
  check_classes(classes, K, ignored);
  const int64_t* c = classes.data<int64_t>();
  each_float(z.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    T* py = y.data<T>();
    each_score_row<T>(z, y.size(), [&](int64_t r, const C* row, C*) {
      if (ignored && c[r] == *ignored) { py[r] = T(C(0)); return; }
      const Norm<C> norm = norm_of(row, K);
      C loss = norm.log_sum - (row[c[r]] - norm.m);
      if (smoothing > 0) {
        double sum = 0;
        for (int64_t k = 0; k < K; k++) sum += double(row[k] - norm.m);
        loss = C(1 - smoothing) * loss + C(smoothing) * (norm.log_sum - C(sum / double(K)));
      }
      py[r] = T(loss);
    });
  });
}

void cross_entropy_slope(const Tensor& z, const Tensor& classes, const Tensor& d, double smoothing, const int64_t* ignored,
                         Tensor& g) {
  const int64_t* c = classes.data<int64_t>();
  const int64_t K = z.dim(-1);
  each_float(z.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T* pd = d.data<T>();
    T* pg = g.data<T>();
    each_score_row<T>(z, classes.size(), [&](int64_t r, const C* row, C* exps) {
      T* out = pg + r * K;
      if (ignored && c[r] == *ignored) { std::fill_n(out, K, T(C(0))); return; }
      if constexpr (std::is_same_v<T, C>) exps = out;
      const C weight = C(pd[r]), off = C(smoothing / double(K)), on = C(1 - smoothing);
      const C scale = norm_of(row, K, exps).scale, hit = exps[c[r]];
      affine(exps, C(0), scale * weight, off * weight, exps, K);
      if constexpr (!std::is_same_v<T, C>) for (int64_t k = 0; k < K; k++) out[k] = T(exps[k]);
      out[c[r]] = T((hit * scale - off - on) * weight);
    });
  });
}

const Fill filled[] = {{kernel::softmax, Device::cpu, softmax}, {kernel::log_softmax, Device::cpu, log_softmax}};
const Fill loss_filled(kernel::softmax_cross_entropy, Device::cpu, cross_entropy);
const Fill slope_filled(kernel::softmax_cross_entropy_slope, Device::cpu, cross_entropy_slope);

}  // namespace
}  // namespace chainrule
