// Convolution and its adjoint in x, on the grid of conv_grid.h.
#include "core/kernels.h"
#include "cpu/conv_grid.h"
#include "cpu/conv_images.h"
#include "cpu/conv_plain.h"
#include "cpu/conv_planes.h"
#include "cpu/conv_rows.h"
#include "cpu/tiles.h"
#include "cpu/winograd.h"

namespace chainrule {
namespace {

using namespace conv;

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
          const int64_t to = out(0, n) * image_step + (out(1, d) * g[2].out + out(2, h)) * g[3].out + out(3, 0);
          const size_t first = size_t(runs.of_row(b, n, d, h) * up(runs.length, columns));
          add_row(first, b.flat(n, d, h, 0), b.size[3], columns, to, g[3].out_step);
        }
    for (size_t i = 0; i < tiles.size(); i++) tiles[i].end = i + 1 < tiles.size() ? tiles[i + 1].first : pieces.size();
  }
  // Columns of the tile up to its last point.
  int64_t extent(const TileOf& t) const { return t.first == t.end ? 0 : pieces[t.end - 1].at + pieces[t.end - 1].n; }

 private:
  size_t opened = 0;                         // tiles up to this one have their first piece
  void add_row(size_t tile, int64_t start, int64_t n, int64_t columns, int64_t to, int64_t step) {
    for (int64_t w = 0; w < n;) {
      while (start + w >= tiles[tile].base + columns) tile++;
      while (opened <= tile) tiles[opened++].first = pieces.size();
      const int64_t at = start + w - tiles[tile].base, m = std::min(n - w, columns - at);
      if (pieces.size() > tiles[tile].first && follows(pieces.back(), at, to + w * step, step)) pieces.back().n += m;
      else pieces.push_back({at, m, to + w * step});
      w += m;
    }
  }
  static bool follows(const Piece& p, int64_t at, int64_t to, int64_t step) { return at == p.at + p.n && to == p.to + p.n * step; }
};

// Strips of output channels: about as many rows as a tile has, and as few beyond the last channel as can be.
struct Strips {
  int64_t rows, count;
  Strips(int64_t M, int64_t most) : rows(std::min(M, most)), count(up(M, rows)) {
    for (int64_t r = rows; 2 * r >= std::min(M, most); r--)
      if (up(M, r) * r < count * rows) rows = r, count = up(M, r);
  }
};

// The kernel as the tile reads it: for each strip of output channels and each tap, `rows` numbers; strips are `pitch` apart.
template <class T, class C>
void pack_kernel(const Problem<T>& p, const Grid& g, const Strips& strips, int64_t terms, int64_t pitch, C* out) {
  const int64_t rows = strips.rows, size = p.size[0] * p.size[1] * p.size[2];
  const bool in_order = p.k_step == size && terms == p.K * size;         // all taps of the forward grid, as they lie
  parallel_for(p.groups * strips.count, 1 + grain / (1 + rows * terms), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i % strips.count * rows, have = std::min(rows, p.M - first);
      const T* w = p.w + i / strips.count * p.w_group + first * p.m_step;
      C* to = out + i * pitch;
      if (have < rows) std::fill_n(to, rows * terms, C(0));
      if (in_order) pack(tile<C>(), w, p.m_step, 1, have, rows, terms, to);
      else if (size == 1 && terms == p.K) pack(tile<C>(), w, p.m_step, p.k_step, have, rows, p.K, to);
      else
        for (int64_t k = 0; k < p.K; k++)
          for (const Tap& d : g[1].taps)
            for (const Tap& h : g[2].taps)
              for (const Tap& v : g[3].taps) {
                const T* q = w + k * p.k_step + (d.index * p.size[1] + h.index) * p.size[2] + v.index;
                for (int64_t r = 0; r < have; r++) to[r] = C(q[r * p.m_step]);
                to += rows;
              }
    }
  });
}

template <class T, class C>
void store_tile(const C* c, int64_t columns, const Tiles& tiles, const TileOf& tile, bool add, int64_t rows, int64_t plane, int64_t step,
                T* to) {
  for (int64_t r = 0; r < rows; r++, c += columns, to += plane)
    for (size_t i = tile.first; i < tile.end; i++) {
      const Piece& piece = tiles.pieces[i];
      const C* q = c + piece.at;
      T* out = to + piece.to;
      if (add) for (int64_t j = 0; j < piece.n; j++) out[j * step] = T(out[j * step] + q[j]);
      else if (step == 1) for (int64_t j = 0; j < piece.n; j++) out[j] = T(q[j]);
      else for (int64_t j = 0; j < piece.n; j++) out[j * step] = T(q[j]);
    }
}

