// Convolution with few channels in a group, depthwise ones above all, whose time goes into reading rows of x. The rows of
// a plane are laid out with their padding, and one that is in registers serves all taps that lie one below the other.
#pragma once
#include <optional>

#include "cpu/conv_grid.h"

namespace chainrule::conv {

constexpr int64_t few = 2;                   // channels in a group on either side, which tiles of channels would leave idle
constexpr int64_t chain = 512;               // terms in one chain of sums: longer ones lose digits
constexpr int64_t near_bytes = 128 << 10;     // of x laid out at a time: it stays in a first-level cache of 32 KB
constexpr int64_t row_task = 1 << 18;        // multiply-adds that are worth a task: some 10 us

// The taps of `channels` channels in columns of at most three, and the parts of them that make one chain of sums.
struct Columns {
  struct KernelTap { int64_t channel, index; };
  struct Part { int64_t first, count, tap; };
  std::vector<TapColumn> columns;
  std::vector<KernelTap> taps;               // in the order of the columns
  std::vector<Part> parts;

  Columns(const Grid& g, const Block& b, const std::array<int64_t, 3>& size, int64_t channels) {
    std::vector<Tap> down = g[2].taps;
    std::sort(down.begin(), down.end(), [](const Tap& s, const Tap& t) {
      return std::pair(s.phase, s.shift) < std::pair(t.phase, t.shift);
    });
    const auto below = [&](size_t i) {                       // how many lie one below the other from this one on
      size_t n = 1;
      while (n < 3 && i + n < down.size() && down[i + n].phase == down[i].phase && down[i + n].shift == down[i].shift + int64_t(n)) n++;
      return n;
    };
    for (size_t n = 3; n > 0; n--)
      for (int64_t c = 0; c < channels; c++)
        for (const Tap& d : g[1].taps)
          for (const Tap& w : g[3].taps)
            for (size_t i = 0; i < down.size(); i += below(i)) {
              if (below(i) != n) continue;
              const Tap& h = down[i];
              const int64_t at = b.at_residue(g, d.phase, h.phase, w.phase) + b.flat(0, d.shift, h.shift, w.shift);
              columns.push_back({c * b.channel + at, int64_t(n)});
              for (size_t k = i; k < i + n; k++) taps.push_back({c, (d.index * size[1] + down[k].index) * size[2] + w.index});
            }
    int64_t tap = 0;
    for (size_t i = 0; i < columns.size(); tap += columns[i++].taps) {
      if (parts.empty() || tap + columns[i].taps - parts.back().tap > chain) parts.push_back({int64_t(i), 0, tap});
      parts.back().count++;
    }
    if (parts.empty()) parts.push_back({0, 0, 0});
  }
  bool flat() const { return columns.empty() || columns[0].taps == 1; }     // no tap lies below another
};

// A block of rows and what is laid out for it; blocks of other images and channels are like it, with zeros at the same places.
template <class C> struct RowBlock {
  Block b;
  Columns columns;
  Copies copies;
  Buffer<C> x;
  RowBlock(const Grid& g, const Block& b, const std::array<int64_t, 3>& size, int64_t channels)
      : b(b), columns(g, b, size, channels), copies(g, b), x(channels * b.channel + slack) {
    std::fill_n(x.p, channels * b.channel + slack, C(0));
  }
};
template <class C> Blocks bands_of(const Grid& g, int64_t channels) {
  return Blocks(g, [&](const Block& b, int64_t) {
    const int64_t bytes = channels * b.channel * int64_t(sizeof(C));
    return b.size[0] * b.size[1] <= 1 && (bytes <= near_bytes || (b.size[2] <= row_tile<C>().rows && bytes <= buffer_bytes));
  });
}

// `rows` rows of n points of one channel, read at x + r x_row and written at to + r to_row.
template <class T, class C>
void some_rows(const Columns& taps, const C* weight, int64_t rows, int64_t n, const C* x, int64_t x_row, C first, T* to, int64_t to_row,
               int64_t to_step) {
  const RowTile<C>& tile = row_tile<C>();
  const auto multiply = [&](C* z, int64_t z_row) {
    for (const Columns::Part& p : taps.parts) {
      const bool add = &p != taps.parts.data();
      tile.multiply(rows, p.count, taps.columns.data() + p.first, weight + p.tap, x, x_row, n, add ? C(0) : first, add, z, z_row);
    }
  };
  if constexpr (std::is_same_v<T, C>)
    if (to_step == 1) return multiply(to, to_row);
  const Buffer<C> aside(rows * n + tile.lanes);
  multiply(aside.p, n);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < n; j++) to[r * to_row + j * to_step] = T(aside.p[r * n + j]);
}

