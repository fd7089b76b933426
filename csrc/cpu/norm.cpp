// Normalisation of rows and of channels. Sums run in 16 lanes of at most 64 numbers, then in float64.
#include <cmath>

#include "core/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd.h"

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

// ---- passes over a row: plain ones for float64, which say what they are, and those of the instruction set for float32
double sum_of(const double* x, int64_t n) { return lane_sum<double>(0, n, [=](int64_t i) { return x[i]; }); }
double squares_of(const double* x, double m, int64_t n) {
  return lane_sum<double>(0, n, [=](int64_t i) { return (x[i] - m) * (x[i] - m); });
}
void standardize(const double* x, double m, double s, const double* w, const double* b, double* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = (x[i] - m) * s * (w ? w[i] : 1) + (b ? b[i] : 0);
}
void slope_sums(const double* d, const double* w, const double* x, double m, int64_t n, double* sums) {
  const auto g = [=](int64_t i) { return w ? d[i] * w[i] : d[i]; };
  sums[0] = lane_sum<double>(0, n, g);
  sums[1] = lane_sum<double>(0, n, [=](int64_t i) { return g(i) * (x[i] - m); });
}
void slope(const double* d, const double* w, const double* x, double m, double s, double first, double second, double* y, int64_t n) {
  for (int64_t i = 0; i < n; i++) y[i] = s * ((w ? d[i] * w[i] : d[i]) - first - (x[i] - m) * second);
}
void add_slopes(const double* d, const double* x, double m, double s, double* of_w, double* of_b, int64_t n) {
  for (int64_t i = 0; i < n; i++) of_w[i] += d[i] * ((x[i] - m) * s);
  for (int64_t i = 0; i < n; i++) of_b[i] += d[i];
}
double sum_of(const float* x, int64_t n) { return simd().sum_run(x, n); }
double squares_of(const float* x, float m, int64_t n) { return simd().sum_squares(x, m, n); }
void standardize(const float* x, float m, float s, const float* w, const float* b, float* y, int64_t n) {
  simd().standardize(x, m, s, w, b, y, n);
}
void slope_sums(const float* d, const float* w, const float* x, float m, int64_t n, double* sums) {
  simd().slope_sums(d, w, x, m, n, sums);
}
void slope(const float* d, const float* w, const float* x, float m, float s, float first, float second, float* y, int64_t n) {
  simd().slope(d, w, x, m, s, first, second, y, n);
}
void add_slopes(const float* d, const float* x, float m, float s, float* of_w, float* of_b, int64_t n) {
  simd().add_slopes(d, x, m, s, of_w, of_b, n);
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
// Where to make a row that goes to `out`, and its way there.
template <class T, class C> C* place(T* out, int64_t n, std::vector<C>& buffer, bool past = false) {
  if constexpr (std::is_same_v<T, C>)
    if (!past) return out;
  buffer.resize(size_t(n));
  return buffer.data();
}
template <class T, class C> void put(const C* row, T* out, int64_t n) {
  if constexpr (!std::is_same_v<T, C>) for (int64_t i = 0; i < n; i++) out[i] = T(row[i]);
  else if (row != out) simd().stream(row, out, size_t(n) * sizeof(T));
}
template <class T> const T* pointer(const Tensor& t) { return t ? t.data<T>() : nullptr; }
// γ or β in the type of computation, or none.
template <class T, class C> const C* weights(const Tensor& t, int64_t n, std::vector<C>& buffer) {
  return t ? computable(t.data<T>(), n, buffer) : nullptr;
}
int64_t row_grain(int64_t n) { return std::max<int64_t>(1, grain / std::max<int64_t>(n, 1)); }

void rows(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, bool centred, Tensor& y, Tensor& mean,
          Tensor& scale) {
  const int64_t n = x.dim(1);
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T* px = x.data<T>();
    T* py = y.data<T>();
    C *pm = mean.data<C>(), *ps = scale.data<C>();
    std::vector<C> w_buffer, b_buffer;
    const C *w = weights<T>(weight, n, w_buffer), *b = weights<T>(bias, n, b_buffer);
    parallel_for(x.dim(0), row_grain(n), [&](int64_t begin, int64_t end) {
      std::vector<C> x_buffer, y_buffer;
      for (int64_t r = begin; r < end; r++) {
        const C* row = computable(px + r * n, n, x_buffer);
        C* out = place(py + r * n, n, y_buffer);
        const C m = centred ? C(sum_of(row, n) / double(n)) : C(0), s = C(1 / std::sqrt(squares_of(row, m, n) / double(n) + eps));
        pm[r] = m;
        ps[r] = s;
        standardize(row, m, s, w, b, out, n);
        put(out, py + r * n, n);
      }
    });
  });
}

