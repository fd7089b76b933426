// Products of a matrix in compressed rows. A kernel first checks the pattern, and a wrong one is never followed.
#include "cuda.cuh"

namespace chainrule {
namespace {

struct Pattern { const int64_t *indptr, *indices; int64_t rows, stored, n; };

// indptr climbs from 0 to the number of values, and every column lies in 0 ... n - 1.
__global__ void check_pattern(Pattern a, const char* op, Faults faults) {
  if (first() == 0 && (a.indptr[0] != 0 || a.indptr[a.rows] != a.stored))
    report(faults, Fault::pattern_ends, op, 0, a.indptr[0], a.stored, a.indptr[a.rows]);
  for (int64_t i = first(); i < a.rows; i += stride())
    if (a.indptr[i] > a.indptr[i + 1]) report(faults, Fault::pattern_falls, op, 1 + i, a.indptr[i], i, a.indptr[i + 1]);
  for (int64_t k = first(); k < a.stored; k += stride())
    if (a.indices[k] < 0 || a.indices[k] >= a.n) report(faults, Fault::column, op, 1 + a.rows + k, a.indices[k], a.n);
}
Pattern checked_pattern(const char* op, const Tensor& indptr, const Tensor& indices, int64_t n) {
  const Pattern a{indptr.data<int64_t>(), indices.data<int64_t>(), indptr.size() - 1, indices.size(), n};
  launch(op, check_pattern, blocks(std::max(a.rows, a.stored) + 1), threads, 0, a, op, faults());
  return a;
}

// y[r, k] = Σ_j values[j] x[indices[j], k] for j in indptr[r] ... indptr[r + 1].  One thread an element of y, the terms in
// order: reads the matrix once for each of the `inner` columns, mostly from cache.
template <class T>
__global__ void csr_rows(Pattern a, const T* values, const T* x, T* y, int64_t size, int64_t inner, Faults faults) {
  if (faults.any()) return;
  for (int64_t at = first(); at < size; at += stride()) {
    const int64_t r = at / inner, k = at % inner;
    double total = 0;
    for (int64_t j = a.indptr[r]; j < a.indptr[r + 1]; j++)
      total += double(widen(values[j])) * double(widen(x[a.indices[j] * inner + k]));
    y[at] = narrow<T>(compute_t<T>(total));
  }
}
void csr_matmul(const Tensor& indptr, const Tensor& indices, const Tensor& values, const Tensor& x, Tensor& y) {
  const Pattern a = checked_pattern("csr_matmul", indptr, indices, x.dim(0));
  if (y.size() == 0) return;
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("csr_matmul", csr_rows<T>, blocks(y.size()), threads, 0, a, values.data<T>(), x.data<T>(), y.data<T>(), y.size(), y.dim(1),
           faults());
  });
}

// y[k] = ⟨a[i], b[indices[k]]⟩, k in row i, found by bisection.  One thread a value.
template <class T>
__global__ void csr_values(Pattern p, const T* a, const T* b, T* y, int64_t inner, Faults faults) {
  if (faults.any()) return;
  for (int64_t k = first(); k < p.stored; k += stride()) {
    int64_t low = 0, high = p.rows - 1;                    // the last row that starts at or before k
    while (low < high) {
      const int64_t middle = (low + high + 1) / 2;
      if (p.indptr[middle] <= k) low = middle;
      else high = middle - 1;
    }
    double total = 0;
    for (int64_t j = 0; j < inner; j++) total += double(widen(a[low * inner + j])) * double(widen(b[p.indices[k] * inner + j]));
    y[k] = narrow<T>(compute_t<T>(total));
  }
}
void csr_dot(const Tensor& indptr, const Tensor& indices, const Tensor& a, const Tensor& b, Tensor& y) {
  const Pattern p = checked_pattern("csr_dot", indptr, indices, b.dim(0));
  if (y.size() == 0) return;
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("csr_dot", csr_values<T>, blocks(y.size()), threads, 0, p, a.data<T>(), b.data<T>(), y.data<T>(), a.dim(1), faults());
  });
}

const Fill matmul_filled(kernel::csr_matmul, Device::cuda, csr_matmul), dot_filled(kernel::csr_dot, Device::cuda, csr_dot);

}  // namespace
}  // namespace chainrule
