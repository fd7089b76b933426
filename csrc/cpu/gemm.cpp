// Packed matrix product, in the order of Goto and van de Geijn (2008): panels of a and b are copied so that the tile of
// simd/tile.inc reads them one after another; a block of a stays in the second-level cache, a panel of b in the first.
#include "cpu/gemm.h"

#include <algorithm>

#include "core/device.h"
#include "cpu/loops.h"
#include "cpu/simd.h"

namespace chainrule {
namespace {

// For 1 MB of second-level cache a core and 48 KB of first-level.
constexpr int64_t depth = 256;               // k at a time: a panel of 32 columns of float is 32 KB
constexpr int64_t height = 2048, breadth = 4096;   // of a and b packed at a time: 2 and 4 MB of float
constexpr int64_t block_rows = 168, block_columns = 256;      // of c in one task: the rows of a are 172 KB
constexpr int64_t task_work = 1 << 22;       // multiply-adds that are worth a task: some 40 us

template <class C> const Tile<C>& tile();
template <> const Tile<float>& tile() { return simd().tile_f32; }
template <> const Tile<double>& tile() { return simd().tile_f64; }

// `width` neighbours for each k, one after another; missing ones are zero. a is packed by rows, b by columns.
template <class T, class C>
void pack(const T* p, int64_t across, int64_t along, int64_t have, int64_t width, int64_t K, C* out) {
  if (have < width) std::fill_n(out, width * K, C(0));
  if (across == 1)
    for (int64_t k = 0; k < K; k++, p += along, out += width)
      for (int64_t i = 0; i < have; i++) out[i] = C(p[i]);
  else if (along == 1)                       // rows of four at a time, so that few streams are read
    for (int64_t i = 0; i < have; i += 4) {
      const int64_t m = std::min<int64_t>(4, have - i);
      const T* from = p + i * across;
      C* to = out + i;
      if (m == 4)
        for (int64_t k = 0; k < K; k++, to += width) {
          const T* q = from + k;
          to[0] = C(q[0]); to[1] = C(q[across]); to[2] = C(q[2 * across]); to[3] = C(q[3 * across]);
        }
      else
        for (int64_t k = 0; k < K; k++, to += width)
          for (int64_t r = 0; r < m; r++) to[r] = C(from[r * across + k]);
    }
  else
    for (int64_t k = 0; k < K; k++, p += along, out += width)
      for (int64_t i = 0; i < have; i++) out[i] = C(p[i * across]);
}

int64_t up(int64_t n, int64_t unit) { return (n + unit - 1) / unit; }

// One tile of c, which may stick out: then it is made beside c and only what is inside is kept.
template <class C>
void one_tile(const Tile<C>& t, int64_t K, const C* a, const C* b, C* c, int64_t c_row, int64_t rows, int64_t columns, bool add) {
  if (rows >= t.rows && columns >= t.columns) return t.multiply(K, a, b, c, c_row, add);
  C edge[16 * 64];
  t.multiply(K, a, b, edge, t.columns, false);
  for (int64_t i = 0; i < std::min<int64_t>(rows, t.rows); i++)
    for (int64_t j = 0; j < std::min<int64_t>(columns, t.columns); j++)
      c[i * c_row + j] = edge[i * t.columns + j] + (add ? c[i * c_row + j] : C(0));
}

// y = A v with A (n, K): rows as dot products in lanes, or whole columns added up.
template <class T>
void times_vector(int64_t n, int64_t K, Matrix<T> a, const T* v, int64_t v_step, compute_t<T>* y, int64_t y_step, bool add) {
  using C = compute_t<T>;
  constexpr int64_t lanes = 16, width = 256;
  if (a.column == 1 && v_step == 1) {
    parallel_for(n, 1 + task_work / 64 / (K + 1), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const T* row = a.p + i * a.row;
        C lane[lanes] = {}, sum = 0;
        int64_t k = 0;
        for (; k + lanes <= K; k += lanes)
          for (int64_t l = 0; l < lanes; l++) lane[l] += C(row[k + l]) * C(v[k + l]);
        for (; k < K; k++) sum += C(row[k]) * C(v[k]);
        for (C l : lane) sum += l;
        y[i * y_step] = sum + (add ? y[i * y_step] : C(0));
      }
    });
    return;
  }
  parallel_for(up(n, width), 1 + task_work / 64 / (K * width + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i * width, m = std::min(width, n - first);
      C sum[width] = {};
      for (int64_t k = 0; k < K; k++) {
        const T* column = a.p + first * a.row + k * a.column;
        const C factor = C(v[k * v_step]);
        if (a.row == 1) for (int64_t j = 0; j < m; j++) sum[j] += C(column[j]) * factor;
        else for (int64_t j = 0; j < m; j++) sum[j] += C(column[j * a.row]) * factor;
      }
      for (int64_t j = 0; j < m; j++) { C& out = y[(first + j) * y_step]; out = sum[j] + (add ? out : C(0)); }
    }
  });
}

}  // namespace

