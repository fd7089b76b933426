// Convolution without copying windows out. The part of x that a block of grid points needs is laid out once, with its
// padding, so that tap k of every point lies one fixed offset from the point: a sum over taps then reads whole vectors of
// neighbouring points from x itself. Points of a block are numbered along the laid out rows; between two rows lie a few
// numbers that belong to no point, computed and thrown away.
//
// The adjoint in x is the same with d in x's place: the elements of x that are congruent modulo the stride are a grid of
// step 1 in d, with those taps that reach them.
#pragma once
#include <algorithm>
#include <vector>

#include "core/windows.h"
#include "cpu/buffer.h"
#include "cpu/loops.h"
#include "cpu/simd.h"
#include "cpu/tiles.h"

namespace chainrule::conv {

constexpr int64_t buffer_bytes = 448 << 10;  // of x laid out at a time: it stays in a second-level cache of 1 MB
constexpr int64_t task_work = 1 << 20;       // multiply-adds that are worth a task: some 20 us
constexpr int64_t depth = 256;               // terms in one chain of sums: their kernel stays in a first-level cache
constexpr int64_t slack = 128;               // a tile may read so much beyond its last point

template <class C> const TapTile<C>& tap_tile();
template <> inline const TapTile<float>& tap_tile() { return simd().taps_f32; }
template <> inline const TapTile<double>& tap_tile() { return simd().taps_f64; }
template <class C> const DotTile<C>& dot_tile();
template <> inline const DotTile<float>& dot_tile() { return simd().dots_f32; }
template <> inline const DotTile<double>& dot_tile() { return simd().dots_f64; }

template <class C> const RowTile<C>& row_tile();
template <> inline const RowTile<float>& row_tile() { return simd().row_f32; }
template <> inline const RowTile<double>& row_tile() { return simd().row_f64; }

inline int64_t plane(const Tensor& x) { return x.dim(2) * x.dim(3) * x.dim(4); }
inline int64_t floor_div(int64_t n, int64_t unit) { return n >= 0 ? n / unit : -up(-n, unit); }

// to (N, M, *) from (N, K, *) and what w is in between: element (m, k, tap) lies at m m_step + k k_step + tap.
template <class T> struct Problem {
  const T *from, *w, *b;
  T* to;
  int64_t groups, M, K, m_step, k_step, w_group, from_channels, to_channels, from_plane, to_plane;
  std::array<int64_t, 3> size;               // of the kernel
};

// Tap `index` of the kernel: point i reads laid out element i + shift of residue number `phase`.
struct Tap { int64_t index, phase, shift; };

struct GridAxis {
  int64_t in = 1, points = 1;                // the size of what is read; the number of points
  int64_t step = 1, origin = 0;              // laid out element j of residue r is in[j step + r + origin]
  std::vector<int64_t> residues;             // modulo step, those that a tap reads
  std::vector<Tap> taps;
  int64_t reach = 0;                         // the largest shift
  bool copied = false;                       // x is laid out for each tap anew, and none is shifted
  int64_t out = 1, out_start = 0, out_step = 1;      // point i is element out_start + i out_step of what is written

  void add_tap(int64_t index, int64_t position) {
    if (copied) {
      taps.push_back({index, int64_t(residues.size()), 0});
      residues.push_back(position);
      return;
    }
    const int64_t residue = position % step;
    size_t phase = 0;
    while (phase < residues.size() && residues[phase] != residue) phase++;
    if (phase == residues.size()) residues.push_back(residue);
    taps.push_back({index, int64_t(phase), position / step});
    reach = std::max(reach, position / step);
  }
};

// Images, depth, height, width.
using Grid = std::array<GridAxis, 4>;

inline GridAxis copied(const GridAxis& a) {
  GridAxis g = a;
  g.copied = true;
  g.taps.clear();
  g.residues.clear();
  g.reach = 0;
  for (const Tap& t : a.taps) g.add_tap(t.index, a.residues[size_t(t.phase)] + t.shift * a.step);
  return g;
}
inline GridAxis image_axis(int64_t n) {
  GridAxis g;
  g.in = g.points = g.out = n;
  g.add_tap(0, 0);
  return g;
}
inline GridAxis forward_axis(const WindowAxis& a) {
  GridAxis g;
  g.in = a.in;
  g.points = g.out = a.out;
  g.step = a.stride;
  g.origin = -a.before;
  for (int64_t k = 0; k < a.size; k++) g.add_tap(k, k * a.dilation);
  return g;
}
// x[residue + i stride] is reached by window p through tap k where  p stride = residue + i stride + before - k dilation.
inline GridAxis adjoint_axis(const WindowAxis& a, int64_t residue) {
  GridAxis g;
  g.in = a.out;
  g.points = a.in > residue ? up(a.in - residue, a.stride) : 0;
  g.out = a.in;
  g.out_start = residue;
  g.out_step = a.stride;
  const auto reached = [&](int64_t k) { return residue + a.before - k * a.dilation; };
  for (int64_t k = 0; k < a.size; k++)
    if (reached(k) % a.stride == 0) g.origin = reached(k) / a.stride;        // the last one is the lowest
  for (int64_t k = 0; k < a.size; k++)
    if (reached(k) % a.stride == 0) g.add_tap(k, reached(k) / a.stride - g.origin);
  return g;
}
inline Grid forward_grid(int64_t images, const Windows& w) {
  return {image_axis(images), forward_axis(w.axis[0]), forward_axis(w.axis[1]), forward_axis(w.axis[2])};
}

// A box of grid points, and how x is laid out for it.
struct Block {
  std::array<int64_t, 4> begin, size;        // in points
  std::array<int64_t, 4> wide;               // size with the reach of the taps
  int64_t phase, channel;                    // elements of one residue, of all residues of a channel

