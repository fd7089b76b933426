// Convolution with 3 x 3 taps, a border of one zero and one channel of x in a group: planes of x are read where they lie.
#pragma once
#include "cpu/conv_grid.h"

namespace chainrule::conv {

template <class T> const PlaneTile<T>& plane_tile();
template <> inline const PlaneTile<float>& plane_tile() { return simd().planes_f32; }
template <> inline const PlaneTile<double>& plane_tile() { return simd().planes_f64; }

constexpr int64_t plane_task = 1 << 18;      // multiply-adds that are worth a task: some 5 us
constexpr int64_t most_added = 64;           // sums of a band of a plane in one chain

// totals[i] += the sum of vector i, which is zero again.
template <class C> void add_lanes(C* vectors, int64_t count, int lanes, C* totals) {
  for (int64_t i = 0; i < count; i++, vectors += lanes) {
    for (int half = lanes / 2; half > 0; half /= 2)
      for (int j = 0; j < half; j++) vectors[j] += vectors[j + half];
    totals[i] += vectors[0];
    std::fill_n(vectors, lanes, C(0));
  }
}

inline bool in_planes(const Tensor& w, const Windows& windows) {
  const auto& [depth, height, width] = windows.axis;
  const auto fits = [](const WindowAxis& a) { return a.size == 3 && a.stride == 1 && a.dilation == 1 && a.before == 1 && a.in == a.out; };
  return w.dim(1) == 1 && depth.size == 1 && depth.in == 1 && depth.out == 1 && fits(height) && fits(width);
}

// Planes of x; a copy of those beyond whose end the kernels would read what is not x.
template <class T> struct Planes {
  const T* p;
  int64_t size, count;
  Buffer<T> aside;
  explicit Planes(const Tensor& x) : p(x.data<T>()), size(plane(x)), count(x.dim(0) * x.dim(1)) {}
  const T* at(int64_t i) {
    const int64_t beyond = plane_tile<T>().beyond;
    if ((count - 1 - i) * size >= beyond) return p + i * size;
    if (!aside.p) aside = Buffer<T>(size + beyond);
    return std::copy_n(p + i * size, size, aside.p), aside.p;
  }
};

// z from x, or x from z with the kernel turned around; each plane of what is written has one that is read.
template <class T> void by_planes(const Tensor& from, const Tensor& w, const Tensor& b, Tensor& to, const Windows& windows, bool turned) {
  const int64_t H = windows.axis[1].in, W = windows.axis[2].in, M = to.dim(1), each = M / from.dim(1);
  parallel_for(to.dim(0) * M, 1 + plane_task / (9 * H * W), [&](int64_t begin, int64_t end) {
    Planes<T> planes(from);
    T taps[9];
    for (int64_t i = begin; i < end; i++) {
      const int64_t m = i % M;
      for (int k = 0; k < 9; k++) taps[k] = w.data<T>()[9 * m + (turned ? 8 - k : k)];
      plane_tile<T>().conv(H, W, planes.at(i / each), taps, b ? b.data<T>()[m] : T(0), to.data<T>() + i * H * W);
    }
  });
}

// partial[part][m][tap] = Σ over images of the part; a task is a part and a range of channels.
template <class T>
void dot_planes(const Tensor& x, const Tensor& z, const Windows& windows, int64_t parts, int64_t ranges, T* partial) {
  const PlaneTile<T>& tile = plane_tile<T>();
  const int64_t N = x.dim(0), O = z.dim(1), each = O / x.dim(1), H = windows.axis[1].in, W = windows.axis[2].in;
  parallel_for(parts * ranges, 1, [&](int64_t begin, int64_t end) {
    Planes<T> xs(x), zs(z);
    const Buffer<T> lanes(9 * tile.lanes * up(O, ranges));
    for (int64_t task = begin; task < end; task++) {
      const int64_t part = task / ranges, first = O * (task % ranges) / ranges, last = O * (task % ranges + 1) / ranges;
      const int64_t n1 = N * (part + 1) / parts;
      T* const sums = partial + part * 9 * O;
      std::fill_n(sums + 9 * first, 9 * (last - first), T(0));
      std::fill_n(lanes.p, 9 * tile.lanes * (last - first), T(0));
      int64_t added = 0;
      for (int64_t n = N * part / parts; n < n1; n++) {
        for (int64_t o = first; o < last; o++)
          tile.dot(H, W, xs.at((n * O + o) / each), zs.at(n * O + o), lanes.p + 9 * tile.lanes * (o - first));
        if ((added += up(H, tile.rows) * up(W, tile.lanes)) < most_added && n + 1 < n1) continue;
        add_lanes(lanes.p, 9 * (last - first), tile.lanes, sums + 9 * first);
        added = 0;
      }
    }
  });
}

}  // namespace chainrule::conv
