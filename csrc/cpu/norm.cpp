// Normalisation of rows and of channels. Sums run in 16 lanes of at most 64 numbers, then in float64.
#include <cmath>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// Σ f(i) over begin <= i < end, f in the type of computation C.
template <class C, class F> double lane_sum(int64_t begin, int64_t end, F&& f) {
  constexpr int lanes = 16;
  double total = 0;
  int64_t i = begin;
  while (i + lanes <= end) {
    C lane[lanes] = {};
    for (const int64_t stop = std::min(end, i + 64 * lanes); i + lanes <= stop; i += lanes)
      for (int k = 0; k < lanes; k++) lane[k] += f(i + k);
    for (int k = 0; k < lanes; k++) total += double(lane[k]);
  }
  for (; i < end; i++) total += double(f(i));
  return total;
}

// A row in the type of computation: itself, or a copy in `buffer`.
template <class T, class C> const C* computable(const T* row, int64_t n, std::vector<C>& buffer) {
  if constexpr (std::is_same_v<T, C>) return row;
  else {
    buffer.resize(size_t(n));
    for (int64_t i = 0; i < n; i++) buffer[size_t(i)] = C(row[i]);
    return buffer.data();
  }
}
template <class T> const T* pointer(const Tensor& t) { return t ? t.data<T>() : nullptr; }
int64_t row_grain(int64_t n) { return std::max<int64_t>(1, grain / std::max<int64_t>(n, 1)); }

void rows(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, bool centred, Tensor& y, Tensor& mean,
          Tensor& scale) {
  const int64_t n = x.dim(1);
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T *px = x.data<T>(), *w = pointer<T>(weight), *b = pointer<T>(bias);
    T* py = y.data<T>();
    C *pm = mean.data<C>(), *ps = scale.data<C>();
    parallel_for(x.dim(0), row_grain(n), [&](int64_t begin, int64_t end) {
      std::vector<C> buffer;
      for (int64_t r = begin; r < end; r++) {
        const C* row = computable(px + r * n, n, buffer);
        T* out = py + r * n;
        const C m = centred ? C(lane_sum<C>(0, n, [=](int64_t i) { return row[i]; }) / double(n)) : C(0);
        const double var = lane_sum<C>(0, n, [=](int64_t i) { return (row[i] - m) * (row[i] - m); }) / double(n);
        const C s = C(1 / std::sqrt(var + eps));
        pm[r] = m;
        ps[r] = s;
        if (w && b) for (int64_t i = 0; i < n; i++) out[i] = T((row[i] - m) * s * C(w[i]) + C(b[i]));
        else if (w) for (int64_t i = 0; i < n; i++) out[i] = T((row[i] - m) * s * C(w[i]));
        else if (b) for (int64_t i = 0; i < n; i++) out[i] = T((row[i] - m) * s + C(b[i]));
        else for (int64_t i = 0; i < n; i++) out[i] = T((row[i] - m) * s);
      }
    });
  });
}

// With g = γ d and x̂ = (x - μ) s:  dx = s (g - mean(g) - x̂ mean(g x̂)),  dγ = Σ d x̂,  dβ = Σ d, the sums over rows.
// Rows are cut into parts by their number alone; each has sums of its own, added up in order.
void rows_pull(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& scale, const Tensor& d, bool centred,
               Tensor& dx, Tensor& dweight, Tensor& dbias) {
  const int64_t count = x.dim(0), n = x.dim(1);
  const int64_t parts = std::clamp<int64_t>(count * n / 65536, 1, std::min<int64_t>(64, std::max<int64_t>(count, 1)));
  std::vector<double> sums(size_t(parts * 2 * n));
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T *px = x.data<T>(), *pd = d.data<T>(), *w = pointer<T>(weight);
    T* out = dx.data<T>();
    const C *pm = mean.data<C>(), *ps = scale.data<C>();
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      std::vector<C> x_buffer, d_buffer, g_buffer(size_t(w ? n : 0));
      for (int64_t part = begin; part < end; part++) {
        double *sum_w = sums.data() + part * 2 * n, *sum_b = sum_w + n;
        for (int64_t r = part * count / parts; r < (part + 1) * count / parts; r++) {
          const C *row = computable(px + r * n, n, x_buffer), *dr = computable(pd + r * n, n, d_buffer), *g = dr;
          if (w) {
            for (int64_t i = 0; i < n; i++) g_buffer[size_t(i)] = dr[i] * C(w[i]);
            g = g_buffer.data();
          }
          const C m = pm[r], s = ps[r];
          const C first = centred ? C(lane_sum<C>(0, n, [=](int64_t i) { return g[i]; }) / double(n)) : C(0);
          const C second = C(lane_sum<C>(0, n, [=](int64_t i) { return g[i] * (row[i] - m); }) / double(n)) * s * s;
          for (int64_t i = 0; i < n; i++) out[r * n + i] = T(s * (g[i] - first - (row[i] - m) * second));
          if (dweight) for (int64_t i = 0; i < n; i++) sum_w[i] += double(dr[i] * ((row[i] - m) * s));
          if (dbias) for (int64_t i = 0; i < n; i++) sum_b[i] += double(dr[i]);
        }
      }
    });
    const auto finish = [&](Tensor& y, int64_t offset) {
      T* p = y.data<T>();
      for (int64_t i = 0; i < n; i++) {
        double total = 0;
        for (int64_t part = 0; part < parts; part++) total += sums[size_t(part * 2 * n + offset + i)];
        p[i] = T(C(total));
      }
    };
    if (dweight) finish(dweight, 0);
    if (dbias) finish(dbias, n);
  });
}

