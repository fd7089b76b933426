// The adjoint of convolution in its kernel, on the grid of conv_grid.h: sums over positions, in one of four ways.
#include "core/kernels.h"
#include "cpu/conv_grid.h"
#include "cpu/conv_plain.h"
#include "cpu/conv_planes.h"
#include "cpu/conv_rows.h"
#include "cpu/gemm.h"
#include "cpu/tiles.h"
#include "cpu/winograd.h"

namespace chainrule {
namespace {

using namespace conv;

constexpr int64_t positions = 2048;          // in a sum of dots, spread over the lanes of a vector
constexpr int64_t terms_in_product = 512;    // positions in a product: longer chains lose digits
constexpr int64_t channels_out = 64;         // of z laid out at a time: 512 KB of float
constexpr int64_t pieces = 16;               // tasks into which a problem is cut, by its size alone
constexpr int64_t most_partial = 1 << 22;    // elements of partial sums
constexpr int64_t small = 1 << 13;           // multiply-adds up to which the plain loop is quicker

// w from partial sums of it.
template <class T> void add_parts(const compute_t<T>* partial, int64_t parts, Tensor& w) {
  parallel_for(w.size(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      compute_t<T> sum = 0;
      for (int64_t p = 0; p < parts; p++) sum += partial[p * w.size() + i];
      w.data<T>()[i] = T(sum);
    }
  });
}

// ---- few channels: dot products along rows, both operands read as they are laid out

// Channels of z as x is laid out, run after run, zero between the points: a sum runs over whole vectors of both.
template <class T, class C>
void lay_out_points(const Grid& g, const Block& b, const Runs& runs, int64_t length, const T* z, int64_t channels, int64_t z_channels,
                    C* out) {
  const int64_t plane = g[1].out * g[2].out * g[3].out, channel = int64_t(runs.start.size()) * length;
  std::fill_n(out, channels * channel, C(0));
  for (int64_t o = 0; o < channels; o++, out += channel)
    for (int64_t n = 0; n < b.size[0]; n++)
      for (int64_t d = 0; d < b.size[1]; d++)
        for (int64_t h = 0; h < b.size[2]; h++) {
          const T* from = z + ((b.begin[0] + n) * z_channels + o) * plane +
                          ((b.begin[1] + d) * g[2].out + b.begin[2] + h) * g[3].out + b.begin[3];
          const int64_t run = runs.of_row(b, n, d, h);
          copy_rows(1, b.size[3], from, 0, 1, out + run * length + b.flat(n, d, h, 0) - runs.start[size_t(run)], 0);
        }
}

// sum[row][term] += Σ z x over a block, in tiles of equal size.
template <class C>
void dot_block(int64_t rows, int64_t terms, const Runs& runs, int64_t length, const C* z, const C* x, const int64_t* offset, C* sum,
               int64_t sum_row) {
  const DotTile<C>& t = dot_tile<C>();
  const int64_t row_tiles = up(rows, t.rows), tap_tiles = up(terms, t.taps), count = int64_t(runs.start.size());
  for (int64_t j = 0; j < tap_tiles; j++)                   // a few rows of x stay in the first-level cache
    for (int64_t i = 0; i < row_tiles; i++) {
      const int64_t r = rows * i / row_tiles, r_end = rows * (i + 1) / row_tiles;
      const int64_t k = terms * j / tap_tiles, k_end = terms * (j + 1) / tap_tiles;
      t.dot[r_end - r - 1][k_end - k - 1](count, length, z + r * count * length, count * length, x, runs.start.data(), offset + k,
                                          sum + r * sum_row + k, sum_row);
    }
}

template <class T> void by_dots(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  using C = compute_t<T>;
  const Grid g = forward_grid(x.dim(0), windows);
  const int64_t lanes = dot_tile<C>().lanes, groups = windows.groups, O = w.dim(0) / groups, K = w.dim(1);
  const int64_t taps = w.size() / w.dim(0) / K, terms = K * taps;
  const int64_t x_plane = plane(x), z_plane = plane(z);
  const Blocks blocks(g, [&](const Block& b, int64_t) { return b.phase <= positions; });

  // Tasks: groups, ranges of rows, and parts of the blocks, whose sums are added up in order at the end.
  const int64_t ranges = up(O, channels_out);
  const int64_t most = std::min(pieces / (groups * ranges), most_partial / w.size());
  const int64_t parts = std::clamp<int64_t>(most, 1, std::max<int64_t>(blocks.count, 1));
  const Buffer<C> partial(parts * w.size());
  std::fill_n(partial.p, parts * w.size(), C(0));
  const int64_t work = terms * O / ranges * (1 + blocks.count / parts) * Block(g, {}, blocks.most).points();
  parallel_for(groups * ranges * parts, 1 + task_work / std::max<int64_t>(work, 1), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t part = task % parts, range = task / parts % ranges, group = task / parts / ranges;
      const int64_t first = O * range / ranges, rows = O * (range + 1) / ranges - first, o = group * O + first;
      for (int64_t i = blocks.count * part / parts; i < blocks.count * (part + 1) / parts; i++) {
        const Block b = blocks.at(g, i);
        const Runs runs(b, lanes);
        const int64_t length = up(runs.length, lanes) * lanes;
        const Buffer<C> points(rows * int64_t(runs.start.size()) * length);
        lay_out_points(g, b, runs, length, z.data<T>() + o * z_plane, rows, z.dim(1), points.p);
        const int64_t at_once = std::clamp<int64_t>(buffer_bytes / int64_t(sizeof(C)) / b.channel, 1, K);
        const Buffer<C> laid(at_once * b.channel + slack);
        const std::vector<int64_t> offset = b.offsets(g, at_once);
        for (int64_t c = 0; c < K; c += at_once) {
          const int64_t n = std::min(at_once, K - c);
          lay_out(g, b, x.data<T>() + (group * K + c) * x_plane, n, x.dim(1), laid.p);
          dot_block(rows, n * taps, runs, length, points.p, laid.p, offset.data(),
                    partial.p + part * w.size() + o * terms + c * taps, terms);
        }
      }
    }
  });
  add_parts<T>(partial.p, parts, w);
}

