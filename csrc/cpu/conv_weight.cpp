// The adjoint of convolution in its kernel, on the grid of conv_grid.h.
#include "core/kernels.h"
#include "cpu/conv_grid.h"
#include "cpu/conv_plain.h"

namespace chainrule {
namespace {

using namespace conv;

constexpr int64_t positions = 2048;          // points in one chain of sums, spread over the lanes of a vector
constexpr int64_t channels_out = 64;         // rows of z laid out at a time: 512 KB of float
constexpr int64_t pieces = 16;               // tasks into which a problem is cut, by its size alone
constexpr int64_t most_partial = 1 << 22;    // elements of partial sums
constexpr int64_t small = 1 << 13;           // multiply-adds up to which the plain loop is quicker

// Rows of z as x is laid out: zero between the points, so that one long sum runs over the whole block.
template <class T, class C>
void lay_out_points(const Grid& g, const Block& b, const T* z, int64_t rows, int64_t z_channels, int64_t length, C* out) {
  const int64_t plane = g[1].out * g[2].out * g[3].out;
  std::fill_n(out, rows * length, C(0));
  for (int64_t o = 0; o < rows; o++, out += length)
    for (int64_t n = 0; n < b.size[0]; n++)
      for (int64_t d = 0; d < b.size[1]; d++)
        for (int64_t h = 0; h < b.size[2]; h++) {
          const T* from = z + ((b.begin[0] + n) * z_channels + o) * plane +
                          ((b.begin[1] + d) * g[2].out + b.begin[2] + h) * g[3].out + b.begin[3];
          C* to = out + b.flat(n, d, h, 0);
          for (int64_t j = 0; j < b.size[3]; j++) to[j] = C(from[j]);
        }
}

// sum[row][term] += Σ z x over a block, in tiles of equal size.
template <class C>
void dot_block(int64_t rows, int64_t terms, int64_t length, const C* z, const C* x, const int64_t* offset, C* sum, int64_t sum_row) {
  const DotTile<C>& t = dot_tile<C>();
  const int64_t row_tiles = up(rows, t.rows), tap_tiles = up(terms, t.taps);
  for (int64_t j = 0; j < tap_tiles; j++)                   // a few rows of x stay in the first-level cache
    for (int64_t i = 0; i < row_tiles; i++) {
      const int64_t r = rows * i / row_tiles, r_end = rows * (i + 1) / row_tiles;
      const int64_t k = terms * j / tap_tiles, k_end = terms * (j + 1) / tap_tiles;
      t.dot[r_end - r - 1][k_end - k - 1](length, z + r * length, length, x, offset + k, sum + r * sum_row + k, sum_row);
    }
}

template <class T> void on_grid(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  using C = compute_t<T>;
  const Grid g = forward_grid(x.dim(0), windows);
  const int64_t groups = windows.groups, O = w.dim(0) / groups, K = w.dim(1), taps = w.size() / w.dim(0) / K, terms = K * taps;
  const int64_t x_plane = x.dim(2) * x.dim(3) * x.dim(4), z_plane = z.dim(2) * z.dim(3) * z.dim(4);
  const Blocks blocks(g, [&](const Block& b, int64_t) { return b.phase <= positions; });

  // Tasks: groups, ranges of rows, and parts of the blocks, whose sums are added up in order at the end.
  const int64_t ranges = up(O, channels_out);
  const int64_t parts = std::clamp<int64_t>(std::min(pieces / (groups * ranges), most_partial / w.size()), 1, std::max<int64_t>(blocks.count, 1));
  const Buffer<C> partial(parts * w.size());
  std::fill_n(partial.p, parts * w.size(), C(0));
  const int64_t work = terms * O / ranges * (1 + blocks.count / parts) * Block(g, {}, blocks.most).points();
  parallel_for(groups * ranges * parts, 1 + task_work / std::max<int64_t>(work, 1), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      const int64_t part = task % parts, range = task / parts % ranges, group = task / parts / ranges;
      const int64_t first = O * range / ranges, rows = O * (range + 1) / ranges - first, o = group * O + first;
      for (int64_t i = blocks.count * part / parts; i < blocks.count * (part + 1) / parts; i++) {
        const Block b = blocks.at(g, i);
        const int64_t length = up(b.length(), dot_tile<C>().lanes) * dot_tile<C>().lanes;
        const Buffer<C> points(rows * length);
        lay_out_points(g, b, z.data<T>() + o * z_plane, rows, z.dim(1), length, points.p);
        const int64_t at_once = std::clamp<int64_t>(buffer_bytes / int64_t(sizeof(C)) / b.channel, 1, K);
        const Buffer<C> laid(at_once * b.channel + slack);
        const std::vector<int64_t> offset = b.offsets(g, at_once);
        for (int64_t c = 0; c < K; c += at_once) {
          const int64_t n = std::min(at_once, K - c);
          lay_out(g, b, x.data<T>() + (group * K + c) * x_plane, n, x.dim(1), laid.p);
          dot_block(rows, n * taps, length, points.p, laid.p, offset.data(), partial.p + part * w.size() + o * terms + c * taps, terms);
        }
      }
    }
  });
  parallel_for(w.size(), grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      C sum = 0;
      for (int64_t p = 0; p < parts; p++) sum += partial.p[p * w.size() + i];
      w.data<T>()[i] = T(sum);
    }
  });
}

void convolve_weight(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  if (w.size() == 0) return;
  const int64_t terms = w.size() / w.dim(0);
  each_float(w.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (z.size() <= small / terms) plain_weight<T>(x, z, w, windows);
    else on_grid<T>(x, z, w, windows);
  });
}

const Fill filled(kernel::conv_weight, Device::cpu, convolve_weight);

}  // namespace
}  // namespace chainrule