// ---- channels of (N, C, inner): one a task, or where they are short, 64 neighbours side by side
struct Channels {
  int64_t N, C, inner, width;
  explicit Channels(const Tensor& x)
      : N(x.dim(0)), C(x.dim(1)), inner(x.dim(2)), width(inner >= 16 ? 1 : std::min<int64_t>(C, 64)) {}

  // block(first channel, number of channels)
  template <class Block> void each(Block&& block) const {
    parallel_for((C + width - 1) / width, std::max<int64_t>(1, grain / (N * width * inner)), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; b++) block(b * width, std::min(width, C - b * width));
    });
  }
  // total[k] = Σ f(k, i) over the elements i of channel first + k, k < m
  template <class T, class F> void sum(int64_t first, int64_t m, double* total, F&& f) const {
    std::fill_n(total, m, 0.0);
    for (int64_t s = 0; s < N; s++) {
      const int64_t at = (s * C + first) * inner;
      if (inner >= 16) total[0] += lane_sum<T>(at, at + inner, [&](int64_t i) { return f(0, i); });
      else
        for (int64_t k = 0; k < m; k++)
          for (int64_t i = 0; i < inner; i++) total[k] += double(f(k, at + k * inner + i));
    }
  }
  template <class F> void map(int64_t first, int64_t m, F&& f) const {
    for (int64_t s = 0; s < N; s++)
      for (int64_t k = 0; k < m; k++) {
        const int64_t at = (s * C + first + k) * inner;
        for (int64_t i = at; i < at + inner; i++) f(k, i);
      }
  }
};

void channels(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Tensor& y, Tensor& mean, Tensor& var) {
  const Channels c(x);
  const double n = double(c.N * c.inner);
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T *px = x.data<T>(), *w = pointer<T>(weight), *b = pointer<T>(bias);
    T* py = y.data<T>();
    C *pm = mean.data<C>(), *pv = var.data<C>();
    c.each([&](int64_t first, int64_t m) {
      double total[64];
      C mu[64], scale[64], shift[64];
      c.sum<C>(first, m, total, [&](int64_t, int64_t i) { return C(px[i]); });
      for (int64_t k = 0; k < m; k++) pm[first + k] = mu[k] = C(total[k] / n);
      c.sum<C>(first, m, total, [&](int64_t k, int64_t i) { const C u = C(px[i]) - mu[k]; return u * u; });
      for (int64_t k = 0; k < m; k++) {
        pv[first + k] = C(total[k] / n);
        scale[k] = C(1 / std::sqrt(total[k] / n + eps)) * (w ? C(w[first + k]) : C(1));
        shift[k] = b ? C(b[first + k]) : C(0);
      }
      c.map(first, m, [&](int64_t k, int64_t i) { py[i] = T((C(px[i]) - mu[k]) * scale[k] + shift[k]); });
    });
  });
}

// dx = γ s (d - mean(d) - x̂ mean(d x̂)),  dγ = Σ d x̂,  dβ = Σ d
void channels_pull(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& var, const Tensor& d, double eps,
                   Tensor& dx, Tensor& dweight, Tensor& dbias) {
  const Channels c(x);
  const double n = double(c.N * c.inner);
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T *px = x.data<T>(), *pd = d.data<T>(), *w = pointer<T>(weight);
    T* out = dx.data<T>();
    const C *mu = mean.data<C>(), *pv = var.data<C>();
    c.each([&](int64_t first, int64_t m) {
      double sums[64], products[64];
      C scale[64], average[64], slope[64];
      c.sum<C>(first, m, sums, [&](int64_t, int64_t i) { return C(pd[i]); });
      c.sum<C>(first, m, products, [&](int64_t k, int64_t i) { return C(pd[i]) * (C(px[i]) - mu[first + k]); });
      for (int64_t k = 0; k < m; k++) {
        const double s = 1 / std::sqrt(double(pv[first + k]) + eps);
        scale[k] = C(s) * (w ? C(w[first + k]) : C(1));
        average[k] = C(sums[k] / n);
        slope[k] = C(products[k] / n * s * s);
        if (dweight) dweight.data<T>()[first + k] = T(C(products[k] * s));
        if (dbias) dbias.data<T>()[first + k] = T(C(sums[k]));
      }
      c.map(first, m, [&](int64_t k, int64_t i) {
        out[i] = T(scale[k] * (C(pd[i]) - average[k] - (C(px[i]) - mu[first + k]) * slope[k]));
      });
    });
  });
}

const Fill rows_filled(kernel::normalize_rows, Device::cpu, rows);
const Fill rows_pull_filled(kernel::normalize_rows_pull, Device::cpu, rows_pull);
const Fill channels_filled(kernel::normalize_channels, Device::cpu, channels);
const Fill channels_pull_filled(kernel::normalize_channels_pull, Device::cpu, channels_pull);

}  // namespace
}  // namespace chainrule
