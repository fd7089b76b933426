// Attention in tiles of queries by keys that stay in the second-level cache: Dao et al. (2022), FlashAttention.
// A head's keys (and values, on the way back) are laid out once as panels for the matrix product.
#include <cmath>
#include <utility>
#include <vector>

#include "core/kernels.h"
#include "cpu/loops.h"
#include "cpu/tiles.h"

namespace chainrule {
namespace {

constexpr int64_t most_queries = 84, most_keys = 256;

// ---- between the products; scores are logarithms to base 2 here, and the vector forms are in simd/attention.inc
constexpr double log2_e = 1.44269504088896340736, log_2 = 0.693147180559945309417;

void soften(int64_t rows, float* s, int64_t s_row, const int64_t* seen, int64_t wide, float* m, float* l, float* y, int64_t y_row,
            int64_t n) {
  simd().soften(rows, s, s_row, seen, wide, m, l, y, y_row, n);
}
void soften(int64_t rows, double* s, int64_t s_row, const int64_t* seen, int64_t wide, double* m, double* l, double* y, int64_t y_row,
            int64_t n) {
  for (int64_t i = 0; i < rows; i++, s += s_row, y += y_row) {
    double top = m[i];
    for (int64_t j = 0; j < seen[i]; j++) top = s[j] > top ? s[j] : top;
    const double shift = top == -INFINITY ? 0 : top, less = std::exp2(m[i] - shift);
    l[i] *= less;
    m[i] = top;
    for (int64_t j = 0; j < n; j++) y[j] *= less;
    for (int64_t j = 0; j < seen[i]; j++) l[i] += s[j] = std::exp2(s[j] - shift);
    std::fill(s + seen[i], s + wide, 0.0);
  }
}
void soft_slope(int64_t rows, float* s, float* d, int64_t row, const int64_t* seen, int64_t wide, const float* log_sum, const float* mean) {
  simd().soft_slope(rows, s, d, row, seen, wide, log_sum, mean);
}
void soft_slope(int64_t rows, double* s, double* d, int64_t row, const int64_t* seen, int64_t wide, const double* log_sum,
                const double* mean) {
  for (int64_t i = 0; i < rows; i++, s += row, d += row) {
    for (int64_t j = 0; j < seen[i]; j++) {
      s[j] = std::exp2(s[j] - log_sum[i]);
      d[j] = s[j] * (d[j] - mean[i]);
    }
    for (int64_t j = seen[i]; j < wide; j++) s[j] = d[j] = 0;
  }
}

// c (M, N) = or += a (M, K) b (K, N), b in panels that lie `panel` apart with rows `b_row` apart: parts of a row-major
// matrix with whole panels (panel = 32, b_row = its pitch), or packed ones.
template <class C>
void product(const Tile<C>& t, int64_t M, int64_t N, int64_t K, Matrix<C> a, const C* b, int64_t panel, int64_t b_row, C* c, int64_t c_row,
             bool add) {
  for (int64_t j = 0; j < N; j += 2 * t.lanes) {
    const bool two = N - j > t.lanes;
    const C* from = b + j / (2 * t.lanes) * panel;
    for (int64_t i = 0; i < M; i += t.rows) {
      const int64_t rows = std::min<int64_t>(t.rows, M - i);
      t.in_place[two][rows - 1](K, a.p + i * a.row, a.row, a.column, from, b_row, c + i * c_row + j, c_row, add);
    }
  }
}

// Row-major copies of `rows` rows with lines of `pitch`, a whole number of vectors; what is beyond is 0.
template <class C> void lay_rows(const C* from, int64_t n, int64_t rows, C factor, C* to, int64_t pitch) {
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < n; j++) to[i * pitch + j] = factor * from[i * n + j];
    std::fill(to + i * pitch + n, to + (i + 1) * pitch, C(0));
  }
}
// xᵀ (n, S) of x (S, n) in panels of two vectors of columns.
template <class C> void lay_panels(const Tile<C>& t, const C* x, int64_t n, int64_t S, C* to) {
  const int64_t width = 2 * t.lanes;
  for (int64_t j = 0; j < S; j += width, to += width * n) {
    const int64_t columns = std::min(width, S - j);
    if (columns < width) std::fill_n(to, width * n, C(0));
    t.pack(x + j * n, n, 1, columns, width, n, to);
  }
}

