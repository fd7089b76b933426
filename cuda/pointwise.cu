// Elementwise kernels: y row-major, inputs of its shape and any strides.
#include "cuda.cuh"

namespace chainrule {
namespace {

// y[i] = a[i] + b[i].  One thread an element, striding by the grid; neighbouring threads on neighbouring elements.
// Reads 2 values, writes 1: bound by memory.
template <class T>
__global__ void add_elements(const T* a, const T* b, T* __restrict__ y, Strided sa, Strided sb, bool dense, int64_t n) {
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += int64_t(gridDim.x) * blockDim.x)
    y[i] = dense ? a[i] + b[i] : a[sa.at(i)] + b[sb.at(i)];
}

void add(const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.size() == 0) return;                               // an empty grid is a launch error
  const auto launch = [&](auto tag) {
    using T = typename decltype(tag)::type;
    add_elements<<<blocks(y.size()), threads, 0, stream()>>>(a.data<T>(), b.data<T>(), y.data<T>(), Strided(a), Strided(b),
                                                             a.contiguous() && b.contiguous(), y.size());
  };
  if (y.dtype() == DType::float32) launch(type_tag<float>{});
  else if (y.dtype() == DType::float64) launch(type_tag<double>{});
  else if (y.dtype() == DType::int32) launch(type_tag<int32_t>{});
  else if (y.dtype() == DType::int64) launch(type_tag<int64_t>{});
  else fail<DTypeError>("add", "no CUDA kernel for ", y.dtype(), " in this build");
  check_launch("add");
}

const Fill filled(kernel::add, Device::cuda, add);

}  // namespace
}  // namespace chainrule
