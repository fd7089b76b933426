// Attention in tiles of keys by queries that stay in the second-level cache: Dao et al. (2022), FlashAttention.
// A tile of scores has a row a key and a column a query: what softmax needs of a query are sums down a column, so that all
// queries of a vector are treated alike, and keys and values are read where they lie.
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/kernels.h"
#include "cpu/buffer.h"
#include "cpu/loops.h"
#include "cpu/tiles.h"

namespace chainrule {
namespace {

// Tiles for 32 KB of first-level and 1 MB of second-level cache: scores of 128 keys by a panel of queries are 16 KB.
constexpr int64_t most_keys = 128, most_panels = 4, enough_tasks = 32, most_groups = 8;

// ---- between the products; scores are logarithms to base 2 here, and the vector forms are in simd/attention.inc
constexpr double log2_e = 1.44269504088896340736, log_2 = 0.693147180559945309417;

bool soften(int64_t, int64_t keys, float* s, int64_t ahead, float* m, float* l, float* less) {
  return simd().soften(keys, s, ahead, m, l, less);
}
bool soften(int64_t width, int64_t keys, double* s, int64_t ahead, double* m, double* l, double* less) {
  bool moved = false;
  for (int64_t c = 0; c < width; c++) {
    const int64_t seen = std::clamp<int64_t>(c + ahead + 1, 0, keys);
    double top = m[c], sum = 0;
    for (int64_t r = 0; r < seen; r++) top = s[r * width + c] > top ? s[r * width + c] : top;
    const double shift = top == -INFINITY ? 0 : top;
    for (int64_t r = 0; r < seen; r++) sum += s[r * width + c] = std::exp2(s[r * width + c] - shift);
    for (int64_t r = seen; r < keys; r++) s[r * width + c] = 0;
    moved |= top != m[c];
    less[c] = std::exp2(m[c] - shift);
    l[c] = l[c] * less[c] + sum;
    m[c] = top;
  }
  return moved;
}
void soft_slope(int64_t, int64_t keys, int64_t all, float* s, float* d, int64_t row, int64_t ahead, const float* log_sum,
                const float* mean) {
  simd().soft_slope(keys, all, s, d, row, ahead, log_sum, mean);
}
void soft_slope(int64_t width, int64_t keys, int64_t all, double* s, double* d, int64_t row, int64_t ahead, const double* log_sum,
                const double* mean) {
  for (int64_t r = 0; r < all; r++, s += row, d += row)
    for (int64_t c = 0; c < width; c++) {
      const bool seen = r < keys && r <= c + ahead;
      s[c] = seen ? std::exp2(s[c] - log_sum[c]) : 0;
      d[c] = seen ? s[c] * (d[c] - mean[c]) : 0;
    }
}
void times(int64_t n, const float* x, float factor, float* y) { simd().times(n, x, factor, y); }
void times(int64_t n, const double* x, double factor, double* y) {
  for (int64_t i = 0; i < n; i++) y[i] = factor * x[i];
}
void log(const float* x, float* y, int64_t n) { simd().log(x, y, n); }
void log(const double* x, double* y, int64_t n) { for (int64_t i = 0; i < n; i++) y[i] = std::log(x[i]); }
float dot(const float* x, const float* y, int64_t n) { return simd().vectors_f32.dot(x, y, n); }
double dot(const double* x, const double* y, int64_t n) { return simd().vectors_f64.dot(x, y, n); }

// c (M, N) = or += a (M, K) b (K, N), b in panels that lie `panel` apart with rows `b_row` apart: parts of a row-major
// matrix with whole panels (panel = 32, b_row = its pitch), or packed ones.
template <class C>
void product(const Tile<C>& t, int64_t M, int64_t N, int64_t K, Matrix<C> a, const C* b, int64_t panel, int64_t b_row, C* c, int64_t c_row,
             bool add) {
  if (M == 0) return;
  const Cut strips(M, t.rows);
  for (int64_t j = 0; j < N; j += 2 * t.lanes) {
    const bool two = N - j > t.lanes;
    const C* from = b + j / (2 * t.lanes) * panel;
    for (int64_t i = 0; i < M; i += strips.part)
      t.in_place[two][std::min(strips.part, M - i) - 1](K, a.p + i * a.row, a.row, a.column, from, b_row, c + i * c_row + j, c_row, add);
  }
}

// The heads of q, k, v or y (heads, T, m), or (batch, heads, T, m) with rows that lie apart.
template <class C> struct Heads {
  C* p;
  int64_t heads, batch, head, row;           // the steps from one to the next
  explicit Heads(const Tensor& x)
      : p(x.data<C>()), heads(std::max<int64_t>(1, x.dim(-3))), batch(x.ndim() == 4 ? x.stride(0) : 0), head(x.strides()[-3]),
        row(x.strides()[-2]) {}
  C* at(int64_t h, int64_t i) const { return p + h / heads * batch + h % heads * head + i * row; }
};

// Row-major copies of `rows` rows with lines of `pitch`, a whole number of vectors; what is beyond is 0.
template <class C> void lay_rows(const C* from, int64_t from_row, int64_t n, int64_t rows, C* to, int64_t pitch) {
  for (int64_t i = 0; i < rows; i++) {
    std::copy_n(from + i * from_row, n, to + i * pitch);
    std::fill(to + i * pitch + n, to + (i + 1) * pitch, C(0));
  }
}
// xᵀ (n, S) of x (S, n) in panels of two vectors of columns.
template <class C> void lay_panels(const Tile<C>& t, const C* x, int64_t x_row, int64_t n, int64_t S, C* to) {
  const int64_t width = 2 * t.lanes;
  for (int64_t j = 0; j < S; j += width, to += width * n) {
    const int64_t columns = std::min(width, S - j);
    if (columns < width) std::fill_n(to, width * n, C(0));
    t.pack(x + j * x_row, x_row, 1, columns, width, n, to);
  }
}
// Products c of rows of a with the panel b; where only the later half of the panel sees a row (column c sees rows up to
// c + ahead), only with that.
template <class C>
void scores(const Tile<C>& t, int64_t rows, int64_t ahead, int64_t K, const C* a, int64_t a_row, const C* b, C* c, int64_t c_row) {
  const int64_t width = 2 * t.lanes, both = std::clamp<int64_t>(ahead + t.lanes, 0, rows);
  product<C>(t, both, width, K, {a, a_row, 1}, b, 0, width, c, c_row, false);
  product<C>(t, rows - both, t.lanes, K, {a + both * a_row, a_row, 1}, b + t.lanes, 0, width, c + both * c_row + t.lanes, c_row, false);
}

// Query number `query` sees the keys below keys(query); a panel of queries from `query` on sees key r after `key` in its
// column c if r <= c + ahead(query, key).
struct Sight {
  bool causal;
  int64_t S;
  int64_t keys(int64_t query) const { return causal ? std::min(S, query + 1) : S; }
  int64_t ahead(int64_t query, int64_t key) const { return causal ? query - key : S; }
};

// Memory cut into pieces that begin on lines of the cache.
template <class C> struct Scratch {
  static constexpr int64_t line = 64 / sizeof(C);
  Buffer<C> all;
  C* next = all.p;
  explicit Scratch(int64_t n) : all(n + 16 * line) {}
  C* take(int64_t n) { return std::exchange(next, next + up(n, line) * line); }     // up to 16 times
};

// The queries of a head, in blocks of panels: fewer in a block where heads are few.
struct Blocks {
  int64_t width, rows, count;
  Blocks(int64_t heads, int64_t T, int64_t width) : width(width) {
    const int64_t panels = up(T, width);
    const Cut cut(panels, std::clamp<int64_t>(heads * panels / enough_tasks, 1, most_panels));
    rows = cut.part * width;
    count = cut.count;
  }
};

template <class C>
void forward(Heads<C> q, Heads<C> k, Heads<C> v, int64_t heads, int64_t T, int64_t S, int64_t m, int64_t n, double scale, bool causal,
             Heads<C> y, C* log_sum) {
  const Tile<C>& t = tile<C>();
  const int64_t width = 2 * t.lanes, pitch = up(n, t.lanes) * t.lanes;
  if (heads == 0 || T == 0) return;
  if (S == 0) {
    for (int64_t i = 0; i < heads * T; i++) std::fill_n(y.at(i / T, i % T), n, C(0));
    std::fill_n(log_sum, heads * T, C(0));
    return;
  }
  const Blocks blocks(heads, T, width);
  const Sight sight{causal, S};
  Scratch<C> shared(pitch == n ? 0 : heads * S * pitch);
  C* const values = pitch == n ? nullptr : shared.take(heads * S * pitch);
  if (values) parallel_for(heads, 1 + grain / (1 + S * n), [&](int64_t begin, int64_t end) {
    for (int64_t h = begin; h < end; h++) lay_rows(v.at(h, 0), v.row, n, S, values + h * S * pitch, pitch);
  });
  parallel_for(heads * blocks.count, 1, [&](int64_t begin, int64_t end) {
    Scratch<C> own(blocks.rows * (m + pitch + 2) + (most_keys + 2) * width);
    C* const qs = own.take(blocks.rows * m + width), * const s = own.take(most_keys * width), * const rest = own.take(blocks.rows * pitch);
    C* const top = own.take(blocks.rows), * const l = own.take(blocks.rows), * const less = own.take(width);
    for (int64_t task = begin; task < end; task++) {
      const int64_t h = task / blocks.count, i0 = (blocks.count - 1 - task % blocks.count) * blocks.rows;   // the longest first
      const int64_t rows = std::min(blocks.rows, T - i0);
      const C *kh = k.at(h, 0), *vh = values ? values + h * S * pitch : v.at(h, 0);
      C* const yh = y.at(h, i0), * const sum = values ? rest : yh;
      const int64_t v_row = values ? pitch : v.row, sum_row = values ? pitch : y.row;
      lay_panels(t, q.at(h, i0), q.row, m, rows, qs);
      times(up(rows, width) * width * m, qs, C(scale * log2_e), qs);
      std::fill_n(top, blocks.rows, C(-INFINITY));
      std::fill_n(l, blocks.rows, C(0));
      for (int64_t j0 = 0; j0 < sight.keys(i0 + rows - 1); j0 += most_keys)
        for (int64_t i = 0; i < rows; i += width) {
          const int64_t high = std::min(width, rows - i), wide = std::min(most_keys, sight.keys(i0 + i + high - 1) - j0);
          if (wide <= 0) continue;
          const int64_t ahead = sight.ahead(i0 + i, j0);
          scores(t, wide, ahead, m, kh + j0 * k.row, k.row, qs + i * m, s, width);
          if (soften(width, wide, s, ahead, top + i, l + i, less) && j0 > 0)
            for (int64_t c = 0; c < high; c++) times(pitch, sum + (i + c) * sum_row, less[c], sum + (i + c) * sum_row);
          const Cut strips(high, ahead >= wide ? high : t.rows);             // on the diagonal fewer keys for earlier queries
          for (int64_t c = 0; c < high; c += strips.part) {
            const int64_t some = std::min(strips.part, high - c), deep = std::clamp<int64_t>(c + some + ahead, 0, wide);
            product<C>(t, some, pitch, deep, {s + c, 1, width}, vh + j0 * v_row, width, v_row, sum + (i + c) * sum_row, sum_row, j0 > 0);
          }
        }
      for (int64_t i = 0; i < rows; i++) times(n, sum + i * sum_row, l[i] == 0 ? C(0) : 1 / l[i], yh + i * y.row);
      C* const lh = log_sum + h * T + i0;
      log(l, lh, rows);
      for (int64_t i = 0; i < rows; i++) lh[i] = l[i] == 0 ? C(0) : lh[i] + C(log_2) * top[i];
    }
  });
}

// For a block of keys after another, over the queries that see it: weights p and slopes of scores ds, made again, then
// dv += pᵀ d, dk += dsᵀ q and dq += ds k. Where heads are few their keys are shared out among groups, whose parts of dq are
// added up in order.
template <class C>
void backward(Heads<C> q, Heads<C> k, Heads<C> v, Heads<C> y, const C* log_sum, Heads<C> d, int64_t heads, int64_t T, int64_t S, int64_t m,
              int64_t n, double scale, bool causal, Heads<C> dq, Heads<C> dk, Heads<C> dv) {
  const Tile<C>& t = tile<C>();
  const int64_t width = 2 * t.lanes, panels = up(T, width), pm = up(m, t.lanes) * t.lanes, pn = up(n, t.lanes) * t.lanes;
  const int64_t high = std::min(most_panels, panels) * width, row = high + t.lanes, tiles = up(S, most_keys);
  if (heads == 0) return;
  const int64_t groups = std::clamp<int64_t>(std::min(enough_tasks / heads, tiles), 1, most_groups);
  const Sight sight{causal, S};
  const bool in_place = groups == 1 && m == pm;
  Scratch<C> shared(in_place ? 0 : heads * groups * T * pm);
  C* const sums = in_place ? nullptr : shared.take(heads * groups * T * pm);
  const int64_t sum_row = in_place ? dq.row : pm;
  parallel_for(heads * groups, 1, [&](int64_t begin, int64_t end) {
    Scratch<C> own(panels * width * (m + n + 2) + (S + most_keys + T) * pm + (most_keys + T) * pn + 2 * most_keys * row + 2 * width);
    C* const qt = own.take(panels * width * m + width), * const dt = own.take(panels * width * n + width);
    C* const k_rows = m == pm ? nullptr : own.take(S * pm), * const q_rows = m == pm ? nullptr : own.take(T * pm);
    C* const d_rows = n == pn ? nullptr : own.take(T * pn);
    C* const sum_k = own.take(most_keys * pm), * const sum_v = own.take(most_keys * pn);
    C* const mean = own.take(panels * width), * const ls = own.take(panels * width);
    C* const s = own.take(most_keys * row), * const ds = own.take(most_keys * row);
    for (int64_t task = begin; task < end; task++) {
      const int64_t h = task / groups, group = task % groups;
      const C *qh = q.at(h, 0), *kh = k.at(h, 0), *vh = v.at(h, 0), *dh = d.at(h, 0), *yh = y.at(h, 0);
      lay_panels(t, qh, q.row, m, T, qt);
      times(panels * width * m, qt, C(scale * log2_e), qt);
      lay_panels(t, dh, d.row, n, T, dt);
      if (m != pm) lay_rows(kh, k.row, m, S, k_rows, pm), lay_rows(qh, q.row, m, T, q_rows, pm);
      if (n != pn) lay_rows(dh, d.row, n, T, d_rows, pn);
      const C *kr = k_rows ? k_rows : kh, *qr = q_rows ? q_rows : qh, *dr = d_rows ? d_rows : dh;
      const int64_t k_row = k_rows ? pm : k.row, q_row = q_rows ? pm : q.row, d_row = d_rows ? pn : d.row;
      for (int64_t i = 0; i < panels * width; i++) {
        mean[i] = i < T ? dot(dh + i * d.row, yh + i * y.row, n) : C(0);
        ls[i] = i < T ? C(log2_e) * log_sum[h * T + i] : C(0);
      }
      C* const sum_q = sums ? sums + task * T * pm : dq.at(h, 0);
      for (int64_t i = 0; i < T; i++) std::fill_n(sum_q + i * sum_row, pm, C(0));
      for (int64_t round = 0; round * groups < tiles; round++) {           // there and back: where causal, later tiles are less work
        const int64_t j0 = (round * groups + (round % 2 ? groups - 1 - group : group)) * most_keys, wide = std::min(most_keys, S - j0);
        if (wide <= 0) continue;
        std::fill_n(sum_k, wide * pm, C(0));
        std::fill_n(sum_v, wide * pn, C(0));
        for (int64_t i0 = causal ? j0 / high * high : 0; i0 < T; i0 += high) {
          const int64_t rows = std::min(high, T - i0), near = std::min(wide, sight.keys(i0 + rows - 1) - j0);
          for (int64_t i = 0; i < rows; i += width) {
            const int64_t seen = std::clamp<int64_t>(sight.keys(i0 + i + width - 1) - j0, 0, wide);
            const int64_t ahead = sight.ahead(i0 + i, j0);
            scores(t, seen, ahead, m, kh + j0 * k.row, k.row, qt + (i0 + i) * m, s + i, row);
            scores(t, seen, ahead, n, vh + j0 * v.row, v.row, dt + (i0 + i) * n, ds + i, row);
            soft_slope(width, seen, near, s + i, ds + i, row, ahead, ls + i0 + i, mean + i0 + i);
          }
          // On the diagonal later keys have fewer queries, earlier queries fewer keys.
          const int64_t ahead = sight.ahead(i0, j0);
          const Cut key_strips(near, ahead >= near ? near : t.rows), query_strips(rows, ahead >= near ? rows : t.rows);
          for (int64_t j = 0; j < near; j += key_strips.part) {
            const int64_t first = std::max<int64_t>(0, ahead >= near ? 0 : j - ahead), i = i0 + first, at = j * row + first;
            const int64_t some = std::min(key_strips.part, near - j), deep = rows - first;
            product<C>(t, some, pn, deep, {s + at, row, 1}, dr + i * d_row, width, d_row, sum_v + j * pn, pn, true);
            product<C>(t, some, pm, deep, {ds + at, row, 1}, qr + i * q_row, width, q_row, sum_k + j * pm, pm, true);
          }
          for (int64_t i = 0; i < rows; i += query_strips.part) {
            const int64_t some = std::min(query_strips.part, rows - i), deep = std::clamp<int64_t>(i + some + ahead, 0, near);
            product<C>(t, some, pm, deep, {ds + i, 1, row}, kr + j0 * k_row, width, k_row, sum_q + (i0 + i) * sum_row, sum_row, true);
          }
        }
        for (int64_t j = 0; j < wide; j++) {
          times(m, sum_k + j * pm, C(scale), dk.at(h, j0 + j));
          std::copy_n(sum_v + j * pn, n, dv.at(h, j0 + j));
        }
      }
    }
  });
  parallel_for(heads * T, 1 + grain / (groups * m), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      C *const to = dq.at(i / T, i % T), *const part = sums ? sums + (i / T * groups * T + i % T) * pm : to;
      for (int64_t g = 1; g < groups; g++)
        for (int64_t j = 0; j < m; j++) part[j] += part[g * T * pm + j];
      times(m, part, C(scale), to);
    }
  });
}

// ---- any floating type: narrow ones are computed in float32
template <class F> void in_precision(DType t, F&& f) { t == DType::float64 ? f(double()) : f(float()); }
int64_t heads_of(const Tensor& x) { return x.ndim() == 4 ? x.dim(0) * x.dim(1) : x.dim(0); }
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
      forward<C>(Heads<C>(q), Heads<C>(k), Heads<C>(v), heads_of(q), q.dim(-2), k.dim(-2), q.dim(-1), v.dim(-1), scale, causal,
                 Heads<C>(y), log_sum.data<C>());
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
          backward<C>(Heads<C>(q), Heads<C>(k), Heads<C>(v), Heads<C>(y), log_sum.data<C>(), Heads<C>(d), heads_of(q), q.dim(-2),
                      k.dim(-2), q.dim(-1), v.dim(-1), scale, causal, Heads<C>(dq), Heads<C>(dk), Heads<C>(dv));
        });
      });
    });
  });
}

const Fill filled(kernel::attention, Device::cpu, attention);
const Fill pull_filled(kernel::attention_pull, Device::cpu, attention_pull);

}  // namespace
}  // namespace chainrule