// One strip and tile: `rows` channels, of which there are `have`. Written where it belongs if that is one piece.
template <class T, class C>
void one_tile(const TapTile<C>& tile, int64_t rows, int64_t have, int64_t terms, const C* a, const C* x, const int64_t* offset,
              const C* first, const Tiles& tiles, const TileOf& t, int64_t plane, int64_t step, T* to) {
  alignas(64) C aside[512];
  const int64_t columns = tile.columns[rows - 1], extent = tiles.extent(t);
  C* c = aside;
  int64_t c_row = columns;
  if constexpr (std::is_same_v<T, C>)
    if (step == 1 && rows == have && t.end == t.first + 1 && tiles.pieces[t.first].n == columns) {
      c = to + tiles.pieces[t.first].to;
      c_row = plane;
    }
  static constexpr C nothing[16] = {};
  const bool there = c != aside;             // sums go on in the result; aside they begin at zero and are added to it
  const auto multiply = extent <= tile.lanes ? tile.narrow[rows - 1] : tile.multiply[rows - 1];
  int64_t k = 0;
  do {
    const C* start = k > 0 ? nullptr : first || there ? first : nothing;
    multiply(std::min(depth, terms - k), a + k * rows, x + t.base, offset + k, start, c, c_row);
  } while ((k += depth) < terms);
  if (!there) store_tile(aside, columns, tiles, t, !first, have, plane, step, to);
}

// A grid with its kernel as the tile reads it, and how many channels of x are laid out at a time: sums go on in the result,
// if it can hold them.
template <class T> struct Pass {
  using C = compute_t<T>;
  Grid g;
  int64_t taps, terms, pitch, at_once;
  Buffer<C> kernel;
  Pass(const Problem<T>& p, const Grid& g, const Strips& strips)
      : g(g), taps(int64_t(g[1].taps.size() * g[2].taps.size() * g[3].taps.size())), terms(p.K * taps),
        pitch(strips.rows * terms + tap_tile<C>().lanes),
        at_once(std::is_same_v<T, C> ? Cut(p.K, std::max<int64_t>(1, depth / std::max<int64_t>(1, taps))).part : p.K),
        kernel(p.groups * strips.count * pitch) {
    pack_kernel(p, g, strips, terms, pitch, kernel.p);
  }
  bool fits(const Block& b) const { return at_once * Block(g, {}, b.size).channel * int64_t(sizeof(C)) <= buffer_bytes; }

  // Strips s0 <= s < s1 of the points of a block.
  void run(const Problem<T>& p, const Block& b, const Strips& strips, int64_t s0, int64_t s1, int64_t group, const C* first) const {
    const TapTile<C>& tile = tap_tile<C>();
    const int64_t rows = strips.rows;
    const Buffer<C> x(at_once * b.channel + slack);
    const std::vector<int64_t> offset = b.offsets(g, at_once);
    const Tiles tiles(g, b, tile.columns[rows - 1], p.to_channels * p.to_plane);
    int64_t k = 0;
    do {
      const int64_t n = std::min(at_once, p.K - k);
      lay_out(g, b, p.from + (group * p.K + k) * p.from_plane, n, p.from_channels, x.p);
      for (int64_t s = s0; s < s1; s++)
        for (const TileOf& t : tiles.tiles)
          one_tile(tile, rows, std::min(rows, p.M - s * rows), n * taps,
                   kernel.p + (group * strips.count + s) * pitch + k * taps * rows, x.p, offset.data(),
                   k > 0 ? nullptr : first + (group * strips.count + s) * rows, tiles, t, p.to_plane, g[3].out_step,
                   p.to + (group * p.M + s * rows) * p.to_plane);
    } while ((k += at_once) < p.K);
  }
};

// Grids that share out the result; the first has the most points. A block goes through all of them while its part of the
// result is near.
template <class T> void on_grids(const Problem<T>& p, const std::vector<Grid>& grids) {
  using C = compute_t<T>;
  const TapTile<C>& tile = tap_tile<C>();
  const Strips strips(p.M, tile.rows);
  const int64_t rows = strips.rows, columns = tile.columns[rows - 1];
  std::vector<Pass<T>> passes;
  int64_t terms = 0;
  for (const Grid& g : grids) terms += passes.emplace_back(p, g, strips).terms;
  const Buffer<C> first(p.groups * strips.count * rows);
  for (int64_t i = 0; i < p.groups * strips.count * rows; i++) {
    const int64_t group = i / (strips.count * rows), m = i % (strips.count * rows);
    first.p[i] = p.b && m < p.M ? C(p.b[group * p.M + m]) : C(0);
  }

  // No sum is cut by these blocks, so they may look at the number of threads.
  const int64_t threads = num_threads(), wanted = threads > 1 ? 4 * threads : 1;
  const Blocks blocks(grids[0], [&](const Block& b, int64_t count) {
    const int64_t points = b.points();
    if (points <= columns) return true;
    const bool fits = std::all_of(passes.begin(), passes.end(), [&](const Pass<T>& pass) { return pass.fits(b); });
    return fits && (p.groups * count >= wanted || points * p.M * terms <= task_work);
  });
  const int64_t boxes = p.groups * blocks.count, parts = std::clamp<int64_t>(wanted / std::max<int64_t>(boxes, 1), 1, strips.count);
  const int64_t work = p.M * terms * (1 + Block(grids[0], {}, blocks.most).points());
  parallel_for(boxes * parts, 1 + parts * task_work / std::max<int64_t>(work, 1), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t part = task % parts, group = task / parts % p.groups;
      for (const Pass<T>& pass : passes) {
        const Block b = blocks.at(pass.g, task / parts / p.groups);
        if (*std::min_element(b.size.begin(), b.size.end()) > 0)
          pass.run(p, b, strips, strips.count * part / parts, strips.count * (part + 1) / parts, group, first.p);
      }
    }
  });
}