template <class T>
void gemm(int64_t M, int64_t N, int64_t K, Matrix<T> a, Matrix<T> b, compute_t<T>* c, int64_t c_row, bool add) {
  using C = compute_t<T>;
  if (M == 0 || N == 0) return;
  if (K == 0) {
    for (int64_t i = 0; i < M && !add; i++) std::fill_n(c + i * c_row, N, C(0));
    return;
  }
  if (N == 1) return times_vector(M, K, a, b.p, b.row, c, c_row, add);
  if (M == 1) return times_vector(N, K, Matrix<T>{b.p, b.column, b.row}, a.p, a.column, c, 1, add);

  const Tile<C>& t = tile<C>();
  const int64_t rows = t.rows, columns = t.columns;
  const int64_t strips_m = up(std::min(M, height), rows), strips_n = up(std::min(N, breadth), columns), deep = std::min(K, depth);
  const Ref<Storage> scratch = allocate(Device::cpu, size_t((strips_m * rows + strips_n * columns) * deep) * sizeof(C));
  C* const packed_a = static_cast<C*>(scratch->data);
  C* const packed_b = packed_a + strips_m * rows * deep;

  for (int64_t n0 = 0; n0 < N; n0 += strips_n * columns) {
    const int64_t n = std::min(N - n0, strips_n * columns), panels = up(n, columns);
    for (int64_t k0 = 0; k0 < K; k0 += deep) {
      const int64_t k = std::min(K - k0, deep);
      const bool sum = add || k0 > 0;
      for (int64_t m0 = 0; m0 < M; m0 += strips_m * rows) {
        const int64_t m = std::min(M - m0, strips_m * rows), strips = up(m, rows), new_panels = m0 == 0 ? panels : 0;
        parallel_for(strips + new_panels, 1 + task_work / 32 / (k * columns), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; i++) {
            if (i < strips)
              pack(a.p + (m0 + i * rows) * a.row + k0 * a.column, a.row, a.column, std::min(rows, m - i * rows), rows, k,
                   packed_a + i * rows * k);
            else if (const int64_t j = i - strips; true)
              pack(b.p + (n0 + j * columns) * b.column + k0 * b.row, b.column, b.row, std::min(columns, n - j * columns), columns,
                   k, packed_b + j * columns * k);
          }
        });
        // A task is a block of c of whole tiles, smaller when there are few.
        int64_t high = std::min(strips, block_rows / rows), wide = std::min(panels, block_columns / columns);
        const int64_t enough = 2 * num_threads(), tile_work = rows * columns * k;
        while (up(strips, high) * up(panels, wide) < enough && high * wide * tile_work > task_work)
          (high > wide ? high : wide) = up(std::max(high, wide), 2);
        const int64_t across = up(panels, wide);
        parallel_for(up(strips, high) * across, 1 + task_work / (high * wide * tile_work), [&](int64_t begin, int64_t end) {
          for (int64_t task = begin; task < end; task++) {
            const int64_t i0 = task / across * high, j0 = task % across * wide;
            for (int64_t j = j0; j < std::min(j0 + wide, panels); j++)
              for (int64_t i = i0; i < std::min(i0 + high, strips); i++)
                one_tile(t, k, packed_a + i * rows * k, packed_b + j * columns * k, c + (m0 + i * rows) * c_row + n0 + j * columns,
                         c_row, m - i * rows, n - j * columns, sum);
          }
        });
      }
    }
  }
}

template void gemm(int64_t, int64_t, int64_t, Matrix<float>, Matrix<float>, float*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<double>, Matrix<double>, double*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<float16>, Matrix<float16>, float*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<bfloat16>, Matrix<bfloat16>, float*, int64_t, bool);

}  // namespace chainrule