  Block(const Grid& g, const std::array<int64_t, 4>& begin, const std::array<int64_t, 4>& most) : begin(begin), phase(1) {
    for (int i = 0; i < 4; i++) {
      size[i] = std::min(most[i], g[i].points - begin[i]);
      wide[i] = size[i] + g[i].reach;
      phase *= wide[i];
    }
    channel = phase;
    for (const GridAxis& a : g) channel *= int64_t(a.residues.size());
  }
  int64_t flat(int64_t n, int64_t d, int64_t h, int64_t w) const {
    return ((n * wide[1] + d) * wide[2] + h) * wide[3] + w;
  }
  int64_t at_residue(const Grid& g, int64_t d, int64_t h, int64_t w) const {
    return ((d * int64_t(g[2].residues.size()) + h) * int64_t(g[3].residues.size()) + w) * phase;
  }
  int64_t points() const { return size[0] * size[1] * size[2] * size[3]; }

  // Where each tap of each channel lies, in the order channel, depth, height, width.
  std::vector<int64_t> offsets(const Grid& g, int64_t channels) const {
    std::vector<int64_t> out;
    for (int64_t c = 0; c < channels; c++)
      for (const Tap& d : g[1].taps)
        for (const Tap& h : g[2].taps)
          for (const Tap& w : g[3].taps)
            out.push_back(c * channel + at_residue(g, d.phase, h.phase, w.phase) + flat(0, d.shift, h.shift, w.shift));
    return out;
  }
};

// The points of a block lie in runs, with few numbers between that belong to none: rows, planes, volumes or the whole
// block, whichever wastes least when a run is rounded up to `unit`.
struct Runs {
  int level = 3;                             // axes that number the runs: 3 for rows
  int64_t length = 0;
  std::vector<int64_t> start;

  Runs(const Block& b, int64_t unit) {
    const auto number = [&](int level) {
      int64_t n = 1;
      for (int i = 0; i < level; i++) n *= b.size[i];
      return n;
    };
    const auto cost = [&](int level) { return number(level) * (up(reach(b, level), unit) * unit + 1); };
    for (int l = 2; l >= 0; l--)
      if (cost(l) < cost(level)) level = l;
    length = reach(b, level);
    for (int64_t n = 0; n < (level > 0 ? b.size[0] : 1); n++)
      for (int64_t d = 0; d < (level > 1 ? b.size[1] : 1); d++)
        for (int64_t h = 0; h < (level > 2 ? b.size[2] : 1); h++) start.push_back(b.flat(n, d, h, 0));
  }
  // Which run row (n, d, h) of the block belongs to.
  int64_t of_row(const Block& b, int64_t n, int64_t d, int64_t h) const {
    return level == 3 ? (n * b.size[1] + d) * b.size[2] + h : level == 2 ? n * b.size[1] + d : level == 1 ? n : 0;
  }

 private:
  static int64_t reach(const Block& b, int level) {
    return b.flat(level > 0 ? 0 : b.size[0] - 1, level > 1 ? 0 : b.size[1] - 1, level > 2 ? 0 : b.size[2] - 1, b.size[3] - 1) + 1;
  }
};

// The grid in equal boxes: halved along its first axes until `enough(box)`.
struct Blocks {
  std::array<int64_t, 4> most, number;
  int64_t count;

