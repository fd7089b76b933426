// The transforms turn a convolution into 36 matrix products, one a point: results (tiles, M) = windows (tiles, K) kernels (K, M).
// A block of tiles goes from its windows to its results on one core, so that what lies between stays in its cache.
// An infinity in x makes the whole tile NaN.
#include "cpu/winograd.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cpu/buffer.h"
#include "cpu/loops.h"
#include "cpu/tiles.h"

namespace chainrule::conv {
namespace {

constexpr int64_t points = 36, side = 4;
constexpr int64_t chain = 64;               // terms added up in registers: longer chains lose digits
constexpr int64_t block_bytes = 1 << 20;     // of the points of a block's windows
constexpr int64_t few_tiles = 128;           // up to which kernels are transformed as they are used
constexpr int64_t round_bytes = 8 << 20;     // of transformed x and z between two parallel regions

int64_t padded(int64_t n, int64_t lanes) {   // a row of channels; never a large power of two long, which would share lines of a cache
  const int64_t whole = up(n, lanes) * lanes;
  return whole % 64 == 0 ? whole + lanes : whole;
}

// Tiles of all images in row-major order, and the runs of neighbours in a row that lie in [begin, end).
struct TileGrid {
  int64_t images, down, across;
  TileGrid(int64_t images, const Windows& w, int64_t WindowAxis::* size)
      : images(images), down(up(w.axis[1].*size, side)), across(up(w.axis[2].*size, side)) {}
  int64_t count() const { return images * down * across; }
  template <class F> void each_run(int64_t begin, int64_t end, F&& f) const {          // f(tile, image, row, column, n)
    for (int64_t t = begin; t < end;) {
      const int64_t column = t % across, n = std::min(across - column, end - t);
      f(t, t / across / down, t / across % down, column, n);
      t += n;
    }
  }
};

// What is cut into tiles: squares of `size` pixels that begin at (side row + top, side column + left); zero outside.
struct Image {
  const float* p;
  int64_t size, channels, height, width, images, top, left;
  Winograd::ToPoints transform;

  int64_t columns(int64_t tiles) const { return side * (tiles - 1) + size; }

  // Channels [first, first + lanes) of n neighbouring tiles; `room` has size columns(n) vectors.
  void to_points(int64_t image, int64_t row, int64_t column, int64_t n, int64_t first, float* room, float* v, int64_t tile, int64_t point) const {
    const Winograd& s = simd().winograd;
    const int64_t wide = columns(n), plane = height * width, have = std::min<int64_t>(s.lanes, channels - first);
    const int64_t x = side * column + left, lo = std::clamp<int64_t>(-x, 0, wide), hi = std::clamp<int64_t>(width - x, lo, wide);
    for (int64_t r = 0; r < size; r++) {
      float* to = room + r * wide * s.lanes;
      const int64_t y = side * row + top + r;
      if (y < 0 || y >= height) {
        std::fill_n(to, wide * s.lanes, 0.0f);
        continue;
      }
      const int64_t at = ((image * channels + first) * height + y) * width + x + lo;
      std::fill_n(to, lo * s.lanes, 0.0f);
      s.side_by_side(p + at, plane, have, hi - lo, images * channels * plane - (at + (have - 1) * plane), to + lo * s.lanes);
      std::fill(to + hi * s.lanes, to + wide * s.lanes, 0.0f);
    }
    transform(n, room, wide * s.lanes, v, tile, point);
  }
};

// Element (m, k, tap) of w lies at m m_step + k k_step + tap; `turned` when the taps come in the order 8 ... 0.
struct Kernels {
  const float* p;
  int64_t M, K, m_step, k_step;
  bool turned;

