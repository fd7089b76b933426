// Reductions: y has the axes of x, of size 1 where x is reduced.
//
// The axes are put in the order of their strides and merged; what is left is a block of n rows by m columns that is
// reduced to one row, under loops over the other axes. Rows lie along the innermost axis when it is kept (a column
// sum adds whole rows); m = 1 when it is reduced. Long reductions are cut into parts by size alone, so the result
// is the same on any number of threads.
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "core/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd.h"

namespace chainrule {
namespace {

constexpr int64_t width = 1024;              // columns at a time: a page of float32, and 12 KB of totals and lanes
constexpr int64_t lanes = 16, block = 64;    // a float lane adds at most 64 numbers before it goes to float64

// What a reduction is: lanes run over elements, totals over lanes. Elements are joined one by one or as vectors.
template <class T> struct Sum {
  using C = compute_t<T>;
  using Total = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
  using Lane = std::conditional_t<std::is_integral_v<T>, int64_t, C>;
  static constexpr Lane lane_start = 0;
  static constexpr Total start = 0;
  template <class V> static V join(V a, V v) { return a + v; }
  static Total merge(Total a, Total b) { return a + b; }
};
template <class T> struct Prod {
  using C = compute_t<T>;
  using Total = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
  using Lane = Total;                        // a product of a few floats can leave float's range and come back
  static constexpr Lane lane_start = 1;
  static constexpr Total start = 1;
  template <class V> static V join(V a, V v) { return a * v; }
  static Total merge(Total a, Total b) { return a * b; }
};
// A NaN is taken and kept: nothing is larger than it.
template <class T> struct Max {
  using C = compute_t<T>;
  using Total = C;
  using Lane = C;
  static constexpr C start = std::numeric_limits<C>::has_infinity ? -std::numeric_limits<C>::infinity()
                                                                  : std::numeric_limits<C>::lowest();
  static constexpr C lane_start = start;
  template <class V> static V join(V a, V v) { const V more = v > a ? v : a; return v != v ? v : more; }
  static C merge(C a, C b) { return join(a, b); }
};
template <class T> struct Min {
  using C = compute_t<T>;
  using Total = C;
  using Lane = C;
  static constexpr C start = std::numeric_limits<C>::has_infinity ? std::numeric_limits<C>::infinity()
                                                                  : std::numeric_limits<C>::max();
  static constexpr C lane_start = start;
  template <class V> static V join(V a, V v) { const V less = v < a ? v : a; return v != v ? v : less; }
  static C merge(C a, C b) { return join(a, b); }
};

// rounds x lanes elements, each into its lane.
template <class R, class T> void join_lanes(typename R::Lane* lane, const T* p, int64_t rounds) {
  using Lane = typename R::Lane;
  if constexpr (std::is_same_v<T, Lane> && !std::is_same_v<T, bool>) {
    // Left to itself the compiler takes a branch an element where there is a choice to make.
    constexpr int each = 16 / sizeof(T), vectors = lanes / each;
    typedef T Vector __attribute__((vector_size(16)));
    Vector joined[vectors], v;
    std::memcpy(joined, lane, sizeof joined);
    for (int64_t i = 0; i < rounds; i++, p += lanes)
#pragma GCC unroll 8
      for (int k = 0; k < vectors; k++) {
        std::memcpy(&v, p + k * each, sizeof v);
        joined[k] = R::join(joined[k], v);
      }
    std::memcpy(lane, joined, sizeof joined);
  } else {
    for (int64_t i = 0; i < rounds; i++, p += lanes)
      for (int64_t k = 0; k < lanes; k++) lane[k] = R::join(lane[k], Lane(compute_t<T>(p[k])));
  }
}

// All lanes into one total, by halves so that the steps overlap.
template <class R> typename R::Total merge_lanes(const typename R::Lane* lane) {
  using Lane = typename R::Lane;
  using Total = typename R::Total;
  if constexpr (std::is_same_v<Lane, Total> && sizeof(Lane) >= 4) {
    constexpr int each = 16 / sizeof(Lane);
    typedef Lane Vector __attribute__((vector_size(16)));
    Vector v[lanes / each];
    std::memcpy(v, lane, sizeof v);
    for (int h = lanes / each / 2; h > 0; h /= 2)
#pragma GCC unroll 4
      for (int k = 0; k < h; k++) v[k] = R::join(v[k], v[k + h]);
    Total total = v[0][0];
    for (int k = 1; k < each; k++) total = R::merge(total, v[0][k]);
    return total;
  } else {
    Total total[lanes];
    for (int k = 0; k < lanes; k++) total[k] = Total(lane[k]);
    for (int h = lanes / 2; h > 0; h /= 2)
      for (int k = 0; k < h; k++) total[k] = R::merge(total[k], total[k + h]);
    return total[0];
  }
}

template <class R> constexpr bool is_float_sum = std::is_same_v<R, Sum<float>>;

// One run of n elements into one total.
template <class R, class T> typename R::Total fold_run(typename R::Total total, const T* p, int64_t n, int64_t step) {
  if constexpr (is_float_sum<R>)
    if (step == 1 && n >= lanes) return total + simd().sum_run(p, n);
  using C = compute_t<T>;
  using Lane = typename R::Lane;
  using Total = typename R::Total;
  while (step == 1 && n >= lanes) {
    Lane lane[lanes];
    std::fill_n(lane, lanes, R::lane_start);
    const int64_t rounds = std::min(n / lanes, block);
    join_lanes<R>(lane, p, rounds);
    total = R::merge(total, merge_lanes<R>(lane));
    p += rounds * lanes;
    n -= rounds * lanes;
  }
  for (int64_t i = 0; i < n; i += block) {
    Lane lane = R::lane_start;
    for (int64_t k = i; k < std::min(n, i + block); k++) lane = R::join(lane, Lane(C(p[k * step])));
    total = R::merge(total, Total(lane));
  }
  return total;
}

// n rows of m columns into m totals, m <= width.
template <class R, class T>
void fold_rows(typename R::Total* total, const T* p, int64_t m, int64_t step, int64_t n, int64_t stride) {
  using C = compute_t<T>;
  using Lane = typename R::Lane;
  using Total = typename R::Total;
  const int64_t joined = width / 2 / m;
  if (step == 1 && stride == m && joined > 1 && n > joined) {  // short rows without gaps: many at a time, as one
    Total wide[width / 2];
    std::fill_n(wide, joined * m, R::start);
    fold_rows<R>(wide, p, joined * m, 1, n / joined, joined * m);
    for (int64_t k = 0; k < joined * m; k++) total[k % m] = R::merge(total[k % m], wide[k]);
    p += n / joined * joined * m;
    n %= joined;
  }
  if constexpr (is_float_sum<R>)
    if (step == 1) return simd().sum_rows(p, stride, n, m, total);
  Lane lane[width];
  for (int64_t i = 0; i < n; i += block) {
    std::fill_n(lane, m, R::lane_start);
    for (int64_t r = i; r < std::min(n, i + block); r++) {
      const T* row = p + r * stride;
      if (step == 1) for (int64_t k = 0; k < m; k++) lane[k] = R::join(lane[k], Lane(C(row[k])));
      else for (int64_t k = 0; k < m; k++) lane[k] = R::join(lane[k], Lane(C(row[k * step])));
    }
    for (int64_t k = 0; k < m; k++) total[k] = R::merge(total[k], Total(lane[k]));
  }
}

struct Axis { int64_t n, x, y; bool reduced; };              // size, steps in x and in y
using Nest = std::vector<Axis>;

// Counts through some axes, the last fastest, from position `at`; past the end it begins again.
struct Walk {
  const Axis* axes;
  size_t n;
  int64_t index[max_ndim], x = 0, y = 0;
  Walk(const Axis* axes, size_t n, int64_t at = 0) : axes(axes), n(n) {
    for (size_t i = n; i-- > 0; at /= axes[i].n) {
      index[i] = at % axes[i].n;
      x += index[i] * axes[i].x;
      y += index[i] * axes[i].y;
    }
  }
  int64_t count() const {
    int64_t all = 1;
    for (size_t i = 0; i < n; i++) all *= axes[i].n;
    return all;
  }
  void next() {
    for (size_t i = n; i-- > 0;) {
      x += axes[i].x;
      y += axes[i].y;
      if (++index[i] < axes[i].n) return;
      x -= axes[i].n * axes[i].x;
      y -= axes[i].n * axes[i].y;
      index[i] = 0;
    }
  }
};

struct Plan {
  Nest kept, reduced;
  Axis columns{1, 0, 0, false};
  int64_t x = 0, y = 0;                                      // where to start, negative strides turned around
};
Plan plan(const Tensor& x, const Tensor& y) {
  Plan p;
  Nest axes, merged;
  for (int i = 0; i < x.ndim(); i++) {
    if (x.dim(i) == 1) continue;
    Axis a{x.dim(i), x.stride(i), y.stride(i), y.dim(i) == 1};
    if (a.reduced) a.y = 0;
    if (a.x < 0) {
      p.x += (a.n - 1) * a.x;
      p.y += (a.n - 1) * a.y;
      a.x = -a.x;
      a.y = -a.y;
    }
    axes.push_back(a);
  }
  std::stable_sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.x > b.x; });
  for (const Axis& a : axes) {
    if (!merged.empty() && merged.back().reduced == a.reduced && merged.back().x == a.x * a.n && merged.back().y == a.y * a.n)
      merged.back() = {merged.back().n * a.n, a.x, a.y, a.reduced};
    else merged.push_back(a);
  }
  if (!merged.empty() && !merged.back().reduced) {
    p.columns = merged.back();
    merged.pop_back();
  }
  for (const Axis& a : merged) (a.reduced ? p.reduced : p.kept).push_back(a);
  if (p.reduced.empty()) p.reduced.push_back({1, 0, 0, true});
  return p;
}