// How far the queries of a block see: the keys of a block that each may look at, and all keys that any of them may.
struct Sight {
  bool causal;
  int64_t S;
  int64_t keys(int64_t query) const { return causal ? std::min(S, query + 1) : S; }
  void seen(int64_t query, int64_t rows, int64_t key, int64_t wide, int64_t* out) const {
    for (int64_t i = 0; i < rows; i++) out[i] = std::clamp<int64_t>(keys(query + i) - key, 0, wide);
  }
};

// Memory cut into pieces that begin on lines of the cache.
template <class C> struct Scratch {
  static constexpr int64_t line = 64 / sizeof(C);
  Ref<Storage> storage;
  C* next;
  explicit Scratch(int64_t n) : storage(allocate(Device::cpu, size_t(n + 16 * line) * sizeof(C))), next(static_cast<C*>(storage->data)) {}
  C* take(int64_t n) { return std::exchange(next, next + up(n, line) * line); }     // up to 16 times
};

template <class C>
void forward(const C* q, const C* k, const C* v, int64_t heads, int64_t T, int64_t S, int64_t m, int64_t n, double scale, bool causal, C* y,
             C* log_sum) {
  const Tile<C>& t = tile<C>();
  const int64_t width = 2 * t.lanes, panels = up(S, width), pitch = up(n, t.lanes) * t.lanes;
  const int64_t high = up(most_queries, t.rows) * t.rows, wide = most_keys, blocks = up(T, high);
  const Sight sight{causal, S};
  Scratch<C> shared(heads * (panels * width * m + (pitch == n ? 0 : S * pitch)) + width);
  C* const keys = shared.take(heads * panels * width * m);
  C* const values = pitch == n ? nullptr : shared.take(heads * S * pitch);
  parallel_for(heads, 1 + grain / (1 + S * m), [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; h++) {
      lay_panels(t, k + h * S * m, m, S, keys + h * panels * width * m);
      if (values) lay_rows(v + h * S * n, n, S, C(1), values + h * S * pitch, pitch);
    }
  });
  parallel_for(heads * blocks, 1, [&](int64_t begin, int64_t end) {
    Scratch<C> own(high * (m + wide + pitch + 2));
    C* const qs = own.take(high * m), * const s = own.take(high * wide), * const sum = own.take(high * pitch);
    C* const top = own.take(high), * const l = own.take(high);
    std::vector<int64_t> seen(static_cast<size_t>(high));
    for (int64_t task = begin; task < end; task++) {
      const int64_t h = task / blocks, i0 = task % blocks * high, rows = std::min(high, T - i0);
      const C* kh = keys + h * panels * width * m;
      const C* vh = values ? values + h * S * pitch : v + h * S * n;
      lay_rows(q + (h * T + i0) * m, m, rows, C(scale * log2_e), qs, m);
      std::fill_n(sum, rows * pitch, C(0));
      std::fill_n(top, rows, C(-INFINITY));
      std::fill_n(l, rows, C(0));
      const int64_t all = sight.keys(i0 + rows - 1);
      for (int64_t j0 = 0; j0 < all; j0 += wide) {
        const int64_t columns = std::min(wide, all - j0);
        product<C>(t, rows, columns, m, {qs, m, 1}, kh + j0 * m, width * m, width, s, wide, false);
        sight.seen(i0, rows, j0, columns, seen.data());
        soften(rows, s, wide, seen.data(), up(columns, t.lanes) * t.lanes, top, l, sum, pitch, pitch);
        product<C>(t, rows, pitch, columns, {s, wide, 1}, vh + j0 * pitch, width, pitch, sum, pitch, true);
      }
      for (int64_t i = 0; i < rows; i++) {
        const C one = l[i] == 0 ? C(0) : 1 / l[i], m0 = top[i] == -INFINITY ? C(0) : top[i];
        for (int64_t j = 0; j < n; j++) y[(h * T + i0 + i) * n + j] = sum[i * pitch + j] * one;
        log_sum[h * T + i0 + i] = C(log_2) * (m0 + (l[i] == 0 ? C(0) : std::log2(l[i])));
      }
    }
  });
}

