// Packed matrix product, in the order of Goto and van de Geijn (2008), with the parts of a and b exchanged: strips of a
// pass one after another through the first-level cache, over a block of b that stays in the second-level cache.
#include "cpu/gemm.h"

#include <algorithm>

#include "core/device.h"
#include "cpu/gemv.h"
#include "cpu/loops.h"
#include "cpu/tiles.h"

namespace chainrule {
namespace {

// For 2 MB of second-level cache a core and 48 KB of first-level; measured on Granite Rapids.
constexpr int64_t depth = 384;               // k at a time: a strip of 14 rows of float is 21 KB
constexpr int64_t block_bytes = 3 << 18;     // of b that a task goes over
constexpr int64_t in_place_work = 1 << 20;   // multiply-adds up to which packing costs more than it saves
constexpr int64_t height = 2048, breadth = 4096;   // of a and b packed at a time: 3 and 6 MB of float
constexpr int64_t task_work = 1 << 22;       // multiply-adds that are worth a task: some 40 us

// Operands are read where they lie, but for a last panel of b that would stick out.
template <class C>
void small(const Tile<C>& t, int64_t M, int64_t N, int64_t K, Matrix<C> a, Matrix<C> b, C* c, int64_t c_row, bool add) {
  const Cut strips(M, t.rows);
  const Panels panels(N, t.lanes);
  const int64_t last = panels.count - 1, pitch = panels.pitch(last);
  Ref<Storage> scratch;
  if (panels.columns(last) < pitch) {
    scratch = allocate(Device::cpu, size_t(pitch * K) * sizeof(C));
    pack_panel(t, b, panels, last, K, static_cast<C*>(scratch->data));
  }
  parallel_for(strips.count, 1 + task_work / 2 / (strips.part * N * K), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++)
      for (int64_t j = 0; j < panels.count; j++) {
        const bool packed = j == last && scratch;
        const int64_t rows = strips.size(i), wide = panels.pitch(j);
        one_tile<C>(t.in_place[wide > t.lanes][rows - 1], rows, panels.columns(j), wide, K, a.p + i * strips.part * a.row, a.row,
                    a.column, packed ? static_cast<C*>(scratch->data) : b.p + j * panels.width, packed ? wide : b.row,
                    c + i * strips.part * c_row + j * panels.width, c_row, add);
      }
  });
}

// a is bᵀ, the same elements seen the other way: c is symmetric.
template <class T> bool mirrored(int64_t M, int64_t N, const Matrix<T>& a, const Matrix<T>& b) {
  return M == N && a.p == b.p && a.row == b.column && a.column == b.row;
}

// The lower triangle of c from the upper one, in squares that stay near.
template <class C> void mirror(int64_t N, C* c, int64_t c_row) {
  constexpr int64_t side = 64;
  parallel_for(up(N, side), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i0 = begin * side; i0 < std::min(N, end * side); i0 += side)
      for (int64_t j0 = 0; j0 <= i0; j0 += side)
        for (int64_t i = i0; i < std::min(N, i0 + side); i++)
          for (int64_t j = j0; j < std::min(i, j0 + side); j++) c[i * c_row + j] = c[j * c_row + i];
  });
}

template <class T, class C>
void blocked(const Tile<C>& t, int64_t M, int64_t N, int64_t K, Matrix<T> a, Matrix<T> b, C* c, int64_t c_row, bool add) {
  const bool half = !add && mirrored(M, N, a, b);              // tiles below the diagonal are left out
  const Cut rows(M, height), columns(N, breadth), deep(K, depth);
  const Cut strips(rows.part, t.rows);
  const int64_t strip_size = strips.part * deep.part + t.lanes, width = 2 * t.lanes, panel_size = width * deep.part;
  const int64_t sizes = strips.count * strip_size + up(columns.part, width) * panel_size;
  const Ref<Storage> scratch = allocate(Device::cpu, size_t(sizes) * sizeof(C));
  C* const packed_b = static_cast<C*>(scratch->data);          // aligned, as the storage is
  C* const packed_a = packed_b + up(columns.part, width) * panel_size;

  for (int64_t n0 = 0; n0 < N; n0 += columns.part)
    for (int64_t k0 = 0; k0 < K; k0 += deep.part)
      for (int64_t m0 = 0; m0 < M; m0 += rows.part) {
        const int64_t m = std::min(M - m0, rows.part), n = std::min(N - n0, columns.part), k = std::min(K - k0, deep.part);
        const Cut strips(m, t.rows);
        const Panels panels(n, t.lanes);
        const Matrix<T> left{a.p + m0 * a.row + k0 * a.column, a.row, a.column};
        const Matrix<T> right{b.p + k0 * b.row + n0 * b.column, b.row, b.column};
        const bool sum = add || k0 > 0;
        const int64_t new_panels = m0 == 0 ? panels.count : 0;
        parallel_for(strips.count + new_panels, 1 + task_work / 64 / (k * width), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; i++)
            if (i < new_panels) pack_panel(t, right, panels, i, k, packed_b + i * panel_size);
            else if (const int64_t s = i - new_panels; true)
              pack(t, left.p + s * strips.part * left.row, left.row, left.column, strips.size(s), strips.size(s), k,
                   packed_a + s * strip_size);
        });
        // A task is a group of strips over a block of panels; blocks come one after another, smaller when there are few.
        int64_t wide = Cut(panels.count, std::max<int64_t>(1, block_bytes / int64_t(sizeof(C)) / (k * width))).part, high = 12;
        const int64_t enough = 4 * num_threads(), tile_work = strips.part * width * k;
        while (up(strips.count, high) * up(panels.count, wide) < enough && high * wide * tile_work > task_work)
          if (high > 2) high = up(high, 2); else wide = up(wide, 2);
        const int64_t down = up(strips.count, high), tasks = down * up(panels.count, wide);
        parallel_for(tasks, 1 + task_work / (high * wide * tile_work), [&](int64_t begin, int64_t end) {
          for (int64_t task = begin; task < end; task++) {
            const int64_t i0 = task % down * high, j0 = task / down * wide;
            for (int64_t i = i0; i < std::min(i0 + high, strips.count); i++)
              for (int64_t j = j0; j < std::min(j0 + wide, panels.count); j++) {
                if (half && n0 + (j + 1) * width <= m0 + i * strips.part) continue;
                one_tile<C>(t.packed[panels.pitch(j) > t.lanes][strips.size(i) - 1], strips.size(i), panels.columns(j),
                            panels.pitch(j), k, packed_a + i * strip_size, 1, 0, packed_b + j * panel_size, panels.pitch(j),
                            c + (m0 + i * strips.part) * c_row + n0 + j * width, c_row, sum);
              }
          }
        });
      }
  if (half) mirror(N, c, c_row);
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
  if (N == 1) return gemv(M, K, a, b.p, b.row, c, c_row, add);
  if (M == 1) return gemv(N, K, Matrix<T>{b.p, b.column, b.row}, a.p, a.column, c, 1, add);
  const Tile<C>& t = tile<C>();
  if constexpr (std::is_same_v<T, C>)
    if (b.column == 1 && M * N * K <= in_place_work) return small(t, M, N, K, a, b, c, c_row, add);
  blocked(t, M, N, K, a, b, c, c_row, add);
}

template void gemm(int64_t, int64_t, int64_t, Matrix<float>, Matrix<float>, float*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<double>, Matrix<double>, double*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<float16>, Matrix<float16>, float*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<bfloat16>, Matrix<bfloat16>, float*, int64_t, bool);

}  // namespace chainrule
