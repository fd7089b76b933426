// Matrix product, in the order of Goto and van de Geijn (2008) with the parts of a and b exchanged: strips of a one after
// another over a panel of b. What lies well is read where it lies: to copy it costs more than it saves.
#include "cpu/gemm.h"

#include <algorithm>

#include "cpu/buffer.h"
#include "cpu/gemv.h"
#include "cpu/loops.h"
#include "cpu/tiles.h"

namespace chainrule {
namespace {

// Measured on Zen 4: 32 KB and 1 MB of cache a core.
constexpr int64_t depth = 384;               // k in a chain: a strip of 14 rows of float is 21 KB
constexpr int64_t unit = 16;                 // parts of k begin on lines where a row of a does, so that none is read twice
constexpr int64_t turn = 8;                  // rows of k that stay near, even 4 KB apart, while strips beside each other are packed
constexpr int64_t length = 1024;             // k at most before the next tile: a strip is 56 KB, a panel 128 KB
constexpr int64_t near = 1 << 19;            // bytes of b that a task goes over, strip after strip
constexpr int64_t breadth = 4096;            // columns of b packed at a time,
constexpr int64_t packed_bytes = 8 << 20;    // and bytes of it
constexpr int64_t task_work = 1 << 17;       // multiply-adds that are worth a task: 1 us

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

// Tasks are groups of strips over groups of panels.
struct Grid {
  int64_t down, across;
  Grid(int64_t strips, int64_t panels, int64_t threads) {
    if (strips >= 8 * threads) {
      down = threads * std::max<int64_t>(4, up(strips, 8 * threads));
      across = 1;
      return;
    }
    int64_t high = std::min<int64_t>(strips, 12), wide = std::min<int64_t>(panels, 8);
    while (up(strips, high) * up(panels, wide) < 8 * threads && high * wide > 1)
      if (wide > 1) wide = up(wide, 2); else high = up(high, 2);
    down = up(strips, high);
    across = up(panels, wide);
  }
};

// Rows that are a multiple of 4 KB apart share few lines of a cache, and drive each other out of it.
template <class T> bool apart(int64_t stride) { return stride * int64_t(sizeof(T)) % 4096 != 0; }

// Where a tile finds its part of an operand: `piece` elements from one part of k to the next.
template <class C> struct Side {
  const C* p;
  int64_t piece, row, step;
};

template <class T, class C> struct Product {
  const Tile<C>& t;
  Matrix<T> a, b;
  C* c;
  int64_t c_row;
  bool add, half;                            // half: tiles below the diagonal are left out
  Cut strips, deep;
  Panels panels;
  bool a_lies, b_lies;
  int64_t strip_size, panel_size;
  const C* plus = nullptr;                   // whole panels of a row that each row of c gets in the end

  Product(const Tile<C>& t, int64_t M, int64_t N, int64_t K, Matrix<T> a, Matrix<T> b, C* c, int64_t c_row, bool add)
      : t(t), a(a), b(b), c(c), c_row(c_row), add(add), half(!add && mirrored(M, N, a, b)), strips(M, t.rows), deep(K, depth, unit),
        panels(N, t.lanes), a_lies(false), b_lies(false), strip_size(strips.part * deep.part + t.lanes),
        panel_size(panels.width * deep.part) {
    if constexpr (std::is_same_v<T, C>) {
      a_lies = (a.column == 1 && apart<T>(a.row)) || (a.row == 1 && apart<T>(a.column));
      b_lies = b.column == 1 && (apart<T>(b.row) || strips.count <= 4);
    }
  }
  bool inside(int64_t j) const { return panels.columns(j) == panels.pitch(j); }
  bool packed(int64_t j) const { return !b_lies || !inside(j); }

  // Strips i0 <= i < i1, the parts p0 <= p < p1 of k of each one behind another. Where rows of k are read, strips that share their
  // lines take turns.
  void pack_a(int64_t i0, int64_t i1, int64_t p0, int64_t p1, int64_t pieces, C* to) const {
    const int64_t together = a.column == 1 ? deep.part : turn;
    for (int64_t p = p0; p < p1; p++)
      for (int64_t k = 0; k < deep.size(p); k += together)
        for (int64_t i = i0; i < i1; i++) {
          const int64_t rows = strips.size(i);
          pack(t, a.p + i * strips.part * a.row + (p * deep.part + k) * a.column, a.row, a.column, rows, rows,
               std::min(together, deep.size(p) - k), to + ((i - i0) * pieces + p - p0) * strip_size + k * rows);
        }
  }
  void pack_b(int64_t j, int64_t p0, int64_t p1, C* to) const {
    for (int64_t p = p0; p < p1; p++, to += panel_size)
      pack_panel(t, Matrix<T>{b.p + p * deep.part * b.row, b.row, b.column}, panels, j, deep.size(p), to);
  }
  Side<C> left(int64_t i, int64_t p, const C* copy) const {
    if constexpr (std::is_same_v<T, C>)
      if (a_lies) return {a.p + i * strips.part * a.row + p * deep.part * a.column, deep.part * a.column, a.row, a.column};
    return {copy, strip_size, 1, strips.size(i)};
  }
  Side<C> right(int64_t j, int64_t p, const C* copy) const {
    if constexpr (std::is_same_v<T, C>)
      if (!packed(j)) return {b.p + p * deep.part * b.row + j * panels.width, deep.part * b.row, 0, b.row};
    return {copy, panel_size, 0, panels.pitch(j)};
  }
  // One tile of c over the pieces p0 <= p < p1 of k; the order of a sum does not depend on how many come at a time.
  void multiply(int64_t i, int64_t j, int64_t p0, int64_t p1, Side<C> x, Side<C> y) const {
    const int64_t rows = strips.size(i), pitch = panels.pitch(j);
    const auto tile = t.in_place[pitch > t.lanes][rows - 1];
    whole_panel(rows, panels.columns(j), pitch, c + i * strips.part * c_row + j * panels.width, c_row, add || p0 > 0,
                [&](C* to, int64_t row, bool sum) {
      for (int64_t p = p0; p < p1; p++, x.p += x.piece, y.p += y.piece, sum = true)
        tile(deep.size(p), x.p, x.row, x.step, y.p, y.step, to, row, sum);
      static constexpr C one = 1;
      if (plus && p1 == deep.count) tile(1, &one, 0, 0, plus + j * panels.width, 0, to, row, true);      // while it is near
    });
  }
  void run() const {
    const Cut blocks(panels.count, b_lies ? panels.count : breadth / panels.width);
    for (int64_t i = 0; i < blocks.count; i++) run(i * blocks.part, i * blocks.part + blocks.size(i));
    if (half) mirror(panels.n, c, c_row);
  }
  // All strips over the panels q0 <= j < q1. Where several tasks need a packed panel, it is packed for all of them first.
  void run(int64_t q0, int64_t q1) const {
    const Grid grid(strips.count, q1 - q0, num_threads());
    const int64_t shared = b_lies || grid.down == 1 ? 0 : (q1 - q0) * panel_size;
    const int64_t most = std::min(up(length, deep.part), shared ? packed_bytes / int64_t(shared * sizeof(C)) : deep.count);
    const int64_t pieces = std::clamp<int64_t>(most, 1, deep.count);
    if (!shared) return run(grid, q0, q1, 0, deep.count, pieces, nullptr);
    const Buffer<C> packed_b(pieces * shared);
    for (int64_t p = 0; p < deep.count; p += pieces) {
      const int64_t now = std::min(deep.count - p, pieces);
      parallel_for(now * (q1 - q0), 1 + task_work / 16 / panel_size, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
          const int64_t j = i / now, part = i % now;
          pack_b(q0 + j, p + part, p + part + 1, packed_b.p + (j * pieces + part) * panel_size);
        }
      });
      run(grid, q0, q1, p, p + now, pieces, packed_b.p);
    }
  }
  void run(Grid grid, int64_t q0, int64_t q1, int64_t p0, int64_t p1, int64_t pieces, const C* shared) const {
    const int64_t count = grid.down * grid.across, n = q1 - q0, panel = pieces * panel_size;
    const int64_t wide = std::clamp<int64_t>(near / int64_t(panel * sizeof(C)), 1, up(n, grid.across));
    const int64_t b_size = shared || (b_lies && inside(q1 - 1)) ? 0 : wide * panel;
    const int64_t a_size = a_lies ? 0 : up(strips.count, grid.down) * pieces * strip_size;
    const int64_t work = strips.n * n * panels.width * std::min(deep.n, (p1 - p0) * deep.part);
    const int64_t least = a_lies || grid.across == 1 ? 1 : up(count, 2 * num_threads());    // or strips are packed again and again
    parallel_for(count, std::max(least, up(task_work * count, work)), [&](int64_t begin, int64_t end) {
      int64_t held = -1;                     // whose strips are packed
      const Buffer<C> own(b_size + a_size);
      C* const own_b = own.p, * const own_a = own_b + b_size;
      for (int64_t task = begin; task < end; task++) {
        const int64_t x = task % grid.down, i0 = x * strips.count / grid.down, i1 = (x + 1) * strips.count / grid.down;
        const int64_t y = task / grid.down, j0 = q0 + y * n / grid.across, j1 = q0 + (y + 1) * n / grid.across;
        for (int64_t p = p0; p < p1; p += pieces) {
          const int64_t p2 = std::min(p1, p + pieces);
          if (!a_lies && held != x) pack_a(i0, i1, p, p2, pieces, own_a);
          held = p == p0 && p2 == p1 ? x : -1;
          for (int64_t j = j0; j < j1; j += wide) {
            const int64_t j2 = std::min(j1, j + wide);
            for (int64_t q = j; q < j2 && !shared; q++)
              if (packed(q)) pack_b(q, p, p2, own_b + (q - j) * panel);
            for (int64_t i = i0; i < i1; i++)
              for (int64_t q = j; q < j2; q++)
                if (!half || (q + 1) * panels.width > i * strips.part)
                  multiply(i, q, p, p2, left(i, p, own_a + (i - i0) * pieces * strip_size),
                           right(q, p, shared ? shared + (q - q0) * panel : own_b + (q - j) * panel));
          }
        }
      }
    });
  }
};