// ---- pairs of channels: dot products of planes, row by row

// Lanes of sums over the bands of images, and their totals: what is added to one of them stays few.
template <class C> struct Dots {
  const RowTile<C>& tile = row_tile<C>();
  int64_t count, added = 0;
  Buffer<C> lanes, totals;
  explicit Dots(int64_t count) : count(count), lanes(count * tile.lanes), totals(count) {
    std::fill_n(lanes.p, count * tile.lanes, C(0));
    std::fill_n(totals.p, count, C(0));
  }
  void flush() {
    add_lanes(lanes.p, count, tile.lanes, totals.p);
    added = 0;
  }
  // d has rows of n points, x what is laid out for them; `first` is the sum of the first tap
  void add(const Columns& taps, int64_t rows, int64_t n, const C* d, int64_t d_row, const C* x, int64_t x_row, int64_t first) {
    tile.dot(rows, int64_t(taps.columns.size()), taps.columns.data(), d, d_row, x, x_row, n, lanes.p + first * tile.lanes);
  }
};

template <class T> void by_rows(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  using C = compute_t<T>;
  const Grid g = forward_grid(x.dim(0), windows);
  const int64_t groups = windows.groups, O = w.dim(0) / groups, K = w.dim(1), taps = w.size() / w.dim(0) / K, terms = K * taps;
  const int64_t x_plane = plane(x), z_plane = plane(z), lanes = row_tile<C>().lanes;
  const std::array<int64_t, 3> size{w.dim(2), w.dim(3), w.dim(4)};
  const Blocks blocks = bands_of<C>(g, K);
  const int64_t images = blocks.number[0];
  const std::vector<Columns::KernelTap> order = Columns(g, Block(g, {}, blocks.most), size, K).taps;

  const int64_t parts = std::clamp<int64_t>(std::min(pieces / groups, most_partial / w.size()), 1, std::max<int64_t>(blocks.count, 1));
  const Buffer<C> partial(parts * w.size());
  const int64_t work = O * terms * (1 + blocks.count / parts) * Block(g, {}, blocks.most).points();
  parallel_for(groups * parts, 1 + task_work / std::max<int64_t>(work, 1), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t part = task % parts, group = task / parts;
      std::optional<RowBlock<C>> band;
      Buffer<C> aside;
      Dots<C> dots(O * terms);
      for (int64_t i = blocks.count * part / parts; i < blocks.count * (part + 1) / parts; i++) {
        const int64_t image = i % images;
        if (!band || image == 0) {
          band.emplace(g, blocks.at(g, i / images), size, K);
          aside = Buffer<C>(band->b.size[2] * std::max(band->b.size[3], lanes));
        }
        const Block& b = band->b;
        for (int64_t k = 0; k < K; k++)
          band->copies.run(x.data<T>() + (image * x.dim(1) + group * K + k) * x_plane, band->x.p + k * b.channel);
        const int64_t n = b.size[3], pitch = std::max(n, lanes);
        for (int64_t o = 0; o < O; o++) {
          const T* from = z.data<T>() + (image * z.dim(1) + group * O + o) * z_plane +
                          (b.begin[1] * g[2].out + b.begin[2]) * g[3].out + b.begin[3];
          const bool in_place = std::is_same_v<T, C> && n >= lanes;
          if (!in_place) copy_rows(b.size[2], n, from, g[3].out, 1, aside.p, pitch);
          if constexpr (std::is_same_v<T, C>)
            if (in_place) dots.add(band->columns, b.size[2], n, from, g[3].out, band->x.p, b.wide[3], o * terms);
          if (!in_place) dots.add(band->columns, b.size[2], n, aside.p, pitch, band->x.p, b.wide[3], o * terms);
        }
        dots.added += up(b.size[2], row_tile<C>().rows) * up(n, 2 * lanes);
        if (dots.added > chain / 2) dots.flush();
      }
      dots.flush();
      for (int64_t o = 0; o < O; o++)
        for (int64_t t = 0; t < terms; t++) {
          const Columns::KernelTap& tap = order[size_t(t)];
          partial.p[part * w.size() + ((group * O + o) * K + tap.channel) * taps + tap.index] = dots.totals.p[o * terms + t];
        }
    }
  });
  add_parts<T>(partial.p, parts, w);
}

