// Convolution and its adjoint in x, on the grid of conv_grid.h.
#include "core/kernels.h"
#include "cpu/conv_grid.h"
#include "cpu/conv_plain.h"
#include "cpu/conv_rows.h"
#include "cpu/winograd.h"

namespace chainrule {
namespace {

using namespace conv;

constexpr int64_t depth = 512;               // terms in one chain of sums: longer ones lose digits
constexpr int64_t small = 1 << 13;           // multiply-adds up to which the plain loop is quicker
// Which numbers of a tile are points, and where they go.
struct Piece { int64_t at, n, to; };
struct TileOf { int64_t base; size_t first, end; };
struct Tiles {
  std::vector<TileOf> tiles;
  std::vector<Piece> pieces;

  Tiles(const Grid& g, const Block& b, int64_t columns, int64_t image_step) {
    const Runs runs(b, columns);
    for (int64_t start : runs.start)
      for (int64_t q = 0; q < runs.length; q += columns) tiles.push_back({start + q, 0, 0});
    const auto out = [&](int i, int64_t p) { return g[i].out_start + (b.begin[i] + p) * g[i].out_step; };
    for (int64_t n = 0; n < b.size[0]; n++)
      for (int64_t d = 0; d < b.size[1]; d++)
        for (int64_t h = 0; h < b.size[2]; h++) {
          const int64_t to = out(0, n) * image_step + (out(1, d) * g[2].out + out(2, h)) * g[3].out;
          const size_t first = size_t(runs.of_row(b, n, d, h) * up(runs.length, columns));
          add_row(first, b.flat(n, d, h, 0), b.size[3], columns, [&](int64_t w) { return to + out(3, w); });
        }
    for (size_t i = 0; i < tiles.size(); i++) tiles[i].end = i + 1 < tiles.size() ? tiles[i + 1].first : pieces.size();
  }

 private:
  size_t opened = 0;                         // tiles up to this one have their first piece
  template <class To> void add_row(size_t tile, int64_t start, int64_t n, int64_t columns, To to) {
    for (int64_t w = 0; w < n;) {
      while (start + w >= tiles[tile].base + columns) tile++;
      while (opened <= tile) tiles[opened++].first = pieces.size();
      const int64_t at = start + w - tiles[tile].base, m = std::min(n - w, columns - at);
      pieces.push_back({at, m, to(w)});
      w += m;
    }
  }
};

// The kernel as the tile reads it: for each strip of output channels and each tap, `rows` numbers.
template <class T, class C> void pack_kernel(const Problem<T>& p, const Grid& g, int64_t rows, int64_t strips, int64_t terms, C* out) {
  parallel_for(p.groups * strips, 1 + grain / (1 + rows * terms), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const T* w = p.w + i / strips * p.w_group;
      const int64_t first = i % strips * rows, have = std::min(rows, p.M - first);
      C* to = out + i * rows * terms;
      for (int64_t k = 0; k < p.K; k++)
        for (const Tap& d : g[1].taps)
          for (const Tap& h : g[2].taps)
            for (const Tap& v : g[3].taps) {
              const T* q = w + first * p.m_step + k * p.k_step + (d.index * p.size[1] + h.index) * p.size[2] + v.index;
              for (int64_t r = 0; r < rows; r++) to[r] = r < have ? C(q[r * p.m_step]) : C(0);
              to += rows;
            }
    }
  });
}

template <class T, class C>
void store_tile(const C* c, int64_t columns, const Tiles& tiles, const TileOf& tile, const T* bias, int64_t rows, int64_t plane,
                int64_t step, T* to) {
  for (int64_t r = 0; r < rows; r++, c += columns, to += plane) {
    const C b = bias ? C(bias[r]) : C(0);
    for (size_t i = tile.first; i < tile.end; i++) {
      const Piece& piece = tiles.pieces[i];
      const C* q = c + piece.at;
      T* out = to + piece.to;
      if (step == 1) for (int64_t j = 0; j < piece.n; j++) out[j] = T(q[j] + b);
      else for (int64_t j = 0; j < piece.n; j++) out[j * step] = T(q[j] + b);
    }
  }
}