// Pairs of bfloat16 along k as floats: element (k, i) is of m[i across + 2k along] and the next. Read where they lie, or copied.
Matrix<float> in_pairs(const bfloat16* m, int64_t across, int64_t along, int64_t n, int64_t K, Buffer<uint32_t>& copy) {
  if (along == 1 && K % 2 == 0 && across % 2 == 0 && reinterpret_cast<uintptr_t>(m) % alignof(float) == 0)
    return {reinterpret_cast<const float*>(m), 1, across / 2};
  const int64_t pairs = up(K, 2);
  copy = Buffer<uint32_t>(pairs * n);
  parallel_for(pairs, 1 + grain / n, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; k++) {
      const bfloat16* const low = m + 2 * k * along, * const high = 2 * k + 1 < K ? low + along : nullptr;
      uint32_t* const row = copy.p + k * n;
      if (high && across == 1) for (int64_t i = 0; i < n; i++) row[i] = low[i].bits | uint32_t(high[i].bits) << 16;
      else for (int64_t i = 0; i < n; i++) row[i] = low[i * across].bits | (high ? uint32_t(high[i * across].bits) << 16 : 0);
    }
  });
  return {reinterpret_cast<const float*>(copy.p), n, 1};
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
  if constexpr (std::is_same_v<T, bfloat16>)
    if (const Tile<float>* t = pair_tile()) {
      Buffer<uint32_t> a_copy, b_copy;
      const Matrix<float> x = in_pairs(a.p, a.row, a.column, M, K, a_copy), y = in_pairs(b.p, b.column, b.row, N, K, b_copy);
      return Product<float, float>(*t, M, N, up(K, 2), {x.p, x.column, x.row}, y, c, c_row, add).run();
    }
  Product<T, C>(tile<C>(), M, N, K, a, b, c, c_row, add).run();
}