  // Of a panel of `width` m, kernels k0 <= k < k1 as u (point, k, m); `room` has 9 (k1 - k0) width numbers and a vector more.
  void to_points(int64_t panel, int64_t width, int64_t k0, int64_t k1, float* room, float* u, int64_t point) const {
    const Winograd& s = simd().winograd;
    const int64_t first = panel * width, have = std::min(width, M - first);
    const float* from = p + first * m_step + k0 * k_step;
    if (k_step == 9) simd().tile_f32.pack(from, m_step, 1, have, width, 9 * (k1 - k0), room);
    else
      for (int64_t k = 0; k < k1 - k0; k++)
        for (int64_t m = 0; m < have; m++)
          for (int64_t tap = 0; tap < 9; tap++) room[(9 * k + tap) * width + m] = from[m * m_step + k * k_step + tap];
    for (int64_t k = 0; k < k1 - k0; k++)
      for (int64_t m = 0; m < have; m += s.lanes) {
        const float* g = room + 9 * k * width + m;
        s.kernel(turned ? g + 8 * width : g, turned ? -width : width, u + k * width + m, point);
      }
  }
};

// c (point, tile, m) = or += windows v (point, tile, k) kernels u (point, k, m), for the m of one panel.
struct Factor { const float* p; int64_t point, row; };
void multiply_points(const Tile<float>& t, int64_t tiles, int64_t K, Factor v, Factor u, float* c, bool add) {
  const int64_t width = 2 * t.lanes;
  const Cut strips(tiles, t.rows), chains(K, chain);
  for (int64_t p = 0; p < points; p++, v.p += v.point, u.p += u.point, c += tiles * width)
    for (int64_t k = 0; k < K; k += chains.part)
      for (int64_t i = 0; i < strips.count; i++)
        t.in_place[1][strips.size(i) - 1](std::min(chains.part, K - k), v.p + i * strips.part * v.row + k, v.row, 1, u.p + k * u.row, u.row,
                                          c + i * strips.part * width, width, add || k > 0);
}

struct Convolution {
  Image image;
  Kernels w;
  const float* bias;
  float* to;
  TileGrid grid;
  int64_t height, across;                    // of the results
  int64_t lanes = simd().winograd.lanes, width = 2 * lanes, panels = up(w.M, width), pitch = padded(w.K, lanes);

  Convolution(const Image& image, const Kernels& w, const Tensor& bias, Tensor& to, const Windows& windows, int64_t WindowAxis::* size)
      : image(image), w(w), bias(bias ? bias.data<float>() : nullptr), to(to.data<float>()), grid(image.images, windows, size),
        height(windows.axis[1].*size), across(windows.axis[2].*size) {}