template <template <class> class Kind, class T> void reduce(const Tensor& x, Tensor& y) {
  using R = Kind<T>;
  using Total = typename R::Total;
  const Plan p = plan(x, y);
  const T* px = x.data<T>() + p.x;
  T* py = y.data<T>() + p.y;
  const int64_t n = Walk(p.reduced.data(), p.reduced.size()).count(), chunks = (p.columns.n + width - 1) / width;
  const int64_t tasks = Walk(p.kept.data(), p.kept.size()).count() * chunks;
  const auto kept = [&](int64_t at) { return Walk(p.kept.data(), p.kept.size(), at); };
  const auto store = [&](const Walk& at, int64_t column, int64_t m, const Total* total) {
    T* to = py + at.y + column * p.columns.y;
    for (int64_t k = 0; k < m; k++) to[k * p.columns.y] = T(compute_t<T>(total[k]));
  };

  // Few totals of very many elements: the outermost reduced axis is cut into parts, merged in order at the end.
  const int64_t outer = p.reduced[0].n;
  const int64_t work = n * std::min(p.columns.n, width);
  const int64_t parts = tasks < 32 ? std::clamp<int64_t>(work / 65536, 1, std::min<int64_t>(outer, 64)) : 1;
  const std::unique_ptr<Total[]> partial(parts > 1 ? new Total[size_t(parts * tasks * width)] : nullptr);

  parallel_for(tasks * parts, std::max<int64_t>(1, 4 * grain * parts / std::max<int64_t>(work, 1)), [&](int64_t begin, int64_t end) {
    Nest inner = p.reduced;
    const Axis& rows = inner.back();
    Walk at = kept(begin % tasks / chunks);
    if (parts == 1 && p.columns.n == 1 && inner.size() == 1) {  // one run a total: nothing to set up for short ones
      for (int64_t i = begin; i < end; i++, at.next())
        py[at.y] = T(compute_t<T>(fold_run<R>(R::start, px + at.x, rows.n, rows.x)));
      return;
    }
    Total local[width];
    for (int64_t i = begin; i < end; i++) {
      const int64_t part = i / tasks, chunk = i % tasks % chunks, first = part * outer / parts;
      inner[0].n = (part + 1) * outer / parts - first;
      const int64_t column = chunk * width, m = std::min(p.columns.n - column, width);
      Total* total = parts > 1 ? partial.get() + i * width : local;
      std::fill_n(total, m, R::start);
      const T* from = px + at.x + column * p.columns.x + first * p.reduced[0].x;
      Walk over(inner.data(), inner.size() - 1);
      for (int64_t k = over.count(); k > 0; k--, over.next()) {
        if (m == 1) *total = fold_run<R>(*total, from + over.x, rows.n, rows.x);
        else fold_rows<R>(total, from + over.x, m, p.columns.x, rows.n, rows.x);
      }
      if (parts == 1) store(at, column, m, total);
      if (chunk + 1 == chunks) at.next();
    }
  });
  for (int64_t task = 0; parts > 1 && task < tasks; task++) {
    const int64_t column = task % chunks * width, m = std::min(p.columns.n - column, width);
    Total* total = partial.get() + task * width;
    for (int64_t part = 1; part < parts; part++)
      for (int64_t k = 0; k < m; k++) total[k] = R::merge(total[k], partial[size_t((part * tasks + task) * width + k)]);
    store(kept(task / chunks), column, m, total);
  }
}