template <class T> void on_grid(const Problem<T>& p, const Grid& g) {
  using C = compute_t<T>;
  const TapTile<C>& tile = tap_tile<C>();
  const int64_t strips = up(p.M, tile.rows), rows = up(p.M, strips), columns = tile.columns[rows - 1];
  const int64_t terms = p.K * int64_t(g[1].taps.size() * g[2].taps.size() * g[3].taps.size());
  const Buffer<C> kernel(p.groups * strips * rows * terms);
  pack_kernel(p, g, rows, strips, terms, kernel.p);

  // No sum is cut by these blocks, so they may look at the number of threads.
  const int64_t threads = num_threads(), wanted = threads > 1 ? 4 * threads : 1;
  const Blocks blocks(g, [&](const Block& b, int64_t count) {
    const int64_t points = b.points();
    if (points <= columns) return true;
    const bool fits = p.K * b.channel * int64_t(sizeof(C)) <= buffer_bytes;
    return fits && (p.groups * count >= wanted || points * p.M * terms <= task_work);
  });
  const int64_t boxes = p.groups * blocks.count, parts = std::clamp<int64_t>(wanted / std::max<int64_t>(boxes, 1), 1, strips);
  const int64_t work = p.M * terms * (1 + Block(g, {}, blocks.most).points());
  parallel_for(boxes * parts, 1 + parts * task_work / std::max<int64_t>(work, 1), [&](int64_t begin, int64_t end) {
    alignas(64) C c[512];
    for (int64_t task = begin; task < end; task++) {
      const int64_t part = task % parts, group = task / parts % p.groups;
      const Block b = blocks.at(g, task / parts / p.groups);
      const Buffer<C> x(p.K * b.channel + slack);
      lay_out(g, b, p.from + group * p.K * p.from_plane, p.K, p.from_channels, x.p);
      const std::vector<int64_t> offset = b.offsets(g, p.K);
      const Tiles tiles(g, b, columns, p.to_channels * p.to_plane);
      for (int64_t s = strips * part / parts; s < strips * (part + 1) / parts; s++) {
        const int64_t m = group * p.M + s * rows;
        const C* a = kernel.p + (group * strips + s) * rows * terms;
        for (const TileOf& t : tiles.tiles) {
          int64_t k = 0;
          do {
            tile.multiply[rows - 1](std::min(depth, terms - k), a + k * rows, x.p + t.base, offset.data() + k, c, columns, k > 0);
          } while ((k += depth) < terms);
          store_tile(c, columns, tiles, t, p.b ? p.b + m : nullptr, std::min(rows, p.M - s * rows), p.to_plane, g[3].out_step,
                     p.to + m * p.to_plane);
        }
      }
    }
  });
}

int64_t plane(const Tensor& x) { return x.dim(2) * x.dim(3) * x.dim(4); }

template <class T> Problem<T> problem(const Tensor& from, const Tensor& w, const Tensor& b, Tensor& to, const Windows& windows) {
  return {from.data<T>(), w.data<T>(), b ? b.data<T>() : nullptr, to.data<T>(), windows.groups, to.dim(1) / windows.groups,
          from.dim(1) / windows.groups, 0, 0, w.size() / windows.groups, from.dim(1), to.dim(1), plane(from), plane(to),
          {w.dim(2), w.dim(3), w.dim(4)}};
}

template <class T> void on_any(const Problem<T>& p, const Grid& g) {
  if (p.M <= few) by_rows(p, g);
  else on_grid(p, g);
}

void convolve(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& z, const Windows& windows) {
  if (z.size() == 0) return;
  if (by_winograd(x, w, windows)) return winograd(x, w, b, z, windows);
  const int64_t taps = plane(w), terms = w.dim(1) * taps;
  each_float(z.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (z.size() <= small / std::max<int64_t>(terms, 1) || far_apart(windows))
      return plain<T>(x, w, b, z, windows, terms, taps, [](auto&&... args) { each_inside(args...); });
    Problem<T> p = problem<T>(x, w, b, z, windows);
    p.m_step = terms;
    p.k_step = taps;
    on_any(p, forward_grid(x.dim(0), windows));
  });
}

void convolve_transposed(const Tensor& z, const Tensor& w, const Tensor& b, Tensor& x, const Windows& windows) {
  if (x.size() == 0) return;
  if (by_winograd(x, w, windows)) return winograd_transposed(z, w, b, x, windows);
  const int64_t taps = plane(w), terms = w.dim(1) * taps;
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if ((z.size() <= small / std::max<int64_t>(terms, 1) && x.size() <= small) || far_apart(windows))
      return plain<T>(z, w, b, x, windows, taps, terms, [](auto&&... args) { each_reading(args...); });
    Problem<T> p = problem<T>(z, w, b, x, windows);
    p.m_step = taps;
    p.k_step = terms;
    const auto& [depth, height, width] = windows.axis;
    for (int64_t d = 0; d < std::min(depth.stride, depth.in); d++)
      for (int64_t h = 0; h < std::min(height.stride, height.in); h++)
        for (int64_t v = 0; v < std::min(width.stride, width.in); v++)
          on_any(p, {image_axis(x.dim(0)), adjoint_axis(depth, d), adjoint_axis(height, h), adjoint_axis(width, v)});
  });
}

const Fill filled[] = {{kernel::conv, Device::cpu, convolve}, {kernel::conv_transpose, Device::cpu, convolve_transposed}};

}  // namespace
}  // namespace chainrule
