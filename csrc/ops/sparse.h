// Sparse matrices in compressed rows (CSR) times dense ones. Row i holds values[k] in column indices[k] for
// indptr[i] <= k < indptr[i + 1].
#pragma once
#include "core/tensor.h"

namespace chainrule {

// y = A x, A (rows, n) with nnz values;  x (n, ...) -> y (rows, ...).
Tensor csr_matmul(const Tensor& indptr, const Tensor& indices, const Tensor& values, const Tensor& x);
// The entries of a bᵀ where A has values: y[k] = ⟨a[i], b[indices[k]]⟩, k in row i;  a (rows, ...), b (n, ...) -> y (nnz).
Tensor csr_dot(const Tensor& indptr, const Tensor& indices, const Tensor& a, const Tensor& b);

}  // namespace chainrule