// For a block of keys after another, over the queries that see it: weights p and slopes of scores ds, made again, then
// dv += pᵀ d, dk += dsᵀ q and dq += ds k.
template <class C>
void backward(const C* q, const C* k, const C* v, const C* y, const C* log_sum, const C* d, int64_t heads, int64_t T, int64_t S, int64_t m,
              int64_t n, double scale, bool causal, C* dq, C* dk, C* dv) {
  const Tile<C>& t = tile<C>();
  const int64_t width = 2 * t.lanes, panels = up(S, width), pm = up(m, t.lanes) * t.lanes, pn = up(n, t.lanes) * t.lanes;
  const int64_t high = up(most_queries, t.rows) * t.rows, wide = most_keys;
  const Sight sight{causal, S};
  parallel_for(heads, 1, [&](int64_t begin, int64_t end) {
    Scratch<C> own(panels * width * (m + n) + (2 * T + S + wide) * pm + (T + wide) * pn + 2 * T + 2 * high * wide + width);
    C* const kt = own.take(panels * width * m), * const vt = own.take(panels * width * n);
    C* const qs = own.take(T * pm), * const sum_q = own.take(T * pm);
    C* const k_rows = m == pm ? nullptr : own.take(S * pm), * const d_rows = n == pn ? nullptr : own.take(T * pn);
    C* const sum_k = own.take(wide * pm), * const sum_v = own.take(wide * pn), * const mean = own.take(T), * const ls = own.take(T);
    C* const s = own.take(high * wide), * const ds = own.take(high * wide);
    std::vector<int64_t> seen(static_cast<size_t>(high));
    for (int64_t h = begin; h < end; h++) {
      const C *dh = d + h * T * n, *yh = y + h * T * n;
      lay_panels(t, k + h * S * m, m, S, kt);
      lay_panels(t, v + h * S * n, n, S, vt);
      lay_rows(q + h * T * m, m, T, C(scale * log2_e), qs, pm);
      if (k_rows) lay_rows(k + h * S * m, m, S, C(1), k_rows, pm);
      if (d_rows) lay_rows(dh, n, T, C(1), d_rows, pn);
      const C *kr = k_rows ? k_rows : k + h * S * m, *dr = d_rows ? d_rows : dh;
      std::fill_n(sum_q, T * pm, C(0));
      for (int64_t i = 0; i < T; i++) {
        C sum = 0;
        for (int64_t j = 0; j < n; j++) sum += dh[i * n + j] * yh[i * n + j];
        mean[i] = sum;
        ls[i] = C(log2_e) * log_sum[h * T + i];
      }
      for (int64_t j0 = 0; j0 < S; j0 += wide) {
        const int64_t columns = std::min(wide, S - j0);
        std::fill_n(sum_k, columns * pm, C(0));
        std::fill_n(sum_v, columns * pn, C(0));
        for (int64_t i0 = causal ? j0 / high * high : 0; i0 < T; i0 += high) {
          const int64_t rows = std::min(high, T - i0), near = std::min(columns, sight.keys(i0 + rows - 1) - j0);
          product<C>(t, rows, near, m, {qs + i0 * pm, pm, 1}, kt + j0 * m, width * m, width, s, wide, false);
          product<C>(t, rows, near, n, {dr + i0 * pn, pn, 1}, vt + j0 * n, width * n, width, ds, wide, false);
          sight.seen(i0, rows, j0, near, seen.data());
          soft_slope(rows, s, ds, wide, seen.data(), near, ls + i0, mean + i0);
          product<C>(t, near, pn, rows, {s, 1, wide}, dr + i0 * pn, width, pn, sum_v, pn, true);
          product<C>(t, near, pm, rows, {ds, 1, wide}, qs + i0 * pm, width, pm, sum_k, pm, true);
          product<C>(t, rows, pm, near, {ds, wide, 1}, kr + j0 * pm, width, pm, sum_q + i0 * pm, pm, true);
        }
        for (int64_t j = 0; j < columns; j++) {
          for (int64_t c = 0; c < m; c++) dk[(h * S + j0 + j) * m + c] = C(log_2) * sum_k[j * pm + c];
          std::copy_n(sum_v + j * pn, n, dv + (h * S + j0 + j) * n);
        }
      }
      for (int64_t i = 0; i < T; i++)
        for (int64_t j = 0; j < m; j++) dq[(h * T + i) * m + j] = C(scale) * sum_q[i * pm + j];
    }
  });
}

