// Reductions: y has the axes of x, of size 1 where x is reduced.
//
// The axes are put in the order of their strides and merged; what is left is a block of n rows by m columns that is
// reduced to one row, under loops over the other axes. Rows lie along the innermost axis when it is kept (a column
// sum adds whole rows); m = 1 when it is reduced. Long reductions are cut into parts by size alone, so the result
// is the same on any number of threads.
#include <cmath>
#include <limits>
#include <memory>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

constexpr int64_t width = 256;               // columns at a time: their totals stay in the first-level cache
constexpr int64_t lanes = 16, block = 64;    // a float lane adds at most 64 numbers before it goes to float64

// What a reduction is: lanes run over elements, totals over lanes.
template <class T> struct Sum {
  using C = compute_t<T>;
  using Total = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
  using Lane = std::conditional_t<std::is_integral_v<T>, int64_t, C>;
  static constexpr Lane lane_start = 0;
  static constexpr Total start = 0;
  static Lane join(Lane a, C v) { return a + Lane(v); }
  static Total merge(Total a, Total b) { return a + b; }
};
template <class T> struct Prod {
  using C = compute_t<T>;
  using Total = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
  using Lane = Total;                        // a product of a few floats can leave float's range and come back
  static constexpr Lane lane_start = 1;
  static constexpr Total start = 1;
  static Lane join(Lane a, C v) { return a * Lane(v); }
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
  static C join(C a, C v) { return (v > a) | (v != v) ? v : a; }
  static C merge(C a, C b) { return join(a, b); }
};
template <class T> struct Min {
  using C = compute_t<T>;
  using Total = C;
  using Lane = C;
  static constexpr C start = std::numeric_limits<C>::has_infinity ? std::numeric_limits<C>::infinity()
                                                                  : std::numeric_limits<C>::max();
  static constexpr C lane_start = start;
  static C join(C a, C v) { return (v < a) | (v != v) ? v : a; }
  static C merge(C a, C b) { return join(a, b); }
};

// One run of n elements into one total.
template <class R, class T> typename R::Total fold_run(typename R::Total total, const T* p, int64_t n, int64_t step) {
  using C = compute_t<T>;
  if (step == 1) {
    for (; n >= lanes; ) {
      typename R::Lane lane[lanes];
      std::fill_n(lane, lanes, R::lane_start);
      const int64_t rounds = std::min(n / lanes, block);
      for (int64_t i = 0; i < rounds; i++)
        for (int64_t k = 0; k < lanes; k++) lane[k] = R::join(lane[k], C(p[i * lanes + k]));
      for (int64_t k = 0; k < lanes; k++) total = R::merge(total, typename R::Total(lane[k]));
      p += rounds * lanes;
      n -= rounds * lanes;
    }
  }
  for (int64_t i = 0; i < n; i += block) {
    typename R::Lane lane = R::lane_start;
    for (int64_t k = i; k < std::min(n, i + block); k++) lane = R::join(lane, C(p[k * step]));
    total = R::merge(total, typename R::Total(lane));
  }
  return total;
}

// n rows of m columns into m totals, m <= width.
template <class R, class T>
void fold_rows(typename R::Total* total, const T* p, int64_t m, int64_t step, int64_t n, int64_t stride) {
  using C = compute_t<T>;
  typename R::Lane lane[width];
  for (int64_t i = 0; i < n; i += block) {
    std::fill_n(lane, m, R::lane_start);
    for (int64_t r = i; r < std::min(n, i + block); r++) {
      const T* row = p + r * stride;
      if (step == 1) for (int64_t k = 0; k < m; k++) lane[k] = R::join(lane[k], C(row[k]));
      else for (int64_t k = 0; k < m; k++) lane[k] = R::join(lane[k], C(row[k * step]));
    }
    for (int64_t k = 0; k < m; k++) total[k] = R::merge(total[k], typename R::Total(lane[k]));
  }
}

struct Axis { int64_t n, x, y; bool reduced; };              // size, steps in x and in y
using Nest = std::vector<Axis>;

int64_t count(const Nest& nest) {
  int64_t n = 1;
  for (const Axis& a : nest) n *= a.n;
  return n;
}

