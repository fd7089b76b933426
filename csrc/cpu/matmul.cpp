// Matrix products over a batch.
#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// The plain loop: the reference.
void matmul(const Tensor& a, const Tensor& b, Tensor& y) {
  const int64_t M = y.dim(1), N = y.dim(2), K = a.dim(2);
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T *pa = a.data<T>(), *pb = b.data<T>();
    T* py = y.data<T>();
    parallel_for(y.dim(0) * M, 1 + grain / (1 + N * K), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++)
        for (int64_t n = 0; n < N; n++) {
          const T* ra = pa + r / M * a.stride(0) + r % M * a.stride(1);
          const T* cb = pb + r / M * b.stride(0) + n * b.stride(2);
          C total = 0;
          for (int64_t k = 0; k < K; k++) total += C(ra[k * a.stride(2)]) * C(cb[k * b.stride(1)]);
          py[r * N + n] = T(total);
        }
    });
  });
}

const Fill filled(kernel::matmul, Device::cpu, matmul);

}  // namespace
}  // namespace chainrule