// ---- one channel of x in a group, 3 x 3 taps: planes where they lie

template <class T> void by_planes(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  const int64_t parts = std::clamp<int64_t>(std::min(pieces, most_partial / w.size()), 1, std::max<int64_t>(x.dim(0), 1));
  const Buffer<T> partial(parts * w.size());
  dot_planes(x, z, windows, parts, std::min(up(pieces, parts), w.dim(0)), partial.p);
  add_parts<T>(partial.p, parts, w);
}

// ---- many channels: products, with channels of x side by side in the columns and channels of z in the rows

// from (n, m), a row each `from_row` -> to (m, width); the rest is zero. Up to a vector beyond may change.
template <class S, class C> void turn(const S* from, int64_t from_row, int64_t n, int64_t m, int64_t width, C* to) {
  if (n < width) std::fill_n(to, m * width, C(0));
  pack(tile<C>(), from, from_row, 1, n, width, m, to);
}

// The points of a block, as `rows` channels of z for each: (strip, point, row).
template <class T, class C>
void turn_points(const Grid& g, const Block& b, const T* z, int64_t channels, int64_t z_channels, int64_t rows, C* out) {
  const int64_t plane = g[1].out * g[2].out * g[3].out, points = b.points();
  const int64_t together = b.size[3] == g[3].out ? b.size[2] : 1;        // rows that follow each other
  for (int64_t o = 0; o < channels; o += rows, out += points * rows) {
    C* to = out;
    for (int64_t n = 0; n < b.size[0]; n++)
      for (int64_t d = 0; d < b.size[1]; d++)
        for (int64_t h = 0; h < b.size[2]; h += together, to += together * b.size[3] * rows)
          turn(z + ((b.begin[0] + n) * z_channels + o) * plane + ((b.begin[1] + d) * g[2].out + b.begin[2] + h) * g[3].out + b.begin[3],
               plane, std::min(rows, channels - o), together * b.size[3], rows, to);
  }
}