  // Vectors of pixels of one run of tiles, of windows or of results.
  int64_t room(int64_t tiles) const {
    const int64_t most = std::min(tiles, grid.across);
    return std::max(image.size * image.columns(most), side * side * most) * lanes;
  }
  void windows_to_points(int64_t t0, int64_t tiles, int64_t first, float* room, float* v) const {
    grid.each_run(t0, t0 + tiles, [&](int64_t t, int64_t n, int64_t row, int64_t column, int64_t count) {
      image.to_points(n, row, column, count, first, room, v + (t - t0) * pitch + first, pitch, tiles * pitch);
    });
  }
  // c (point, tile, width) of a panel.
  void results(int64_t t0, int64_t tiles, int64_t panel, const float* c, float* room) const {
    const Winograd& s = simd().winograd;
    std::vector<float> plus(static_cast<size_t>(lanes));
    for (int64_t m = panel * width; m < std::min(w.M, (panel + 1) * width); m += lanes, c += lanes) {
      const int64_t have = std::min(lanes, w.M - m);
      if (bias) std::copy_n(bias + m, have, plus.data());
      grid.each_run(t0, t0 + tiles, [&](int64_t t, int64_t n, int64_t row, int64_t column, int64_t count) {
        const int64_t line = side * count * lanes;
        s.result(count, c + (t - t0) * width, width, tiles * width, bias ? plus.data() : nullptr, room, line);
        for (int64_t r = 0; r < std::min(side, height - side * row); r++)
          s.apart(room + r * line, have, std::min(side * count, across - side * column),
                  to + ((n * w.M + m) * height + side * row + r) * across + side * column, height * across);
      });
    }
  }
};

// Many tiles: the kernels once, then blocks of tiles. No sum depends on how tiles and panels are cut, so the cuts may look
// at the number of threads.
void by_blocks(const Convolution& job) {
  const Tile<float>& tile = simd().tile_f32;
  const int64_t K = job.w.K, width = job.width, pitch = job.pitch, rows = tile.rows;
  const Buffer<float> u(job.panels * points * K * width);
  const Cut chains(K, chain);
  parallel_for(job.panels * chains.count, 1, [&](int64_t begin, int64_t end) {
    const Buffer<float> room(9 * chains.part * width + job.lanes);
    for (int64_t task = begin; task < end; task++) {
      const int64_t panel = task / chains.count, k = task % chains.count * chains.part;
      job.w.to_points(panel, width, k, std::min(K, k + chains.part), room.p, u.p + (panel * points * K + k) * width, K * width);
    }
  });
  const int64_t fit = block_bytes / int64_t(sizeof(float)) / points / pitch / rows * rows;
  const Cut blocks(job.grid.count(), std::clamp(fit, 2 * rows, 4 * rows));
  const int64_t wanted = num_threads() > 1 ? 2 * num_threads() : 1, parts = std::clamp<int64_t>(wanted / blocks.count, 1, job.panels);
  parallel_for(blocks.count * parts, 1, [&](int64_t begin, int64_t end) {
    const Buffer<float> v(points * blocks.part * pitch), c(points * blocks.part * width), room(job.room(blocks.part));
    for (int64_t task = begin; task < end; task++) {
      const int64_t block = task / parts, part = task % parts, tiles = blocks.size(block), t0 = block * blocks.part;
      for (int64_t k = 0; k < K; k += job.lanes) job.windows_to_points(t0, tiles, k, room.p, v.p);
      for (int64_t panel = job.panels * part / parts; panel < job.panels * (part + 1) / parts; panel++) {
        multiply_points(tile, tiles, K, {v.p, tiles * pitch, pitch}, {u.p + panel * points * K * width, K * width, width}, c.p, false);
        job.results(t0, tiles, panel, c.p, room.p);
      }
    }
  });
}

// Few tiles: all their windows once, then panels of kernels, whose points are as many as a cache holds at a time.
void by_panels(const Convolution& job) {
  const int64_t K = job.w.K, width = job.width, pitch = job.pitch, tiles = job.grid.count();
  const Buffer<float> v(points * tiles * pitch);
  parallel_for(up(K, job.lanes), 1, [&](int64_t begin, int64_t end) {
    const Buffer<float> room(job.room(tiles));
    for (int64_t group = begin; group < end; group++) job.windows_to_points(0, tiles, group * job.lanes, room.p, v.p);
  });
  const Cut chains(K, chain);
  parallel_for(job.panels, 1, [&](int64_t begin, int64_t end) {
    const Buffer<float> u(points * chains.part * width), c(points * tiles * width);
    const Buffer<float> room(std::max(job.room(tiles), 9 * chains.part * width + job.lanes));
    for (int64_t panel = begin; panel < end; panel++) {
      for (int64_t k = 0; k < K; k += chains.part) {
        const int64_t n = std::min(chains.part, K - k);
        job.w.to_points(panel, width, k, k + n, room.p, u.p, n * width);
        multiply_points(simd().tile_f32, tiles, n, {v.p + k, tiles * pitch, pitch}, {u.p, n * width, width}, c.p, k > 0);
      }
      job.results(0, tiles, panel, c.p, room.p);
    }
  });
}

void convolve(const Convolution& job) { job.grid.count() <= few_tiles ? by_panels(job) : by_blocks(job); }

Image windows_of(const Tensor& x, int64_t top, int64_t left) {
  return {x.data<float>(), 6, x.dim(1), x.dim(3), x.dim(4), x.dim(0), top, left, simd().winograd.window};
}

}  // namespace

// Taps of all windows of an axis that lie inside of x.
static int64_t taps_inside(const WindowAxis& a) {
  int64_t n = 0;
  for (int64_t k = 0; k < a.size; k++)         // window p reads p + k - before
    n += std::max<int64_t>(0, std::min(a.out, a.in + a.before - k) - std::max<int64_t>(0, a.before - k));
  return n;
}

bool by_winograd(const Tensor& x, const Tensor& w, const Windows& windows, int64_t least_tiles) {
  constexpr int64_t least_channels = 32;
  const auto& [depth, height, width] = windows.axis;
  const auto fits = [](const WindowAxis& a) { return a.size == 3 && a.stride == 1 && a.dilation == 1 && a.before >= 0 && a.before <= 2; };
  return x.dtype() == DType::float32 && windows.groups == 1 && depth.size == 1 && depth.in == 1 && depth.out == 1 && fits(height) &&
         fits(width) && w.dim(0) >= least_channels && w.dim(1) >= least_channels &&
         // a tile is 36 products: in planes of two or three pixels a side fewer taps lie inside
         taps_inside(height) * taps_inside(width) > 36 * up(height.out, 4) * up(width.out, 4) &&
         TileGrid(x.dim(0), windows, &WindowAxis::out).count() >= least_tiles;
}

void winograd(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& z, const Windows& windows) {
  const int64_t M = w.dim(0), K = w.dim(1);
  convolve({windows_of(x, -windows.axis[1].before, -windows.axis[2].before), {w.data<float>(), M, K, 9 * K, 9, false}, b, z, windows,
            &WindowAxis::out});
}

// The same with the kernel turned around and the padding that is missing to a full one.
void winograd_transposed(const Tensor& z, const Tensor& w, const Tensor& b, Tensor& x, const Windows& windows) {
  const int64_t M = w.dim(1), K = w.dim(0);
  convolve({windows_of(z, windows.axis[1].before - 2, windows.axis[2].before - 2), {w.data<float>(), M, K, 9, 9 * M, true}, b, x, windows,
            &WindowAxis::in});
}

// dg = Gᵀ [Σ (A z Aᵀ) ⊙ (Bᵀ x B)] G: for each point a product (O, tiles) (tiles, K), added up over rounds of tiles.
void winograd_weight(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  const Winograd& s = simd().winograd;
  const Tile<float>& tile = simd().tile_f32;
  const Image xs = windows_of(x, -windows.axis[1].before, -windows.axis[2].before);
  const Image zs{z.data<float>(), 4, z.dim(1), z.dim(3), z.dim(4), z.dim(0), 0, 0, s.result_slope};
  const TileGrid grid(x.dim(0), windows, &WindowAxis::out);
  const int64_t O = w.dim(0), K = w.dim(1), width = 2 * s.lanes, panels = up(K, width), row = panels * width;
  const int64_t x_pitch = padded(row, s.lanes), z_pitch = padded(O, s.lanes), x_groups = up(K, s.lanes), z_groups = up(O, s.lanes);
  const Cut rounds(grid.count(), std::clamp<int64_t>(round_bytes / int64_t(sizeof(float)) / points / (x_pitch + z_pitch), 32, 512));
  const Cut strips(O, tile.rows), chains(rounds.part, chain);
  const Buffer<float> sums(points * O * row), v(points * rounds.part * x_pitch), d(points * rounds.part * z_pitch);
  const int64_t most = std::min(rounds.part, grid.across);
  for (int64_t round = 0; round < rounds.count; round++) {
    const int64_t t0 = round * rounds.part, tiles = rounds.size(round);
    parallel_for(x_groups + z_groups, 1, [&](int64_t begin, int64_t end) {
      const Buffer<float> room(6 * xs.columns(most) * s.lanes);
      for (int64_t group = begin; group < end; group++) {
        const bool of_x = group < x_groups;
        const Image& from = of_x ? xs : zs;
        const int64_t first = (of_x ? group : group - x_groups) * s.lanes, pitch = of_x ? x_pitch : z_pitch;
        float* to = (of_x ? v.p : d.p) + first;
        grid.each_run(t0, t0 + tiles, [&](int64_t t, int64_t n, int64_t row, int64_t column, int64_t count) {
          from.to_points(n, row, column, count, first, room.p, to + (t - t0) * pitch, pitch, tiles * pitch);
        });
      }
    });
    parallel_for(points * panels, 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; task++) {
        const int64_t p = task / panels, panel = task % panels;
        const float *a = d.p + p * tiles * z_pitch, *b = v.p + p * tiles * x_pitch + panel * width;
        for (int64_t t = 0; t < tiles; t += chains.part)
          for (int64_t i = 0; i < strips.count; i++)
            tile.in_place[1][strips.size(i) - 1](std::min(chains.part, tiles - t), a + t * z_pitch + i * strips.part, 1, z_pitch,
                                                 b + t * x_pitch, x_pitch, sums.p + (p * O + i * strips.part) * row + panel * width, row,
                                                 round > 0 || t > 0);
      }
    });
  }
  parallel_for(O, 1 + grain / (points * row), [&](int64_t begin, int64_t end) {
    std::vector<float> g(size_t(9 * s.lanes));
    for (int64_t o = begin; o < end; o++)
      for (int64_t k = 0; k < K; k += s.lanes) {
        s.kernel_slope(sums.p + o * row + k, O * row, g.data(), s.lanes);
        for (int64_t i = 0; i < std::min<int64_t>(s.lanes, K - k); i++)
          for (int64_t tap = 0; tap < 9; tap++) w.data<float>()[(o * K + k + i) * 9 + tap] = g[size_t(tap * s.lanes + i)];
      }
  });
}

}  // namespace chainrule::conv
