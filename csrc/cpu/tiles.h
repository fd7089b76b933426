// Matrices cut into the tiles of simd/table.h: strips of rows of a, panels of columns of b.
#pragma once
#include <algorithm>
#include <type_traits>

#include "cpu/gemm.h"
#include "cpu/simd.h"

namespace chainrule {

template <class C> const Tile<C>& tile();
template <> inline const Tile<float>& tile() { return simd().tile_f32; }
template <> inline const Tile<double>& tile() { return simd().tile_f64; }

inline int64_t up(int64_t n, int64_t unit) { return (n + unit - 1) / unit; }

// A length cut into equal parts of at most `most`, the last one shorter; several parts are multiples of `unit`.
struct Cut {
  int64_t n, part, count;
  Cut(int64_t n, int64_t most, int64_t unit = 1)
      : n(n), part(n <= most ? n : up(up(n, up(n, most)), unit) * unit), count(up(n, part)) {}
  int64_t size(int64_t i) const { return std::min(part, n - i * part); }
};

// Columns of b in panels of two vectors; the rest is a panel of two or one.
struct Panels {
  int64_t n, width, lanes, count;
  Panels(int64_t n, int64_t lanes) : n(n), width(2 * lanes), lanes(lanes), count(up(n, width)) {}
  int64_t columns(int64_t j) const { return std::min(width, n - j * width); }
  int64_t pitch(int64_t j) const { return columns(j) > lanes ? width : lanes; }
};

// make(to, row, add) for a tile of `columns` of c; one that sticks out to the right is made beside c, from what c holds so far.
template <class C, class F>
void whole_panel(int64_t rows, int64_t columns, int64_t pitch, C* c, int64_t c_row, bool add, F&& make) {
  if (columns == pitch) return make(c, c_row, add);
  C edge[14 * 32];
  for (int64_t r = 0; r < rows && add; r++) {
    std::copy_n(c + r * c_row, columns, edge + r * pitch);
    std::fill(edge + r * pitch + columns, edge + (r + 1) * pitch, C(0));
  }
  make(edge, pitch, add);
  for (int64_t r = 0; r < rows; r++) std::copy_n(edge + r * pitch, columns, c + r * c_row);
}

template <class T, class C>
void pack(const Tile<C>& t, const T* from, int64_t across, int64_t along, int64_t n, int64_t pitch, int64_t K, C* to) {
  if constexpr (std::is_same_v<T, C>) return t.pack(from, across, along, n, pitch, K, to);
  else
    for (int64_t k = 0; k < K; k++)
      for (int64_t i = 0; i < n; i++) to[k * pitch + i] = C(from[i * across + k * along]);
}
template <class T, class C>
void pack_panel(const Tile<C>& t, const Matrix<T>& b, const Panels& panels, int64_t j, int64_t K, C* to) {
  const int64_t n = panels.columns(j), pitch = panels.pitch(j);
  if (n < pitch) std::fill_n(to, pitch * K, C(0));
  pack(t, b.p + j * panels.width * b.column, b.column, b.row, n, pitch, K, to);
}

}  // namespace chainrule