// With g = γ d and x̂ = (x - μ) s:  dx = s (g - mean(g) - x̂ mean(g x̂)),  dγ = Σ d x̂,  dβ = Σ d, the sums over rows.
// Rows are cut into parts by their number alone; each has sums of its own, added up in order.
void rows_pull(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& scale, const Tensor& d, bool centred,
               Tensor& dx, Tensor& dweight, Tensor& dbias) {
  const int64_t count = x.dim(0), n = x.dim(1);
  const int64_t wanted = std::max(std::min<int64_t>(8, x.size() / 16384), x.size() / 65536);       // few, whose sums are added up alone
  const int64_t parts = std::clamp<int64_t>(wanted, 1, std::min<int64_t>(64, std::max<int64_t>(count, 1)));
  std::vector<double> sums(size_t(parts * 2 * n));
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T *px = x.data<T>(), *pd = d.data<T>();
    T* to = dx.data<T>();
    const C *pm = mean.data<C>(), *ps = scale.data<C>();
    std::vector<C> w_buffer;
    const C* w = weights<T>(weight, n, w_buffer);
    const bool past = past_caches(x, d, dx);
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      std::vector<C> x_buffer, d_buffer, out_buffer, few(size_t(dweight || dbias ? 2 * n : 0));
      for (int64_t part = begin; part < end; part++) {
        double* total = sums.data() + part * 2 * n;
        const auto pass_on = [&] {                             // a number of `few` is a sum over 64 rows at most
          for (size_t i = 0; i < few.size(); i++) total[i] += double(few[i]);
          std::fill(few.begin(), few.end(), C(0));
        };
        const int64_t first_row = part * count / parts, last_row = (part + 1) * count / parts;
        for (int64_t r = first_row; r < last_row; r++) {
          const C *row = computable(px + r * n, n, x_buffer), *dr = computable(pd + r * n, n, d_buffer);
          C* out = place(to + r * n, n, out_buffer, past);
          const C m = pm[r], s = ps[r];
          double both[2];
          slope_sums(dr, w, row, m, n, both);
          const C first = centred ? C(both[0] / double(n)) : C(0), second = C(both[1] / double(n)) * s * s;
          slope(dr, w, row, m, s, first, second, out, n);
          put(out, to + r * n, n);
          if (!few.empty()) add_slopes(dr, row, m, s, few.data(), few.data() + n, n);
          if ((r - first_row) % 64 == 63) pass_on();
        }
        pass_on();
        if (past) simd().fence();
      }
    });
    for (int64_t part = 1; part < parts; part++)
      for (int64_t i = 0; i < 2 * n; i++) sums[size_t(i)] += sums[size_t(part * 2 * n + i)];
    const auto finish = [&](Tensor& y, int64_t offset) {
      for (int64_t i = 0; i < n; i++) y.data<T>()[i] = T(C(sums[size_t(offset + i)]));
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
  bool long_runs() const { return inner >= 16; }
  // total[k] = Σ f(k, i) over the elements i of channel first + k, k < m
  template <class F> void sum(int64_t first, int64_t m, double* total, F&& f) const {
    std::fill_n(total, m, 0.0);
    for (int64_t s = 0; s < N; s++)
      for (int64_t k = 0; k < m; k++)
        for (int64_t i = 0, at = ((s * C + first) + k) * inner; i < inner; i++) total[k] += double(f(k, at + i));
  }
  // run(where) for each sample's elements of a channel, which lie together
  template <class Run> void each_run(int64_t channel, Run&& run) const {
    for (int64_t s = 0; s < N; s++) run((s * C + channel) * inner);
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
    const bool past = past_caches(x, y);
    c.each([&](int64_t first, int64_t m) {
      double total[64] = {};
      C mu[64] = {}, scale[64] = {}, shift[64] = {};
      std::vector<C> x_buffer, y_buffer;
      const auto read = [&](int64_t at) { return computable(px + at, c.inner, x_buffer); };
      if (c.long_runs()) c.each_run(first, [&](int64_t at) { total[0] += sum_of(read(at), c.inner); });
      else c.sum(first, m, total, [&](int64_t, int64_t i) { return C(px[i]); });
      for (int64_t k = 0; k < m; k++) pm[first + k] = mu[k] = C(total[k] / n);
      if (c.long_runs()) {
        total[0] = 0;
        c.each_run(first, [&](int64_t at) { total[0] += squares_of(read(at), mu[0], c.inner); });
      } else c.sum(first, m, total, [&](int64_t k, int64_t i) { const C u = C(px[i]) - mu[k]; return u * u; });
      for (int64_t k = 0; k < m; k++) {
        pv[first + k] = C(total[k] / n);
        scale[k] = C(1 / std::sqrt(total[k] / n + eps)) * (w ? C(w[first + k]) : C(1));
        shift[k] = b ? C(b[first + k]) : C(0);
      }
      if (!c.long_runs()) return c.map(first, m, [&](int64_t k, int64_t i) { py[i] = T((C(px[i]) - mu[k]) * scale[k] + shift[k]); });
      c.each_run(first, [&](int64_t at) {
        C* out = place(py + at, c.inner, y_buffer, past);
        affine(read(at), mu[0], scale[0], -shift[0], out, c.inner);
        put(out, py + at, c.inner);
      });
      if (past) simd().fence();
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
    const bool past = past_caches(x, d, dx);
    c.each([&](int64_t first, int64_t m) {
      double sums[64] = {}, products[64] = {};
      C scale[64] = {}, average[64] = {}, steep[64] = {};
      std::vector<C> x_buffer, d_buffer, out_buffer;
      const auto read_x = [&](int64_t at) { return computable(px + at, c.inner, x_buffer); };
      const auto read_d = [&](int64_t at) { return computable(pd + at, c.inner, d_buffer); };
      if (c.long_runs()) {
        sums[0] = products[0] = 0;
        c.each_run(first, [&](int64_t at) {
          double both[2];
          slope_sums(read_d(at), static_cast<const C*>(nullptr), read_x(at), mu[first], c.inner, both);
          sums[0] += both[0];
          products[0] += both[1];
        });
      } else {
        c.sum(first, m, sums, [&](int64_t, int64_t i) { return C(pd[i]); });
        c.sum(first, m, products, [&](int64_t k, int64_t i) { return C(pd[i]) * (C(px[i]) - mu[first + k]); });
      }
      for (int64_t k = 0; k < m; k++) {
        const double s = 1 / std::sqrt(double(pv[first + k]) + eps);
        scale[k] = C(s) * (w ? C(w[first + k]) : C(1));
        average[k] = C(sums[k] / n);
        steep[k] = C(products[k] / n * s * s);
        if (dweight) dweight.data<T>()[first + k] = T(C(products[k] * s));
        if (dbias) dbias.data<T>()[first + k] = T(C(sums[k]));
      }
      if (!c.long_runs())
        return c.map(first, m, [&](int64_t k, int64_t i) {
          out[i] = T(scale[k] * (C(pd[i]) - average[k] - (C(px[i]) - mu[first + k]) * steep[k]));
        });
      c.each_run(first, [&](int64_t at) {
        C* to = place(out + at, c.inner, out_buffer, past);
        slope(read_d(at), static_cast<const C*>(nullptr), read_x(at), mu[first], scale[0], average[0], steep[0], to, c.inner);
        put(to, out + at, c.inner);
      });
      if (past) simd().fence();
    });
  });
}

const Fill rows_filled(kernel::normalize_rows, Device::cpu, rows);
const Fill rows_pull_filled(kernel::normalize_rows_pull, Device::cpu, rows_pull);
const Fill channels_filled(kernel::normalize_channels, Device::cpu, channels);
const Fill channels_pull_filled(kernel::normalize_channels_pull, Device::cpu, channels_pull);

}  // namespace
}  // namespace chainrule
