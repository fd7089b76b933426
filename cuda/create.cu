// Copies, conversions, fills and ranges.
#include <limits>

#include "map.cuh"

namespace chainrule {
namespace {

struct Same {
  template <class T> __device__ T operator()(T x) const { return x; }
};
// A float outside an integer's range (or NaN) has no value there: it becomes the nearest end, NaN zero.
template <class Y> struct Convert {
  template <class X> __device__ Y operator()(X x) const {
    if constexpr (std::is_same_v<Y, bool>) return x != X(0);
    else if constexpr (std::is_integral_v<Y> && std::is_floating_point_v<X>) {
      constexpr Y low = std::numeric_limits<Y>::min(), high = std::numeric_limits<Y>::max();
      if (x != x) return 0;
      if (x <= X(low)) return low;
      if (x >= X(high)) return high;
      return Y(x);
    } else return Y(x);
  }
};

void copy(const Tensor& x, Tensor& y) {
  if (x.dtype() == y.dtype()) {
    if (x.contiguous() && y.contiguous()) {
      const size_t bytes = size_t(x.size() * itemsize(x.dtype()));
      if (bytes) check_cuda("copy", cudaMemcpyAsync(y.bytes(), x.bytes(), bytes, cudaMemcpyDeviceToDevice, stream()));
      return;
    }
    return each_size(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      map<T, T>("copy", x, y, Same{});
    });
  }
  each_type(x.dtype(), [&](auto from) {
    each_type(y.dtype(), [&](auto to) {
      using X = typename decltype(from)::type;
      using Y = typename decltype(to)::type;
      map<X, Y>("astype", x, y, Convert<compute_t<Y>>{});
    });
  });
}

// y[i] = v.  One thread an element: writes y once.
template <class T> __global__ void fill_elements(T* y, T v, Strided<1> axes) {
  for (int64_t i = first(); i < axes.n; i += stride()) {
    int64_t at[1];
    axes.at(i, at);
    y[at[0]] = v;
  }
}
void fill(Tensor& y, double value, int64_t integer) {
  if (y.size() == 0) return;
  each_type(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T v = is_float(y) ? T(compute_t<T>(value)) : T(compute_t<T>(integer));
    launch("fill", fill_elements<T>, blocks(y.size()), threads, 0, y.data<T>(), v, Strided<1>(y.shape(), {y.strides()}));
  });
}

// y[i] = start + i step, in float64.  One thread an element: writes y once.
template <class T> __global__ void arange_elements(T* y, double start, double step, int64_t n) {
  for (int64_t i = first(); i < n; i += stride()) y[i] = narrow<T>(compute_t<T>(start + double(i) * step));
}
void arange(Tensor& y, double start, double step) {
  if (y.size() == 0) return;
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("arange", arange_elements<T>, blocks(y.size()), threads, 0, y.data<T>(), start, step, y.size());
  });
}

const Fill copy_filled(kernel::copy, Device::cuda, copy);
const Fill fill_filled(kernel::fill, Device::cuda, fill);
const Fill arange_filled(kernel::arange, Device::cuda, arange);

}  // namespace
}  // namespace chainrule
