#include "ops/sparse.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/sort.h"
#include "ops/views.h"

namespace chainrule {
namespace {

// Where the values of a matrix stand.
struct Pattern {
  Tensor indptr, indices;
  int64_t rows() const { return indptr.size() - 1; }
  int64_t nnz() const { return indices.size(); }
};
Pattern checked(const char* op, const Tensor& indptr, const Tensor& indices) {
  require(indptr.ndim() == 1 && indptr.size() >= 1 && indices.ndim() == 1, op, "indptr ", indptr.shape(), " and indices ",
          indices.shape(), " need one axis each, and indptr one element more than rows");
  return {as_index(op, indptr), as_index(op, indices)};
}

// The pattern of Aᵀ, which has n rows, and the place in A of each of its values.
struct Turned { Pattern pattern; Tensor place; };
Turned transposed(const Pattern& p, int64_t n) {
  const Device device = p.indices.device();
  const Tensor row = searchsorted(p.indptr, arange(0, 1, p.nnz(), DType::int64, device), true) - weak_scalar(int64_t(1));
  const Tensor place = argsort(p.indices, 0, false);
  const Tensor starts = searchsorted(take(p.indices, place, 0), arange(0, 1, n + 1, DType::int64, device), false);
  return {{starts, take(row, place, 0)}, place};
}
Tensor transposed_matmul(const Pattern& p, const Tensor& values, const Tensor& x, int64_t n) {
  const Turned t = transposed(p, n);
  return csr_matmul(t.pattern.indptr, t.pattern.indices, take(values, t.place, 0), x);
}

Tensor as_matrix(const Tensor& x) { return reshape(contiguous(x.detached()), {x.dim(0), three_axes(x.shape(), 0)[2]}); }

}  // namespace

// Linear in the values and in x:  d/dx is A, its transpose Aᵀ;  the transpose in the values is csr_dot.
Tensor csr_matmul(const Tensor& indptr, const Tensor& indices, const Tensor& values0, const Tensor& x0) {
  const char* op = "csr_matmul";
  const Pattern p = checked(op, indptr, indices);
  require(values0.shape() == indices.shape(), op, "values ", values0.shape(), " and indices ", indices.shape(), " need one shape");
  require(x0.ndim() >= 1, op, "x needs an axis of columns, got a scalar");
  const DType t = result_type(as_float(values0), as_float(x0));
  if (itemsize(t) == 2)                                       // kernels have float32 and float64
    return astype(csr_matmul(indptr, indices, astype(values0, DType::float32), astype(x0, DType::float32)), t);
  const Tensor values = astype(values0, t), x = astype(x0, t);
  Shape shape = x.shape();
  shape[0] = p.rows();
  Tensor y = output(op, shape, t, {p.indptr, p.indices, values, x});
  Tensor out = reshape(y.detached(), {p.rows(), three_axes(shape, 0)[2]});
  kernel::csr_matmul(x.device(), p.indptr, p.indices, contiguous(values.detached()), as_matrix(x), out);
  link(y, values, [=](const Tensor& d) { return csr_matmul(p.indptr, p.indices, d, x); },
       [=](const Tensor& d) { return csr_dot(p.indptr, p.indices, d, x); });
  link(y, x, [=](const Tensor& d) { return csr_matmul(p.indptr, p.indices, values, d); },
       [=, n = x.dim(0)](const Tensor& d) { return transposed_matmul(p, values, d, n); });
  return y;
}

// Linear in a and in b, with transposes D b and Dᵀ a, where D has the values d.
Tensor csr_dot(const Tensor& indptr, const Tensor& indices, const Tensor& a0, const Tensor& b0) {
  const char* op = "csr_dot";
  const Pattern p = checked(op, indptr, indices);
  bool fits = a0.ndim() >= 1 && a0.ndim() == b0.ndim() && a0.dim(0) == p.rows();
  for (int i = 1; fits && i < a0.ndim(); i++) fits = a0.dim(i) == b0.dim(i);
  require(fits, op, "a ", a0.shape(), " and b ", b0.shape(), " need equal sizes after the first, and a ", p.rows(), " rows");
  const DType t = result_type(as_float(a0), as_float(b0));
  const Tensor a = astype(a0, t), b = astype(b0, t);
  Tensor y = output(op, {p.nnz()}, t, {p.indptr, p.indices, a, b});
  Tensor out = y.detached();
  kernel::csr_dot(a.device(), p.indptr, p.indices, as_matrix(a), as_matrix(b), out);
  link(y, a, [=](const Tensor& d) { return csr_dot(p.indptr, p.indices, d, b); },
       [=](const Tensor& d) { return csr_matmul(p.indptr, p.indices, d, b); });
  link(y, b, [=](const Tensor& d) { return csr_dot(p.indptr, p.indices, a, d); },
       [=, n = b.dim(0)](const Tensor& d) { return transposed_matmul(p, d, a, n); });
  return y;
}

}  // namespace chainrule