// The block of one channel; a single row is cut into several, so that there are enough sums to hide their latency.
template <class T, class C> void band_rows(const Grid& g, const RowBlock<C>& band, const C* weight, C first, T* to) {
  const RowTile<C>& tile = row_tile<C>();
  const Block& b = band.b;
  const int64_t H = b.size[2], n = b.size[3], step = g[3].out_step, to_row = g[2].out_step * g[3].out;
  if (const int64_t rows = std::min<int64_t>(tile.rows, n / (2 * tile.lanes)); H == 1 && band.columns.flat() && rows > 1) {
    const int64_t part = n / rows, rest = n - part * rows;
    some_rows(band.columns, weight, rows, part, band.x.p, part, first, to, part * step, step);
    if (rest) some_rows(band.columns, weight, 1, rest, band.x.p + n - rest, 0, first, to + (n - rest) * step, 0, step);
    return;
  }
  some_rows(band.columns, weight, H, n, band.x.p, b.wide[3], first, to, to_row, step);
}

template <class T> void by_rows(const Problem<T>& p, const Grid& g) {
  using C = compute_t<T>;
  const Blocks blocks = bands_of<C>(g, p.K);
  const int64_t images = blocks.number[0], planes = images * p.groups;
  if (blocks.count == 0) return;
  const std::vector<Columns::KernelTap> taps = Columns(g, Block(g, {}, blocks.most), p.size, p.K).taps;
  const int64_t terms = int64_t(taps.size());
  const Buffer<C> weight(p.groups * p.M * terms);
  for (int64_t m = 0; m < p.groups * p.M; m++)
    for (int64_t i = 0; i < terms; i++) {
      const auto& [channel, index] = taps[size_t(i)];
      weight.p[m * terms + i] = C(p.w[m / p.M * p.w_group + m % p.M * p.m_step + channel * p.k_step + index]);
    }

  // Images and channels run before bands.
  const int64_t work = p.M * terms * Block(g, {}, blocks.most).points();
  parallel_for(planes * (blocks.count / images), 1 + row_task / std::max<int64_t>(work, 1), [&](int64_t begin, int64_t end) {
    std::optional<RowBlock<C>> band;
    for (int64_t task = begin; task < end; task++) {
      const int64_t group = task % p.groups, image = task % planes / p.groups;
      if (!band || task % planes == 0) band.emplace(g, blocks.at(g, task / planes), p.size, p.K);
      for (int64_t k = 0; k < p.K; k++)
        band->copies.run(p.from + (image * p.from_channels + group * p.K + k) * p.from_plane, band->x.p + k * band->b.channel);
      for (int64_t m = group * p.M; m < (group + 1) * p.M; m++) {
        const Block& b = band->b;
        const auto out = [&](int axis) { return g[axis].out_start + b.begin[axis] * g[axis].out_step; };
        band_rows(g, *band, weight.p + m * terms, p.b ? C(p.b[m]) : C(0),
                  p.to + (image * p.to_channels + m) * p.to_plane + (out(1) * g[2].out + out(2)) * g[3].out + out(3));
      }
    }
  });
}

}  // namespace chainrule::conv