template <template <class> class Kind> void reduce(const Tensor& x, Tensor& y) {
  if (y.size() == 0) return;
  each_type(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (x.size() == 0) std::fill_n(y.data<T>(), y.size(), T(compute_t<T>(Kind<T>::start)));
    else reduce<Kind, T>(x, y);
  });
}

// The first position of the largest (smallest) element; a NaN counts as both.
// One run: the block first, by lanes, then where in it.
template <class R, class T> int64_t position_in_run(const T* p, int64_t n) {
  using C = compute_t<T>;
  constexpr int64_t run = 512;
  C best = R::start;
  int64_t k = 0;
  for (int64_t b = 0; b < n && best == best; b += run) {
    const C joined = R::join(best, C(fold_run<R>(R::start, p + b, std::min(run, n - b), 1)));
    if (joined != best) k = b;
    best = joined;
  }
  while (C(p[k]) != best && C(p[k]) == C(p[k])) k++;
  return k;
}
// n rows of m <= width columns. Index is as wide as a float where it can be, so that both fit one vector.
template <class R, class Index, class T> void positions_in_rows(const T* p, int64_t m, int64_t n, int64_t stride, int64_t* to) {
  using C = compute_t<T>;
  C best[width];
  Index at[width];
  for (int64_t k = 0; k < m; k++) { best[k] = C(p[k]); at[k] = 0; }
  for (int64_t r = 1; r < n; r++)
    for (int64_t k = 0; k < m; k++) {
      const C joined = R::join(best[k], C(p[r * stride + k]));
      at[k] = (joined != best[k]) & (best[k] == best[k]) ? Index(r) : at[k];
      best[k] = joined;
    }
  for (int64_t k = 0; k < m; k++) to[k] = at[k];
}