// ---- any floating type: narrow ones are computed in float32
template <class F> void in_precision(DType t, F&& f) { t == DType::float64 ? f(double()) : f(float()); }
DType computed(DType t) { return t == DType::float64 ? t : DType::float32; }
Tensor like(const Tensor& x) {
  const DType type = computed(x.dtype());
  return Tensor(allocate(Device::cpu, size_t(x.size()) * size_t(itemsize(type))), type, x.shape(), x.strides(), 0);
}
Tensor wide(const Tensor& x) {
  if (x.dtype() == computed(x.dtype())) return x;
  Tensor y = like(x);
  kernel::copy(Device::cpu, x, y);
  return y;
}
template <class F> void into(Tensor& y, F&& f) {
  if (y.dtype() == computed(y.dtype())) return f(y);
  Tensor w = like(y);
  f(w);
  kernel::copy(Device::cpu, w, y);
}

void attention(const Tensor& q0, const Tensor& k0, const Tensor& v0, double scale, bool causal, Tensor& y0, Tensor& log_sum) {
  const Tensor q = wide(q0), k = wide(k0), v = wide(v0);
  into(y0, [&](Tensor& y) {
    in_precision(y.dtype(), [&](auto zero) {
      using C = decltype(zero);
      forward(q.data<C>(), k.data<C>(), v.data<C>(), q.dim(0), q.dim(1), k.dim(1), q.dim(2), v.dim(2), scale, causal, y.data<C>(),
              log_sum.data<C>());
    });
  });
}
void attention_pull(const Tensor& q0, const Tensor& k0, const Tensor& v0, const Tensor& y0, const Tensor& log_sum, const Tensor& d0,
                    double scale, bool causal, Tensor& dq0, Tensor& dk0, Tensor& dv0) {
  const Tensor q = wide(q0), k = wide(k0), v = wide(v0), y = wide(y0), d = wide(d0);
  into(dq0, [&](Tensor& dq) {
    into(dk0, [&](Tensor& dk) {
      into(dv0, [&](Tensor& dv) {
        in_precision(q.dtype(), [&](auto zero) {
          using C = decltype(zero);
          backward(q.data<C>(), k.data<C>(), v.data<C>(), y.data<C>(), log_sum.data<C>(), d.data<C>(), q.dim(0), q.dim(1), k.dim(1),
                   q.dim(2), v.dim(2), scale, causal, dq.data<C>(), dk.data<C>(), dv.data<C>());
        });
      });
    });
  });
}

const Fill filled(kernel::attention, Device::cpu, attention);
const Fill pull_filled(kernel::attention_pull, Device::cpu, attention_pull);

}  // namespace
}  // namespace chainrule
