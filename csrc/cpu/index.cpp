// Kernels that pick and place elements by index.
#include <atomic>
#include <cstring>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

int64_t checked(int64_t i, int64_t n, const char* op) {
  require<IndexError>(i >= -n && i < n, op, "index ", i, " is out of range for size ", n);
  return i < 0 ? i + n : i;
}

// y[o, j] = x[o, index[j]], rows of `inner` elements
void take(const Tensor& x, const Tensor& index, Tensor& y) {
  const int64_t outer = x.dim(0), n = x.dim(1), m = index.size(), inner = x.dim(2), row = inner * itemsize(x.dtype());
  const int64_t* pi = index.data<int64_t>();
  const auto each = [&](auto&& move) {                         // move(row of x, row of y)
    parallel_for(outer * m, std::max<int64_t>(1, 65536 / std::max<int64_t>(row, 4)), [&](int64_t begin, int64_t end) {
      int64_t o = begin / m, j = begin % m;
      for (int64_t r = begin; r < end; r++) {
        move(o * n + checked(pi[j], n, "take"), r);
        if (++j == m) { j = 0; o++; }
      }
    });
  };
  if (inner == 1)
    return each_size(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      each([px = static_cast<const T*>(x.bytes()), py = static_cast<T*>(y.bytes())](int64_t from, int64_t to) { py[to] = px[from]; });
    });
  const auto* px = static_cast<const char*>(x.bytes());
  auto* py = static_cast<char*>(y.bytes());
  each([=](int64_t from, int64_t to) { std::memcpy(py + to * row, px + from * row, size_t(row)); });
}

// y[o, j, k] = x[o, index[o, j, k], k]
void take_along_axis(const Tensor& x, const Tensor& index, Tensor& y) {
  const int64_t n = x.dim(1), m = y.dim(1), inner = y.dim(2);
  if (y.size() == 0) return;
  each_size(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* px = static_cast<const T*>(x.bytes());
    T* py = static_cast<T*>(y.bytes());
    const int64_t* pi = index.data<int64_t>();
    const auto row = [&](int64_t from, int64_t to, int64_t length) {
      for (int64_t k = 0; k < length; k++) {
        const int64_t i = checked(pi[to + k], n, "take_along_axis");
        py[to + k] = px[inner == 1 ? from + i : from + i * inner + k];
      }
    };
    if (y.dim(0) == 1 && inner == 1)                          // one long line, cut anywhere
      return parallel_for(m, grain, [&](int64_t begin, int64_t end) { row(0, begin, end - begin); });
    if (inner == 1)
      return parallel_for(y.dim(0), std::max<int64_t>(1, grain / m), [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; o++) row(o * n, o * m, m);
      });
    parallel_for(y.dim(0) * m, std::max<int64_t>(1, grain / inner), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) row(r / m * n * inner, r * inner, inner);
    });
  });
}

// y[o, i, k] = Σ d[o, j, k] over the j whose index[o, j, k] is i: each line along j is one task, so its order of addition is that
// of j, and its zeros are still near when sums are added to them.
void scatter_add_along_axis(const Tensor& d, const Tensor& index, Tensor& y) {
  const int64_t outer = d.dim(0), m = d.dim(1), n = y.dim(1), inner = d.dim(2);
  constexpr int64_t width = 64;
  const int64_t chunks = (inner + width - 1) / width;
  if (d.size() == 0) return kernel::fill(Device::cpu, y, 0, 0);
  const int64_t* pi = index.data<int64_t>();
  if (chunks > 1)                                              // the first wrong one is named, not the first in a task
    parallel_for(d.size(), grain, [=](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; at++) checked(pi[at], n, "scatter_add");
    });
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* pd = d.data<T>();
    T* py = y.data<T>();
    if (inner == 1)
      return parallel_for(outer, std::max<int64_t>(1, grain / (m + n)), [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; o++) {
          T* line = py + o * n;
          std::fill_n(line, n, T(0));
          for (int64_t at = o * m; at < (o + 1) * m; at++) {
            T& to = line[checked(pi[at], n, "scatter_add")];
            to = T(compute_t<T>(to) + compute_t<T>(pd[at]));
          }
        }
      });
    parallel_for(outer * chunks, std::max<int64_t>(1, grain / ((m + n) * std::min(inner, width))), [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; task++) {
        const int64_t o = task / chunks, first = task % chunks * width, last = std::min(inner, first + width);
        for (int64_t i = 0; i < n; i++) std::fill_n(py + (o * n + i) * inner + first, last - first, T(0));
        for (int64_t j = 0; j < m; j++)
          for (int64_t k = first; k < last; k++) {
            const int64_t at = (o * m + j) * inner + k;
            T& to = py[(o * n + checked(pi[at], n, "scatter_add")) * inner + k];
            to = T(compute_t<T>(to) + compute_t<T>(pd[at]));
          }
      }
    });
  });
}

void put(const Tensor& values, const Tensor& positions, Tensor& y) {
  const int64_t* at = positions.data<int64_t>();
  for (int64_t i = 0; i < positions.size(); i++) checked(at[i], y.size(), "put");      // all, before anything is changed
  each_size(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* v = static_cast<const T*>(values.bytes());
    T* py = static_cast<T*>(y.bytes());
    for (int64_t i = 0; i < positions.size(); i++) {
      int64_t rest = checked(at[i], y.size(), "put"), offset = 0;
      for (int a = y.ndim() - 1; a >= 0; a--) {
        offset += rest % y.dim(a) * y.stride(a);
        rest /= y.dim(a);
      }
      py[offset] = v[i];
    }
  });
}

template <class F> void each_nonzero(const Tensor& x, F&& f) {
  each_type(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = x.data<T>();
    for (int64_t i = 0; i < x.size(); i++)
      if (compute_t<T>(p[i]) != compute_t<T>(0)) f(i);
  });
}
void count_nonzero(const Tensor& x, int64_t* n) {
  *n = 0;
  each_nonzero(x, [&](int64_t) { ++*n; });
}
void nonzero(const Tensor& x, Tensor& y) {
  int64_t* p = y.data<int64_t>();
  each_nonzero(x, [&](int64_t i) {
    for (int a = x.ndim() - 1; a >= 0; a--) {
      p[a] = i % x.dim(a);
      i /= x.dim(a);
    }
    p += x.ndim();
  });
}

const Fill filled[] = {{kernel::take, Device::cpu, take},
                       {kernel::take_along_axis, Device::cpu, take_along_axis},
                       {kernel::scatter_add_along_axis, Device::cpu, scatter_add_along_axis},
                       {kernel::put, Device::cpu, put},
                       {kernel::count_nonzero, Device::cpu, count_nonzero},
                       {kernel::nonzero, Device::cpu, nonzero}};

}  // namespace
}  // namespace chainrule
