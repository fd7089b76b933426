// The shape of a reduction, how its work is split, and the one kernel of all reductions.
#pragma once
#include <algorithm>

#include "collective.cuh"
#include "strides.cuh"

namespace chainrule {

// The kept axes (in x and in y) and the reduced ones (in x), each in the order of memory.
struct Nest {
  Strided<2> kept;
  Strided<1> reduced;
  bool along;                                // neighbours in memory are reduced

  // y has the axes of x, of size 1 where x is reduced
  static Nest of(const Tensor& x, const Tensor& y) {
    struct Axis { int64_t n, x, y; };
    std::vector<Axis> kept, reduced;
    for (int i = 0; i < x.ndim(); i++)
      if (x.dim(i) != 1) (y.dim(i) == 1 ? reduced : kept).push_back({x.dim(i), x.stride(i), y.stride(i)});
    Shape shape[2], step[2], places;
    int64_t least[2] = {INT64_MAX, INT64_MAX};
    for (int k = 0; k < 2; k++) {
      auto& axes = k ? reduced : kept;
      std::stable_sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return std::abs(a.x) > std::abs(b.x); });
      for (const Axis& a : axes) {
        shape[k].push_back(a.n);
        step[k].push_back(a.x);
        if (k == 0) places.push_back(a.y);
        least[k] = std::min(least[k], std::abs(a.x));
      }
    }
    return {Strided<2>(shape[0], {step[0], places}), Strided<1>(shape[1], {step[1]}), least[1] <= least[0]};
  }
  // the middle axis of (outer, n, inner), row-major
  static Nest middle(int64_t outer, int64_t n, int64_t inner) {
    return {Strided<2>({outer, inner}, {{n * inner, 1}, {inner, 1}}), Strided<1>({n}, {{inner}}), inner == 1};
  }
  // partial totals (parts, kept)
  Nest of_parts(int64_t parts) const {
    Nest again = *this;
    int64_t step = 1;
    for (int a = kept.ndim - 1; a >= 0; a--) {
      again.kept.step[0][a] = step;
      step *= kept.shape[a];
    }
    again.reduced = Strided<1>({parts}, {{kept.n}});
    again.along = false;
    return again;
  }
};

// A block makes `across` results with `down` threads each; a task is a block's results, a part a piece of their elements.
struct Split {
  int across, down;
  int64_t tasks, parts = 1, part;
  Split(const Nest& nest, bool whole) {
    const int64_t n = nest.reduced.n, results = nest.kept.n;
    across = nest.along ? threads / power(n) : std::max(std::min(power(results), 32), threads / power(n));
    down = threads / across;
    tasks = (results + across - 1) / across;
    if (!whole && tasks < 256) parts = std::clamp<int64_t>(n / (down * 16), 1, 1024 / tasks);
    part = std::max<int64_t>(1, (n + parts - 1) / parts);
    parts = std::max<int64_t>(1, (n + part - 1) / part);
  }
  static int power(int64_t n) {                            // the next power of two, at most a block
    int p = 1;
    while (p < n && p < threads) p *= 2;
    return p;
  }
};

// One thread's share of the elements x[offset + r], r = from, from + step, ... < end: float lanes of at most 64 elements
// are merged into the total, four loads are under way at a time.
template <class R, bool partials, class In>
__device__ typename R::Total reduce_share(const In* x, const Strided<1>& axes, int64_t from, int64_t step, int64_t end) {
  auto total = R::start();
  const auto place = [&](int64_t r) {
    int64_t at[1];
    axes.at(r, at);
    return at[0];
  };
  int64_t r = from;
  if constexpr (partials) {
    for (; r < end; r += step) total = R::merge(total, x[place(r)]);
  } else {
    while (r < end) {
      auto lane = R::lane();
      int taken = 0;
      for (; taken < 64 && r + 3 * step < end; taken += 4) {
        In four[4];
        for (int k = 0; k < 4; k++) four[k] = x[place(r + k * step)];
        for (int k = 0; k < 4; k++, r += step) lane = R::join(lane, widen(four[k]), r);
      }
      for (; taken < 64 && r < end && r + 3 * step >= end; taken++, r += step) lane = R::join(lane, widen(x[place(r)]), r);
      total = R::merge(total, lane);
    }
  }
  return total;
}

template <class T> struct Room { T place[threads]; };
template <class R, bool partials, class In, class Y>
__global__ void reduce_elements(const In* x, Y* y, typename R::Total* partial, Nest nest, Split s) {
  using Total = typename R::Total;
  Total* room = shared<Room<Total>>().place;
  const int t = threadIdx.x;
  const int d = nest.along ? t % s.down : t / s.across, c = nest.along ? t / s.down : t % s.across;
  for (int64_t task = blockIdx.x; task < s.tasks * s.parts; task += gridDim.x) {
    const int64_t i = task % s.tasks * s.across + c, begin = task / s.tasks * s.part;
    Total total = R::start();
    int64_t at[2];
    if (i < nest.kept.n) {
      nest.kept.at(i, at);
      total = reduce_share<R, partials>(x + at[0], nest.reduced, begin + d, s.down, std::min(begin + s.part, nest.reduced.n));
    }
    total = join_threads(total, room, c * s.down + d, d, s.down, [](Total a, Total b) { return R::merge(a, b); });
    if (d != 0 || i >= nest.kept.n) continue;
    if (partial) partial[task / s.tasks * nest.kept.n + i] = total;
    else y[at[1]] = narrow<Y>(R::result(total));
  }
}

// In one launch, or in two when the elements are cut into parts.
template <class R, class T, class Y> void reduce(const char* op, const T* x, Y* y, const Nest& nest) {
  const Split s(nest, false);
  typename R::Total* none = nullptr;
  if (s.parts == 1) return launch(op, reduce_elements<R, false, T, Y>, blocks(s.tasks, 1), threads, 0, x, y, none, nest, s);
  const Scratch<typename R::Total> partial(s.parts * nest.kept.n);
  launch(op, reduce_elements<R, false, T, Y>, blocks(s.tasks * s.parts, 1), threads, 0, x, y, partial.get(), nest, s);
  const Nest again = nest.of_parts(s.parts);
  const Split whole(again, true);
  launch(op, reduce_elements<R, true, typename R::Total, Y>, blocks(whole.tasks, 1), threads, 0, partial.get(), y, none, again,
         whole);
}

}  // namespace chainrule
