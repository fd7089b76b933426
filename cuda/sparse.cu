// Products with a matrix in compressed rows.
#include "cuda.cuh"

namespace chainrule {
namespace {

// y[r, k] = Σ_j values[j] x[indices[j], k] for j in indptr[r] ... indptr[r + 1].  One thread an element of y, the terms in
// order: reads the matrix once for each of the `inner` columns, mostly from cache.
template <class T>
__global__ void csr_rows(const int64_t* indptr, const int64_t* indices, const T* values, const T* x, T* y, int64_t size,
                         int64_t inner, int64_t n, int64_t stored, Fault* fault) {
  for (int64_t at = first(); at < size; at += stride()) {
    const int64_t r = at / inner, k = at % inner, begin = indptr[r], end = indptr[r + 1];
    if (begin < 0 || end > stored) {
      report(fault, Fault::index, "csr_matmul", begin < 0 ? begin : end, stored);
      continue;
    }
    double total = 0;
    for (int64_t j = begin; j < end; j++) {
      const int64_t i = checked(indices[j], n, "csr_matmul", fault);
      if (i >= 0) total += double(widen(values[j])) * double(widen(x[i * inner + k]));
    }
    y[at] = narrow<T>(compute_t<T>(total));
  }
}
void csr_matmul(const Tensor& indptr, const Tensor& indices, const Tensor& values, const Tensor& x, Tensor& y) {
  if (y.size() == 0) return;
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("csr_matmul", csr_rows<T>, blocks(y.size()), threads, 0, indptr.data<int64_t>(), indices.data<int64_t>(),
           values.data<T>(), x.data<T>(), y.data<T>(), y.size(), y.dim(1), x.dim(0), values.size(), faults());
  });
}
const Fill filled(kernel::csr_matmul, Device::cuda, csr_matmul);

}  // namespace
}  // namespace chainrule