// Counts through the axes of a nest, the last fastest.
struct Walk {
  const Nest& nest;
  int64_t index[max_ndim], x = 0, y = 0;
  Walk(const Nest& nest, int64_t at) : nest(nest) {
    for (size_t i = nest.size(); i-- > 0; at /= nest[i].n) {
      index[i] = at % nest[i].n;
      x += index[i] * nest[i].x;
      y += index[i] * nest[i].y;
    }
  }
  void next() {
    for (size_t i = nest.size(); i-- > 0;) {
      x += nest[i].x;
      y += nest[i].y;
      if (++index[i] < nest[i].n) return;
      x -= nest[i].n * nest[i].x;
      y -= nest[i].n * nest[i].y;
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
  const int64_t n = count(p.reduced), chunks = (p.columns.n + width - 1) / width, tasks = count(p.kept) * chunks;

  // Few totals of very many elements: the outermost reduced axis is cut into parts, merged in order at the end.
  const int64_t outer = p.reduced[0].n;
  const int64_t work = n * std::min(p.columns.n, width);
  const int64_t parts = tasks < 32 ? std::clamp<int64_t>(work / 65536, 1, std::min<int64_t>(outer, 64)) : 1;
  const std::unique_ptr<Total[]> partial(parts > 1 ? new Total[size_t(parts * tasks * width)] : nullptr);

  parallel_for(tasks * parts, std::max<int64_t>(1, grain * parts / std::max<int64_t>(work, 1)), [&](int64_t begin, int64_t end) {
    Nest inner = p.reduced;
    for (int64_t i = begin; i < end; i++) {
      const int64_t part = i / tasks, task = i % tasks, first = part * outer / parts;
      inner[0].n = (part + 1) * outer / parts - first;
      const Axis rows = inner.back();
      const Nest loops(inner.begin(), inner.end() - 1);
      const int64_t column = task % chunks * width, m = std::min(p.columns.n - column, width);
      Walk at(p.kept, task / chunks), over(loops, 0);
      Total local[width];
      Total* total = parts > 1 ? partial.get() + i * width : local;
      std::fill_n(total, m, R::start);
      const T* from = px + at.x + column * p.columns.x + first * p.reduced[0].x;
      for (int64_t k = count(loops); k > 0; k--, over.next()) {
        if (m == 1) *total = fold_run<R>(*total, from + over.x, rows.n, rows.x);
        else fold_rows<R>(total, from + over.x, m, p.columns.x, rows.n, rows.x);
      }
      if (parts > 1) continue;
      T* to = py + at.y + column * p.columns.y;
      for (int64_t k = 0; k < m; k++) to[k * p.columns.y] = T(compute_t<T>(total[k]));
    }
  });
  for (int64_t task = 0; parts > 1 && task < tasks; task++) {
    const int64_t column = task % chunks * width, m = std::min(p.columns.n - column, width);
    T* to = py + Walk(p.kept, task / chunks).y + column * p.columns.y;
    for (int64_t k = 0; k < m; k++) {
      Total total = R::start;
      for (int64_t part = 0; part < parts; part++) total = R::merge(total, partial[size_t((part * tasks + task) * width + k)]);
      to[k * p.columns.y] = T(compute_t<T>(total));
    }
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
template <template <class> class Kind> void arg_reduce(const Tensor& x, Tensor& y) {
  const int64_t outer = x.dim(0), n = x.dim(1), inner = x.dim(2);
  const int64_t chunks = (inner + width - 1) / width;
  each_type(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    using R = Kind<T>;
    parallel_for(outer * chunks, std::max<int64_t>(1, grain / (n * std::min(inner, width))), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const int64_t column = i % chunks * width, m = std::min(inner - column, width);
        const T* p = x.data<T>() + i / chunks * n * inner + column;
        int64_t* to = y.data<int64_t>() + i / chunks * inner + column;
        if (inner == 1) {                                    // the value first, by lanes, then where it is
          const C best = C(fold_run<R>(R::start, p, n, 1));
          int64_t k = 0;
          while (C(p[k]) != best && C(p[k]) == C(p[k])) k++;
          *to = k;
          continue;
        }
        C best[width];
        for (int64_t k = 0; k < m; k++) { best[k] = C(p[k]); to[k] = 0; }
        for (int64_t r = 1; r < n; r++)
          for (int64_t k = 0; k < m; k++) {
            const C v = C(p[r * inner + k]), joined = R::join(best[k], v);
            const bool moves = joined != best[k] && best[k] == best[k];
            to[k] = moves ? r : to[k];
            best[k] = joined;
          }
      }
    });
  });
}

const Fill filled[] = {{kernel::sum, Device::cpu, reduce<Sum>},     {kernel::prod, Device::cpu, reduce<Prod>},
                       {kernel::max, Device::cpu, reduce<Max>},     {kernel::min, Device::cpu, reduce<Min>},
                       {kernel::argmax, Device::cpu, arg_reduce<Max>}, {kernel::argmin, Device::cpu, arg_reduce<Min>}};

}  // namespace
}  // namespace chainrule
