// Convolution with images side by side: x is laid out as (channel, position, image), so that a vector holds one element of
// several images, and a point reads just those taps that lie inside of x. For many images of small planes, whose rows fill no
// vectors and whose borders are much of them.
#pragma once
#include "cpu/conv_grid.h"
#include "cpu/conv_plain.h"
#include "cpu/tiles.h"

namespace chainrule::conv {

constexpr int64_t images_at_once = 32;       // so that x laid out and the sums of a strip stay in a second-level cache
constexpr int64_t plane_bytes = 2 * buffer_bytes / images_at_once;

// Taps of a point along an axis that follow each other: the first of them, where it reads, how many.
struct TapRun { int64_t tap, at, count; };
struct AxisRuns {
  std::vector<std::vector<TapRun>> points;
  int64_t step;                              // from where a tap reads to where the next one does
  double inside;                             // the share of taps that lie inside of x

  template <class Along>
  AxisRuns(const WindowAxis& a, int64_t n, int64_t step, int64_t taps, Along along) : points(size_t(n)), step(step) {
    int64_t reads = 0;
    for (int64_t p = 0; p < n; p++)
      along(a, p, [&](int64_t tap, int64_t at) {
        std::vector<TapRun>& runs = points[size_t(p)];
        if (!runs.empty() && runs.back().tap + runs.back().count == tap) runs.back().count++;
        else runs.push_back({tap, at, 1});
        reads++;
      });
    inside = double(reads) / double(n * taps);
  }
  // The only run of a point whose taps all lie inside of x.
  const TapRun* whole(int64_t p, int64_t taps) const {
    const std::vector<TapRun>& runs = points[size_t(p)];
    return runs.size() == 1 && runs[0].count == taps ? &runs[0] : nullptr;
  }
};

// Rows of a tile, so that channels and vectors of images fill it best: products, and what is loaded for them.
template <class C> int64_t rows_for(int64_t M, int64_t vectors) {
  const TapTile<C>& t = tap_tile<C>();
  int64_t best = 1;
  double least = 1e300;
  for (int64_t r = 1; r <= t.rows; r++) {
    const int64_t wide = t.columns[r - 1] / t.lanes, whole = vectors / wide, rest = vectors % wide;
    const auto cost = [&](int64_t v) { return double(r * v) + 0.4 * double(r + v); };
    const double all = double(up(M, r)) * (double(whole) * cost(wide) + double(rest) * cost(1));
    if (all <= least) least = all, best = r;
  }
  return best;
}

template <class T> struct ImageProblem {
  using C = compute_t<T>;
  const Problem<T>& p;
  std::array<int64_t, 3> from, to, size;     // planes that are read and written, and the kernel's
  std::array<AxisRuns, 3> axes;
  int64_t images, wide, rows, strips, taps, terms;
  std::vector<int64_t> offset;               // of tap and channel, from the first of them
  Buffer<C> kernel, first;

  ImageProblem(const Problem<T>& p, const Tensor& x, const Tensor& y, const std::array<AxisRuns, 3>& axes)
      : p(p), from{x.dim(2), x.dim(3), x.dim(4)}, to{y.dim(2), y.dim(3), y.dim(4)}, size(p.size), axes(axes), images(x.dim(0)),
        taps(size[0] * size[1] * size[2]), terms(taps * p.K) {
    const TapTile<C>& tile = tap_tile<C>();
    wide = std::min(images_at_once, up(images, tile.lanes) * tile.lanes);
    rows = rows_for<C>(p.M, wide / tile.lanes);
    strips = up(p.M, rows);
  }
  // Against rows of points with all their taps, of which those outside of x are zeros.
  bool pays() const {
    const double used = double(images) / double(up(images, wide) * wide);
    return axes[0].inside * axes[1].inside * axes[2].inside < 0.85 * used;
  }
  void find_offsets() {
    for (int64_t t = 0; t < taps; t++)
      for (int64_t k = 0; k < p.K; k++)
        offset.push_back(wide * (k * p.from_plane + place(t / size[2] / size[1] * axes[0].step, t / size[2] % size[1] * axes[1].step,
                                                          t % size[2] * axes[2].step)));
  }
  int64_t place(int64_t d, int64_t h, int64_t w) const { return (d * from[1] + h) * from[2] + w; }

  // For each strip of output channels, each tap and each channel: `rows` numbers; and what sums begin with.
  void pack() {
    kernel = Buffer<C>(p.groups * strips * rows * terms);
    first = Buffer<C>(p.groups * strips * rows);
    parallel_for(p.groups * strips, 1 + grain / (1 + rows * terms), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t group = i / strips, m = i % strips * rows, have = std::min(rows, p.M - m);
        const T* w = p.w + group * p.w_group + m * p.m_step;
        C* to = kernel.p + i * rows * terms;
        for (int64_t t = 0; t < taps; t++)
          for (int64_t k = 0; k < p.K; k++, to += rows)
            for (int64_t r = 0; r < rows; r++) to[r] = r < have ? C(w[r * p.m_step + k * p.k_step + t]) : C(0);
        for (int64_t r = 0; r < rows; r++) first.p[i * rows + r] = p.b && r < have ? C(p.b[group * p.M + m + r]) : C(0);
      }
    });
  }

  // A strip at one point: sums of all its taps into `rows` rows of c.
  void point(int64_t d, int64_t h, int64_t w, const C* a, const C* begin, const C* x, C* c, int64_t c_row) const {
    const TapTile<C>& tile = tap_tile<C>();
    for (int64_t v = 0; v < wide;) {
      const bool narrow = wide - v < tile.columns[rows - 1];
      const auto multiply = narrow ? tile.narrow[rows - 1] : tile.multiply[rows - 1];
      const C* start = begin;
      const auto add = [&](int64_t tap, int64_t at, int64_t n) {
        for (int64_t k = 0; k < n; k += depth, start = nullptr)
          multiply(std::min(depth, n - k), a + (tap * p.K + k) * rows, x + at * wide + v, offset.data() + k, start, c + v, c_row);
      };
      const TapRun *wd = axes[0].whole(d, size[0]), *wh = axes[1].whole(h, size[1]), *ww = axes[2].whole(w, size[2]);
      if (wd && wh && ww) add(0, place(wd->at, wh->at, ww->at), terms);
      else
        for (const TapRun& rd : axes[0].points[size_t(d)])
          for (int64_t i = 0; i < rd.count; i++)
            for (const TapRun& rh : axes[1].points[size_t(h)])
              for (int64_t j = 0; j < rh.count; j++)
                for (const TapRun& rw : axes[2].points[size_t(w)])
                  add(((rd.tap + i) * size[1] + rh.tap + j) * size[2] + rw.tap,
                      place(rd.at + i * axes[0].step, rh.at + j * axes[1].step, rw.at), rw.count * p.K);
      if (start) multiply(0, a, x, nullptr, start, c + v, c_row);
      v += narrow ? tile.lanes : tile.columns[rows - 1];
    }
  }

  void run() {
    find_offsets();
    pack();
    const int64_t blocks = up(images, wide), wanted = 4 * num_threads(), boxes = p.groups * blocks;
    const int64_t parts = std::clamp<int64_t>(wanted / boxes, 1, strips), read = p.K * p.from_plane;
    parallel_for(boxes * parts, 1, [&](int64_t begin, int64_t end) {
      const Buffer<C> x(read * wide + slack), sums(rows * p.to_plane * wide + slack);
      for (int64_t task = begin; task < end; task++) {
        const int64_t part = task % parts, group = task / parts % p.groups, image = task / parts / p.groups * wide;
        const int64_t n = std::min(wide, images - image);
        side_by_side(p.from + (image * p.from_channels + group * p.K) * p.from_plane, n, read, x.p);
        for (int64_t s = strips * part / parts; s < strips * (part + 1) / parts; s++) {
          const int64_t i = group * strips + s;
          C* c = sums.p;
          for (int64_t d = 0; d < to[0]; d++)
            for (int64_t h = 0; h < to[1]; h++)
              for (int64_t w = 0; w < to[2]; w++, c += wide)
                point(d, h, w, kernel.p + i * rows * terms, first.p + i * rows, x.p, c, p.to_plane * wide);
          apart(sums.p, n, std::min(rows, p.M - s * rows) * p.to_plane,
                p.to + (image * p.to_channels + group * p.M + s * rows) * p.to_plane);
        }
      }
    });
  }
  void side_by_side(const T* x, int64_t n, int64_t elements, C* out) const {
    if (n < wide) std::fill_n(out, elements * wide, C(0));
    chainrule::pack(tile<C>(), x, p.from_channels * p.from_plane, 1, n, wide, elements, out);
  }
  void apart(const C* sums, int64_t n, int64_t elements, T* out) const {
    const int64_t step = p.to_channels * p.to_plane, lanes = tap_tile<C>().lanes, whole = elements / lanes * lanes;
    if constexpr (std::is_same_v<T, C>)
      if (whole > 0) tile<C>().pack(sums, wide, 1, whole, step, n, out);
    for (int64_t i = 0; i < n; i++)
      for (int64_t e = std::is_same_v<T, C> ? whole : 0; e < elements; e++) out[i * step + e] = T(sums[e * wide + i]);
  }
};

// Whether that is the way to go, and was gone; axis(i) are the runs of an axis.
template <class T, class Axis> bool by_images(const Problem<T>& p, const Tensor& x, const Tensor& y, Axis axis) {
  using C = compute_t<T>;
  const TapTile<C>& tile = tap_tile<C>();
  if (x.dim(0) < tile.lanes || std::max(p.K * p.from_plane, tile.rows * p.to_plane) * int64_t(sizeof(C)) > plane_bytes) return false;
  ImageProblem<T> all(p, x, y, {axis(0), axis(1), axis(2)});
  if (!all.pays()) return false;
  all.run();
  return true;
}

}  // namespace chainrule::conv
