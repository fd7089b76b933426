#include "ops/matmul.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/reduce.h"
#include "ops/views.h"

namespace chainrule {
namespace {

Tensor transposed(const Tensor& x) { return permute_dims(x, {0, 2, 1}); }

// y = a b for a (batch, M, K) and b (batch, K, N). Bilinear: each edge is a product with the other factor.
Tensor product(const Tensor& a, const Tensor& b) {
  Tensor y = output("matmul", {a.dim(0), a.dim(1), b.dim(2)}, a.dtype(), {a, b});
  kernel::matmul(y.device(), a, b, y);
  link(y, a, [b](const Tensor& d) { return product(d, b); }, [b](const Tensor& d) { return product(d, transposed(b)); });
  // The adjoint of a transposed view, such as W in x Wᵀ, is made as that of what it views: row-major there.
  const bool turned = b.stride(1) == 1 && b.stride(2) != 1;
  link(y, b, [a](const Tensor& d) { return product(a, d); }, [a, turned](const Tensor& d) {
    return turned ? transposed(product(transposed(d), a)) : product(transposed(a), d);
  });
  return y;
}

}  // namespace

Tensor matmul(const Tensor& a0, const Tensor& b0) {
  require(a0.ndim() >= 1 && b0.ndim() >= 1, "matmul", "needs at least one axis each, got a ", a0.shape(), " and b ",
          b0.shape());
  const DType t = result_type(a0, b0);
  require<DTypeError>(t != DType::boolean, "matmul", "needs numbers, got a and b of type bool; use .astype(...)");
  Tensor a = astype(a0, t), b = astype(b0, t);
  const bool row = a.ndim() == 1, column = b.ndim() == 1;
  if (row) a = expand_dims(a, 0);
  if (column) b = expand_dims(b, 1);
  require(a.dim(-1) == b.dim(-2), "matmul", "inner axes differ: a ", a0.shape(), " @ b ", b0.shape(),
          " needs a.shape[-1] == b.shape[", column ? "-1]" : "-2]");
  const int64_t M = a.dim(-2), K = a.dim(-1), N = b.dim(-1);

  Shape batch_a = a.shape(), batch_b = b.shape();
  for (Shape* s : {&batch_a, &batch_b}) { s->pop_back(); s->pop_back(); }
  Shape shape;
  Tensor y;
  if (batch_b.empty()) {                                   // one matrix on the right: fold a's batch into its rows
    shape = batch_a;
    y = product(reshape(a, {1, count(batch_a) * M, K}), reshape(b, {1, K, N}));
  } else {
    shape = broadcast(batch_a, batch_b, "matmul");
    Shape sa = shape, sb = shape;
    sa.push_back(M); sa.push_back(K);
    sb.push_back(K); sb.push_back(N);
    const int64_t n = count(shape);
    y = product(reshape(broadcast_to(a, sa), {n, M, K}), reshape(broadcast_to(b, sb), {n, K, N}));
  }
  if (!row) shape.push_back(M);
  if (!column) shape.push_back(N);
  return reshape(y, shape);
}

// The product's bytes take the bias in: one op where matmul and add would be two, and views besides.
Tensor linear(const Tensor& x0, const Tensor& w0, const Tensor& b0) {
  const char* op = "linear";
  require(w0.ndim() == 2 && x0.ndim() >= 1 && x0.dim(-1) == w0.dim(1), op, "x ", x0.shape(), " and weight ", w0.shape(),
          " need x.shape[-1] == weight.shape[1]");
  require(!b0 || b0.shape() == Shape{w0.dim(0)}, op, "bias ", b0 ? b0.shape() : Shape(), " needs shape (", w0.dim(0), ",)");
  const DType t = b0 ? promote(result_type(x0, w0), b0.dtype()) : result_type(x0, w0);
  require<DTypeError>(t != DType::boolean, op, "needs numbers, got bool; use .astype(...)");
  const Tensor x = astype(x0, t), w = astype(w0, t), b = b0 ? astype(b0, t) : b0;
  const int64_t N = w.dim(0), K = w.dim(1);
  Shape shape = x.shape();
  shape.pop_back();
  const int64_t M = count(shape);
  shape.push_back(N);
  Tensor y = b ? output(op, shape, t, {x, w, b}) : output(op, shape, t, {x, w});
  if (b && (t == DType::float32 || t == DType::float64)) {
    Tensor out = reshape(y.detached(), {M, N});
    kernel::linear(y.device(), reshape(x.detached(), {M, K}), w.detached(), contiguous(b.detached()), out);
  } else {
    Tensor out = reshape(y.detached(), {1, M, N});
    kernel::matmul(y.device(), reshape(x.detached(), {1, M, K}), transposed(reshape(w.detached(), {1, N, K})), out);
    if (b) kernel::add(y.device(), out, broadcast_to(b.detached(), out.shape()), out);
  }
  link(y, x, [w](const Tensor& v) { return linear(v, w, {}); }, [w](const Tensor& d) { return matmul(d, w); });
  link(y, w, [x](const Tensor& v) { return linear(x, v, {}); }, [=](const Tensor& d) {
    return matmul(transpose(reshape(d, {M, N}), 0, 1), reshape(x, {M, K}));
  });
  if (b)
    link(y, b, [shape](const Tensor& v) { return broadcast_to(v, shape); },
         [=](const Tensor& d) { return sum(reshape(d, {M, N}), Shape{0}, drop); });
  return y;
}

}  // namespace chainrule