template <template <class> class Kind> void arg_reduce(const Tensor& x, Tensor& y) {
  const int64_t outer = x.dim(0), n = x.dim(1), inner = x.dim(2);
  const int64_t chunks = (inner + width - 1) / width;
  each_type(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = Kind<T>;
    parallel_for(outer * chunks, std::max<int64_t>(1, grain / (n * std::min(inner, width))), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t column = i % chunks * width, m = std::min(inner - column, width);
        const T* p = x.data<T>() + i / chunks * n * inner + column;
        int64_t* to = y.data<int64_t>() + i / chunks * inner + column;
        if (inner == 1) *to = position_in_run<R>(p, n);
        else if (n <= std::numeric_limits<int32_t>::max()) positions_in_rows<R, int32_t>(p, m, n, inner, to);
        else positions_in_rows<R, int64_t>(p, m, n, inner, to);
      }
    });
  });
}

const Fill filled[] = {{kernel::sum, Device::cpu, reduce<Sum>},     {kernel::prod, Device::cpu, reduce<Prod>},
                       {kernel::max, Device::cpu, reduce<Max>},     {kernel::min, Device::cpu, reduce<Min>},
                       {kernel::argmax, Device::cpu, arg_reduce<Max>}, {kernel::argmin, Device::cpu, arg_reduce<Min>}};

}  // namespace
}  // namespace chainrule
