// Matrix products over a batch.
#include "core/kernels.h"
#include "cpu/buffer.h"
#include "cpu/gemm.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// The plain loop: the definition, and the kernel of integers.
template <class T> void plain(const Tensor& a, const Tensor& b, Tensor& y) {
  const int64_t M = y.dim(1), N = y.dim(2), K = a.dim(2);
  parallel_for(y.dim(0) * M, 1 + grain / (1 + N * K), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++)
      for (int64_t n = 0; n < N; n++) {
        const T* row = a.data<T>() + r / M * a.stride(0) + r % M * a.stride(1);
        const T* column = b.data<T>() + r / M * b.stride(0) + n * b.stride(2);
        compute_t<T> total = 0;
        for (int64_t k = 0; k < K; k++) total += compute_t<T>(row[k * a.stride(2)]) * compute_t<T>(column[k * b.stride(1)]);
        y.data<T>()[r * N + n] = T(total);
      }
  });
}

template <class T> void packed(const Tensor& a, const Tensor& b, Tensor& y) {
  const int64_t M = y.dim(1), N = y.dim(2), K = a.dim(2), batch = y.dim(0), size = M * N;
  const int64_t alone = 1 << 22;             // multiply-adds from which one product is spread over the threads
  parallel_for(batch, batch == 1 || size * K >= alone ? batch : 1 + (1 << 18) / (size * K + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const Matrix<T> left{a.data<T>() + i * a.stride(0), a.stride(1), a.stride(2)};
      const Matrix<T> right{b.data<T>() + i * b.stride(0), b.stride(1), b.stride(2)};
      T* out = y.data<T>() + i * size;
      if constexpr (std::is_same_v<T, compute_t<T>>) {
        gemm(M, N, K, left, right, out, N);
      } else {                               // sums in float32, rounded once
        const Buffer<compute_t<T>> sums(size);
        gemm(M, N, K, left, right, sums.p, N);
        parallel_for(size, grain, [&](int64_t first, int64_t last) {
          for (int64_t j = first; j < last; j++) out[j] = T(sums.p[j]);
        });
      }
    }
  });
}

void matmul(const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.size() == 0) return;
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) plain<T>(a, b, y);
    else if (y.dim(1) * y.dim(2) * a.dim(2) <= 256) plain<T>(a, b, y);   // packing would cost more than it saves
    else packed<T>(a, b, y);
  });
}

void linear(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) {
  const auto go = [&](auto tag) {
    using T = decltype(tag);
    const Matrix<T> left{x.data<T>(), x.stride(0), x.stride(1)}, right{w.data<T>(), w.stride(1), w.stride(0)};
    gemm_plus(y.dim(0), y.dim(1), x.dim(1), left, right, b.data<T>(), y.data<T>(), y.dim(1));
  };
  y.dtype() == DType::float32 ? go(float()) : go(double());
}

const Fill filled(kernel::matmul, Device::cpu, matmul);
const Fill linear_filled(kernel::linear, Device::cpu, linear);

}  // namespace
}  // namespace chainrule