template <class T> Problem<T> problem(const Tensor& from, const Tensor& w, const Tensor& b, Tensor& to, const Windows& windows) {
  return {from.data<T>(), w.data<T>(), b ? b.data<T>() : nullptr, to.data<T>(), windows.groups, to.dim(1) / windows.groups,
          from.dim(1) / windows.groups, 0, 0, w.size() / windows.groups, from.dim(1), to.dim(1), plane(from), plane(to),
          {w.dim(2), w.dim(3), w.dim(4)}};
}

// A copy of x for each tap of a row leaves no numbers between the rows of points, and whole tiles are written in place.
// Taps below each other and channels out pay for a copy, of 5 products each; a tile beside its place costs about 3 terms.
template <class T> bool worth_copying(const Problem<T>& p, const Grid& g) {
  const double between = double(g[3].reach) / double(g[3].points + g[3].reach);
  const double terms = double(p.K) * double(g[1].taps.size() * g[2].taps.size() * g[3].taps.size());
  return 5.0 / double(p.M * int64_t(g[1].taps.size() * g[2].taps.size())) < between + 3.0 / terms;
}

template <class T> void on_any(const Problem<T>& p, std::vector<Grid> grids) {
  for (Grid& g : grids)
    if (p.M <= few) by_rows(p, g);
    else if (worth_copying(p, g)) g[3] = copied(g[3]);
  if (p.M > few) on_grids(p, grids);
}

void convolve(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& z, const Windows& windows) {
  if (z.size() == 0) return;
  if (by_winograd(x, w, windows)) return winograd(x, w, b, z, windows);
  const int64_t taps = plane(w), terms = w.dim(1) * taps;
  each_float(z.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (z.size() <= small / std::max<int64_t>(terms, 1) || far_apart(windows))
      return plain<T>(x, w, b, z, windows, terms, taps, [](auto&&... args) { each_inside(args...); });
    if constexpr (std::is_same_v<T, compute_t<T>>)
      if (in_planes(w, windows) && plane_tile<T>().conv) return by_planes<T>(x, w, b, z, windows, false);
    Problem<T> p = problem<T>(x, w, b, z, windows);
    p.m_step = terms;
    p.k_step = taps;
    const auto runs = [&](int i) {
      const WindowAxis& a = windows.axis[i];
      return AxisRuns(a, a.out, a.dilation, a.size, [](auto&&... args) { each_inside(args...); });
    };
    if (!by_images(p, x, z, runs)) on_any(p, {forward_grid(x.dim(0), windows)});
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
    if constexpr (std::is_same_v<T, compute_t<T>>)
      if (in_planes(w, windows) && w.dim(0) == windows.groups && plane_tile<T>().conv) return by_planes<T>(z, w, b, x, windows, true);
    Problem<T> p = problem<T>(z, w, b, x, windows);
    p.m_step = taps;
    p.k_step = terms;
    const auto runs = [&](int i) {
      const WindowAxis& a = windows.axis[i];
      return AxisRuns(a, a.in, -(a.dilation / a.stride), up(a.size, a.stride), [](auto&&... args) { each_reading(args...); });
    };
    if (by_images(p, z, x, runs)) return;
    const auto& [depth, height, width] = windows.axis;
    std::vector<Grid> grids;                 // one for each place in a step of the windows
    for (int64_t d = 0; d < std::min(depth.stride, depth.in); d++)
      for (int64_t h = 0; h < std::min(height.stride, height.in); h++)
        for (int64_t v = 0; v < std::min(width.stride, width.in); v++)
          grids.push_back({image_axis(x.dim(0)), adjoint_axis(depth, d), adjoint_axis(height, h), adjoint_axis(width, v)});
    on_any(p, std::move(grids));
  });
}

const Fill filled[] = {{kernel::conv, Device::cpu, convolve}, {kernel::conv_transpose, Device::cpu, convolve_transposed}};

}  // namespace
}  // namespace chainrule