  template <class Enough> Blocks(const Grid& g, Enough enough) {
    for (int i = 0; i < 4; i++) most[i] = std::max<int64_t>(1, g[i].points);
    recount(g);
    for (int i = 0; i < 4; i++)
      while (most[i] > 1 && !enough(Block(g, {}, most), count)) {
        most[i] = up(most[i], 2);
        recount(g);
      }
  }
  void recount(const Grid& g) {
    count = 1;
    for (int i = 0; i < 4; i++) count *= number[i] = up(g[i].points, most[i]);
  }
  Block at(const Grid& g, int64_t i) const {
    std::array<int64_t, 4> begin;
    for (int a = 3; a >= 0; a--) {
      begin[a] = i % number[a] * most[a];
      i /= number[a];
    }
    return Block(g, begin, most);
  }
};

// Elements of an axis that are laid out, [low, high), for one residue; element low reads in[from].
struct Inside {
  int64_t low, high, from;
  Inside(const GridAxis& a, int64_t begin, int64_t wide, int64_t residue) {
    const int64_t first = begin * a.step + residue + a.origin;
    low = std::clamp<int64_t>(up(std::max<int64_t>(-first, 0), a.step), 0, wide);
    high = std::clamp<int64_t>(floor_div(a.in - 1 - first, a.step) + 1, low, wide);
    from = first + low * a.step;
  }
  int64_t count() const { return high - low; }
};

template <class T, class C>
void copy_rows(int64_t rows, int64_t n, const T* from, int64_t from_row, int64_t step, C* to, int64_t to_row) {
  if constexpr (std::is_same_v<T, C>) row_tile<C>().copy(rows, n, from, from_row, step, to, to_row);
  else
    for (int64_t i = 0; i < rows; i++, from += from_row, to += to_row)
      for (int64_t j = 0; j < n; j++) to[j] = C(from[j * step]);
}

// What is copied of one channel of one image for a block, from places relative to the channel.
struct Copies {
  struct Piece { int64_t from, to, rows, n; };
  struct Margin { int64_t at, n, rows; };    // n zeros in each of these rows
  std::vector<Piece> pieces;
  std::vector<Margin> margins;
  int64_t from_row, step, to_row, to_image;

  Copies(const Grid& g, const Block& b)
      : from_row(g[2].step * g[3].in), step(g[3].step), to_row(b.wide[3]), to_image(b.wide[1] * b.wide[2] * b.wide[3]) {
    for (size_t i = 0; i < g[1].residues.size(); i++)
      for (size_t j = 0; j < g[2].residues.size(); j++)
        for (size_t k = 0; k < g[3].residues.size(); k++) {
          const Inside d(g[1], b.begin[1], b.wide[1], g[1].residues[i]), h(g[2], b.begin[2], b.wide[2], g[2].residues[j]);
          const Inside w(g[3], b.begin[3], b.wide[3], g[3].residues[k]);
          const bool any = h.count() * w.count() > 0;
          for (int64_t q = 0; q < b.wide[1]; q++) {
            const int64_t to = b.at_residue(g, int64_t(i), int64_t(j), int64_t(k)) + b.flat(0, q, 0, 0);
            if (!any || q < d.low || q >= d.high) {
              add_margin(to, b.wide[2] * to_row, 1);
              continue;
            }
            pieces.push_back({((d.from + (q - d.low) * g[1].step) * g[2].in + h.from) * g[3].in + w.from, to + h.low * to_row + w.low,
                              h.count(), w.count()});
            add_margin(to, h.low * to_row, 1);
            add_margin(to + h.low * to_row, w.low, h.count());
            add_margin(to + h.low * to_row + w.high, to_row - w.high, h.count());
            add_margin(to + h.high * to_row, (b.wide[2] - h.high) * to_row, 1);
          }
        }
  }
  void add_margin(int64_t at, int64_t n, int64_t rows) {
    if (n > 0) margins.push_back({at, n, rows});
  }
  template <class C> void clear(C* out) const {
    for (const Margin& m : margins)
      for (int64_t r = 0; r < m.rows; r++)
        for (C *p = out + m.at + r * to_row, *end = p + m.n; p != end; p++) *p = C(0);
  }
  template <class T, class C> void run(const T* x, C* out) const {
    for (const Piece& p : pieces) copy_rows(p.rows, p.n, x + p.from, from_row, step, out + p.to, to_row);
  }
};

// Channels of x (images, channels, D, H, W), from the one that x points to, as the block needs them.
template <class T, class C>
void lay_out(const Grid& g, const Block& b, const T* x, int64_t channels, int64_t x_channels, C* out) {
  const Copies copies(g, b);
  const int64_t plane = g[1].in * g[2].in * g[3].in;
  for (int64_t c = 0; c < channels; c++)
    for (int64_t n = 0; n < b.wide[0]; n++) {
      C* const to = out + c * b.channel + n * copies.to_image;
      copies.clear(to);
      copies.run(x + ((b.begin[0] + n) * x_channels + c) * plane, to);
    }
  std::fill_n(out + channels * b.channel, slack, C(0));
}

}  // namespace chainrule::conv
