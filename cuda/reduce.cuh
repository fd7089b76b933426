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

// What a reduction reads: the element at an offset of x, for the result i and its position r along the reduced axes ...
template <class T> struct Elements {
  const T* x;
  __device__ compute_t<T> operator()(int64_t at, int64_t, int64_t) const { return widen(x[at]); }
};
// ... and what it writes: the result i, at an offset of y.
template <class R, class Y> struct Store {
  Y* y;
  __device__ void operator()(int64_t, int64_t at, const typename R::Total& total) const { y[at] = narrow<Y>(R::result(total)); }
};
template <class R> struct Partials { const typename R::Total* x; };

// One thread's share of the elements r = from, from + step, ... < end: lanes of at most 64 elements are merged into the total,
// four loads are under way at a time.
template <class R, class Source>
__device__ typename R::Total reduce_share(const Source& source, int64_t offset, int64_t i, const Strided<1>& axes, int64_t from,
                                          int64_t step, int64_t end) {
  auto total = R::start();
  const auto element = [&](int64_t r) {
    int64_t at[1];
    axes.at(r, at);
    return source(offset + at[0], i, r);
  };
  for (int64_t r = from; r < end;) {
    auto lane = R::lane();
    int taken = 0;
    for (; taken < 64 && r + 3 * step < end; taken += 4) {
      const decltype(element(r)) four[4] = {element(r), element(r + step), element(r + 2 * step), element(r + 3 * step)};
      for (int k = 0; k < 4; k++, r += step) lane = R::join(lane, four[k], r);
    }
    for (; taken < 64 && r < end && r + 3 * step >= end; taken++, r += step) lane = R::join(lane, element(r), r);
    total = R::merge(total, lane);
  }
  return total;
}
template <class R>
__device__ typename R::Total reduce_share(const Partials<R>& source, int64_t offset, int64_t, const Strided<1>& axes, int64_t from,
                                          int64_t step, int64_t end) {
  auto total = R::start();
  for (int64_t r = from; r < end; r += step) {
    int64_t at[1];
    axes.at(r, at);
    total = R::merge(total, source.x[offset + at[0]]);
  }
  return total;
}

template <class T> struct Room { T place[threads]; };
template <class R, class Source, class Sink>
__global__ void reduce_elements(Source source, Sink sink, typename R::Total* partial, Nest nest, Split s) {
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
      const int64_t end = begin + s.part < nest.reduced.n ? begin + s.part : nest.reduced.n;
      total = reduce_share<R>(source, at[0], i, nest.reduced, begin + d, s.down, end);
    }
    total = join_threads(total, room, c * s.down + d, d, s.down, [](Total a, Total b) { return R::merge(a, b); });
    if (d != 0 || i >= nest.kept.n) continue;
    if (partial) partial[task / s.tasks * nest.kept.n + i] = total;
    else sink(i, at[1], total);
  }
}

// In one launch, or in two when the elements are cut into parts.
template <class R, class Source, class Sink> void reduce(const char* op, Source source, Sink sink, const Nest& nest) {
  const Split s(nest, false);
  typename R::Total* none = nullptr;
  if (s.parts == 1) return launch(op, reduce_elements<R, Source, Sink>, blocks(s.tasks, 1), threads, 0, source, sink, none, nest, s);
  const Scratch<typename R::Total> partial(s.parts * nest.kept.n);
  launch(op, reduce_elements<R, Source, Sink>, blocks(s.tasks * s.parts, 1), threads, 0, source, sink, partial.get(), nest, s);
  const Nest again = nest.of_parts(s.parts);
  const Split whole(again, true);
  launch(op, reduce_elements<R, Partials<R>, Sink>, blocks(whole.tasks, 1), threads, 0, Partials<R>{partial.get()}, sink, none, again,
         whole);
}

}  // namespace chainrule