template <class T> void by_products(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  using C = compute_t<T>;
  const Grid g = forward_grid(x.dim(0), windows);
  const int64_t groups = windows.groups, O = w.dim(0) / groups, K = w.dim(1), taps = w.size() / w.dim(0) / K;
  const int64_t x_plane = plane(x), z_plane = plane(z);
  const TapTile<C>& tile = tap_tile<C>();
  const int64_t strips = up(O, tile.rows), rows = up(O, strips);
  const bool narrow = K <= tile.lanes;                     // a second vector would hold no channel
  const int64_t columns = narrow ? tile.lanes : tile.columns[rows - 1];
  const auto multiply = narrow ? tile.narrow[rows - 1] : tile.multiply[rows - 1];
  const Blocks blocks(g, [&](const Block& b, int64_t) { return b.points() <= terms_in_product; });

  // Partial sums: (part, group, row, tap, channel), rows and channels rounded up to whole tiles.
  const int64_t wide = up(K, columns) * columns, row_size = taps * wide, part_size = groups * strips * rows * row_size;
  const int64_t ranges = up(strips, 8);                    // of strips, a task each
  const int64_t parts = std::clamp<int64_t>(std::min(pieces / (groups * ranges), most_partial / part_size), 1, blocks.count);
  const Buffer<C> partial(parts * part_size);
  parallel_for(groups * ranges * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t part = task % parts, range = task / parts % ranges, group = task / parts / ranges;
      const int64_t first = strips * range / ranges, count = strips * (range + 1) / ranges - first, o = first * rows;
      C* const sums = partial.p + part * part_size + (group * strips * rows + o) * row_size;
      std::fill_n(sums, count * rows * row_size, C(0));
      for (int64_t i = blocks.count * part / parts; i < blocks.count * (part + 1) / parts; i++) {
        const Block b = blocks.at(g, i);
        const int64_t points = b.points();
        const Buffer<C> turned(count * points * rows + tile.lanes), laid(columns * b.channel + slack);
        const Buffer<C> across(columns * b.channel + tile.lanes);
        turn_points(g, b, z.data<T>() + (group * O + o) * z_plane, std::min(count * rows, O - o), z.dim(1), rows, turned.p);
        std::vector<int64_t> at;
        for (int64_t n = 0; n < b.size[0]; n++)
          for (int64_t d = 0; d < b.size[1]; d++)
            for (int64_t h = 0; h < b.size[2]; h++)
              for (int64_t v = 0; v < b.size[3]; v++) at.push_back(b.flat(n, d, h, v) * columns);
        const std::vector<int64_t> shift = b.offsets(g, 1);
        for (int64_t c = 0; c < K; c += columns) {
          const int64_t n = std::min(columns, K - c);
          lay_out(g, b, x.data<T>() + (group * K + c) * x_plane, n, x.dim(1), laid.p);
          turn(laid.p, b.channel, n, b.channel, columns, across.p);
          for (int64_t k = 0; k < taps; k++)
            for (int64_t s = 0; s < count; s++)
              multiply(points, turned.p + s * points * rows, across.p + shift[size_t(k)] * columns, at.data(),
                       nullptr, sums + s * rows * row_size + k * wide + c, row_size);
        }
      }
    }
  });
  parallel_for(w.dim(0), 1 + grain / (K * taps * parts), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o++) {
      const C* from = partial.p + (o / O * strips * rows + o % O) * row_size;
      T* to = w.data<T>() + o * K * taps;
      for (int64_t c = 0; c < K; c++)
        for (int64_t k = 0; k < taps; k++) {
          C sum = 0;
          for (int64_t p = 0; p < parts; p++) sum += from[p * part_size + k * wide + c];
          to[c * taps + k] = T(sum);
        }
    }
  });
}

// ---- windows of one element that follow each other: w = Σ_n z_n x_nᵀ, a product of matrices for each image

bool pointwise(const Windows& windows) {
  const auto one = [](const WindowAxis& a) { return a.size == 1 && a.in == a.out && a.before == 0; };
  return std::all_of(std::begin(windows.axis), std::end(windows.axis), one);
}
template <class T> void by_matrices(const Tensor& x, const Tensor& z, Tensor& w, int64_t groups) {
  using C = compute_t<T>;
  const int64_t O = w.dim(0) / groups, K = w.dim(1), positions = plane(x);
  const Buffer<C> sum(w.size());
  for (int64_t g = 0; g < groups; g++)
    for (int64_t n = 0; n < x.dim(0); n++)
      gemm<T>(O, K, positions, {z.data<T>() + (n * z.dim(1) + g * O) * positions, positions, 1},
              {x.data<T>() + (n * x.dim(1) + g * K) * positions, 1, positions}, sum.p + g * O * K, K, n > 0);
  add_parts<T>(sum.p, 1, w);
}

// Turning x costs a few cycles an element, which the products with all taps and channels of z must pay for.
template <class C> bool worth_turning(const Tensor& w, const Windows& windows) {
  const int64_t O = w.dim(0) / windows.groups, K = w.dim(1), columns = 2 * dot_tile<C>().lanes;
  return O >= 8 && K >= columns / 2 && w.size() / K >= 128 * windows.groups;
}

void convolve_weight(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  if (w.size() == 0) return;
  if (by_winograd(x, w, windows, least_tiles_of_weight)) return winograd_weight(x, z, w, windows);
  const int64_t terms = w.size() / w.dim(0);
  each_float(w.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (z.size() <= small / terms || far_apart(windows)) return plain_weight<T>(x, z, w, windows);
    if constexpr (std::is_same_v<T, compute_t<T>>)
      if (in_planes(w, windows)) return by_planes<T>(x, z, w, windows);
    if (std::min(w.dim(0) / windows.groups, w.dim(1)) <= few) by_rows<T>(x, z, w, windows);
    else if (pointwise(windows) && w.size() / windows.groups * plane(z) >= task_work) by_matrices<T>(x, z, w, windows.groups);
    else if (worth_turning<compute_t<T>>(w, windows)) by_products<T>(x, z, w, windows);
    else by_dots<T>(x, z, w, windows);
  });
}

const Fill filled(kernel::conv_weight, Device::cpu, convolve_weight);

}  // namespace
}  // namespace chainrule
