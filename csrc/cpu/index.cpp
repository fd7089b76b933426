// Kernels that pick and place elements by index.
#include <cstring>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

int64_t checked(int64_t i, int64_t n, const char* op) {
  require<IndexError>(i >= -n && i < n, op, "index ", i, " is out of range for size ", n);
  return i < 0 ? i + n : i;
}

void take(const Tensor& x, const Tensor& index, Tensor& y) {
  const int64_t outer = x.dim(0), n = x.dim(1), m = index.size(), row = x.dim(2) * itemsize(x.dtype());
  const auto* px = static_cast<const char*>(x.bytes());
  auto* py = static_cast<char*>(y.bytes());
  const int64_t* pi = index.data<int64_t>();
  for (int64_t j = 0; j < m; j++) checked(pi[j], n, "take");
  parallel_for(outer * m, std::max<int64_t>(1, 65536 / std::max<int64_t>(row, 1)), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const int64_t i = pi[r % m];
      std::memcpy(py + r * row, px + (r / m * n + (i < 0 ? i + n : i)) * row, size_t(row));
    }
  });
}

// In the order of the index, so the sum is the same on any number of threads.
void index_add(const Tensor& d, const Tensor& index, Tensor& y) {
  const int64_t outer = y.dim(0), n = y.dim(1), inner = y.dim(2), m = index.size();
  const int64_t* pi = index.data<int64_t>();
  for (int64_t j = 0; j < m; j++) checked(pi[j], n, "index_add");
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* pd = d.data<T>();
    T* py = y.data<T>();
    for (int64_t o = 0; o < outer; o++)
      for (int64_t j = 0; j < m; j++) {
        const int64_t i = pi[j] < 0 ? pi[j] + n : pi[j];
        const T* from = pd + (o * m + j) * inner;
        T* to = py + (o * n + i) * inner;
        for (int64_t k = 0; k < inner; k++) to[k] = T(compute_t<T>(to[k]) + compute_t<T>(from[k]));
      }
  });
}

void put(const Tensor& values, const Tensor& positions, Tensor& y) {
  const int64_t* at = positions.data<int64_t>();
  each_size(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* v = values.data<T>();
    T* py = y.data<T>();
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

const Fill filled[] = {{kernel::take, Device::cpu, take},       {kernel::index_add, Device::cpu, index_add},
                       {kernel::put, Device::cpu, put},         {kernel::count_nonzero, Device::cpu, count_nonzero},
                       {kernel::nonzero, Device::cpu, nonzero}};

}  // namespace
}  // namespace chainrule
