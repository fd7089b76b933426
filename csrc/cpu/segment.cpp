// Kernels that fold the rows of d with one index into one row of y.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// Positions in the order of their row, equal rows in their own order, cut into runs of one row.
struct Runs {
  std::vector<int64_t> order;                   // empty: the index is sorted already
  std::vector<int64_t> row, start;              // run r is order[start[r]] ... order[start[r + 1] - 1]
  int64_t at(int64_t j) const { return order.empty() ? j : order[size_t(j)]; }
};

std::vector<int64_t> sorted_positions(const std::vector<int64_t>& index, int64_t n) {
  const size_t m = index.size();
  std::vector<int64_t> order(m);
  if (n > int64_t(4 * m)) {                     // few of many rows: no table of all
    for (size_t j = 0; j < m; j++) order[j] = int64_t(j);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return index[size_t(a)] < index[size_t(b)]; });
    return order;
  }
  std::vector<int64_t> next(size_t(n) + 1);
  for (int64_t i : index) next[size_t(i) + 1]++;
  for (size_t i = 1; i < next.size(); i++) next[i] += next[i - 1];
  for (size_t j = 0; j < m; j++) order[size_t(next[size_t(index[j])]++)] = int64_t(j);
  return order;
}

Runs runs_of(const Tensor& given, int64_t n, const char* op) {
  const int64_t m = given.size(), *p = given.data<int64_t>();
  std::vector<int64_t> index(size_t(m), 0);
  bool sorted = true;
  for (int64_t j = 0; j < m; j++) {
    require<IndexError>(p[j] >= -n && p[j] < n, op, "index ", p[j], " is out of range for size ", n);
    index[size_t(j)] = p[j] < 0 ? p[j] + n : p[j];
    sorted &= j == 0 || index[size_t(j - 1)] <= index[size_t(j)];
  }
  Runs runs;
  if (!sorted) runs.order = sorted_positions(index, n);
  for (int64_t j = 0; j < m; j++) {
    const int64_t i = index[size_t(runs.at(j))];
    if (runs.row.empty() || runs.row.back() != i) {
      runs.row.push_back(i);
      runs.start.push_back(j);
    }
  }
  runs.start.push_back(m);
  return runs;
}

template <class T> struct Sum {
  using Total = std::conditional_t<std::is_integral_v<T>, int64_t, double>;
  static Total join(Total a, Total b) { return a + b; }
};
template <class T> struct Max {
  using Total = compute_t<T>;
  static Total join(Total a, Total b) { return b > a || b != b ? b : a; }      // a NaN is taken, and stays
};

// A task folds some runs in `width` columns; a total is rounded to T once, at its end.
constexpr int64_t width = 256;
template <template <class> class Kind> void fold_rows(const char* op, const Tensor& d, const Tensor& index, Tensor& y) {
  const int64_t outer = y.dim(0), n = y.dim(1), inner = y.dim(2), m = index.size();
  const Runs runs = runs_of(index, n, op);
  if (d.size() == 0) return;
  const int64_t count = int64_t(runs.row.size()), chunks = (inner + width - 1) / width;
  const int64_t work = std::max<int64_t>(1, m * std::min(inner, width) / count);          // of one run, on average
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Total = typename Kind<T>::Total;
    const auto one = [&](int64_t o, int64_t r, int64_t column) {
      const int64_t columns = std::min(inner - column, width), begin = runs.start[size_t(r)], end = runs.start[size_t(r + 1)];
      const T* from = d.data<T>() + o * m * inner + column;
      T* to = y.data<T>() + (o * n + runs.row[size_t(r)]) * inner + column;
      Total total[width];
      for (int64_t k = 0; k < columns; k++) total[k] = Total(compute_t<T>(to[k]));
      for (int64_t j = begin; j < end; j++) {
        const T* add = from + runs.at(j) * inner;
        if (j + 2 < m)                                        // rows come in no order that the hardware would foresee
          for (int64_t k = 0; k < columns; k += 64 / sizeof(T)) __builtin_prefetch(from + runs.at(j + 2) * inner + k);
        for (int64_t k = 0; k < columns; k++) total[k] = Kind<T>::join(total[k], Total(compute_t<T>(add[k])));
      }
      for (int64_t k = 0; k < columns; k++) to[k] = T(compute_t<T>(total[k]));
    };
    parallel_for(outer * chunks * count, std::max<int64_t>(1, grain / work), [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; task++)
        one(task / count / chunks, task % count, task / count % chunks * width);
    });
  });
}

void index_add(const Tensor& d, const Tensor& index, Tensor& y) { fold_rows<Sum>("index_add", d, index, y); }
void index_max(const Tensor& d, const Tensor& index, Tensor& y) { fold_rows<Max>("segment_max", d, index, y); }

const Fill filled[] = {{kernel::index_add, Device::cpu, index_add}, {kernel::index_max, Device::cpu, index_max}};

}  // namespace
}  // namespace chainrule