template <class T> void gemm_plus(int64_t M, int64_t N, int64_t K, Matrix<T> a, Matrix<T> b, const T* plus, T* c, int64_t c_row) {
  if (M <= 1 || N <= 1 || K == 0 || mirrored(M, N, a, b)) {
    gemm(M, N, K, a, b, c, c_row);
    for (int64_t i = 0; i < M; i++)
      for (int64_t j = 0; j < N; j++) c[i * c_row + j] += plus[j];
    return;
  }
  Product<T, T> product(tile<T>(), M, N, K, a, b, c, c_row, false);
  const int64_t whole = product.panels.count * product.panels.width;
  const Buffer<T> row(whole);
  std::fill(std::copy_n(plus, N, row.p), row.p + whole, T(0));
  product.plus = row.p;
  product.run();
}

template void gemm_plus(int64_t, int64_t, int64_t, Matrix<float>, Matrix<float>, const float*, float*, int64_t);
template void gemm_plus(int64_t, int64_t, int64_t, Matrix<double>, Matrix<double>, const double*, double*, int64_t);
template void gemm(int64_t, int64_t, int64_t, Matrix<float>, Matrix<float>, float*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<double>, Matrix<double>, double*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<float16>, Matrix<float16>, float*, int64_t, bool);
template void gemm(int64_t, int64_t, int64_t, Matrix<bfloat16>, Matrix<bfloat16>, float*, int64_t, bool);

}  // namespace chainrule
