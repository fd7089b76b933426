#include "ops/index.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/pointwise.h"
#include "ops/views.h"

namespace chainrule {
namespace {

Tensor as_index(const char* op, const Tensor& index) {
  require<DTypeError>(is_integer(index), op, "index must be an integer tensor, got ", index.dtype(),
                      "; use .astype(cr.int64)");
  return contiguous(astype(index, DType::int64));
}
int64_t product(const Shape& s, int begin, int end) {
  int64_t n = 1;
  for (int i = begin; i < end; i++) n *= s[i];
  return n;
}

}  // namespace

Tensor take(const Tensor& x, const Tensor& index0, int64_t axis0) {
  const int axis = normal_axis(axis0, x.ndim(), "take");
  const Tensor index = as_index("take", index0);
  Shape shape = x.shape();
  shape.erase(axis);
  for (int i = 0; i < index.ndim(); i++) shape.insert(axis + i, index.dim(i));
  const int64_t outer = product(x.shape(), 0, axis), n = x.dim(axis), inner = product(x.shape(), axis + 1, x.ndim());
  Tensor y = output("take", shape, x.dtype(), {x, index});
  const Tensor flat = reshape(contiguous(x.detached()), {outer, n, inner});
  Tensor out = reshape(y.detached(), {outer, index.size(), inner});
  kernel::take(x.device(), flat, index, out);
  link(y, x, [=](const Tensor& d) { return take(d, index, axis); },
       [=](const Tensor& d) { return index_add(d, index, axis, n); });
  return y;
}

Tensor index_add(const Tensor& d, const Tensor& index0, int64_t axis0, int64_t n) {
  const Tensor index = as_index("index_add", index0);
  const int left = d.ndim() - index.ndim() + 1;
  const int axis = normal_axis(axis0, left, "index_add");
  Shape shape;
  for (int i = 0; i < axis; i++) shape.push_back(d.dim(i));
  shape.push_back(n);
  for (int i = axis + index.ndim(); i < d.ndim(); i++) shape.push_back(d.dim(i));
  for (int i = 0; i < index.ndim(); i++)
    require(d.dim(axis + i) == index.dim(i), "index_add", "d ", d.shape(), " needs the axes of index ", index.shape(),
            " at axis ", axis);
  const int64_t outer = product(shape, 0, axis), inner = product(shape, axis + 1, shape.size());
  Tensor y = output("index_add", shape, d.dtype(), {d, index});
  kernel::fill(y.device(), y, 0, 0);
  const Tensor flat = reshape(contiguous(d.detached()), {outer, index.size(), inner});
  Tensor out = reshape(y.detached(), {outer, n, inner});
  kernel::index_add(d.device(), flat, index, out);
  link(y, d, [=](const Tensor& t) { return index_add(t, index, axis, n); },
       [=](const Tensor& t) { return take(t, index, axis); });
  return y;
}

Tensor check_index(const char* op, const Tensor& index, int64_t n) {
  const Tensor host = contiguous(to_device(index, Device::cpu));
  const int64_t* p = host.data<int64_t>();
  for (int64_t i = 0; i < host.size(); i++)
    require<IndexError>(p[i] >= -n && p[i] < n, op, "index ", p[i], " is out of range for size ", n);
  return where(less(index, weak_scalar(int64_t(0))), index + weak_scalar(n), index);
}

Tensor nonzero(const Tensor& x0) {
  const Tensor x = contiguous(x0.detached());
  int64_t n = 0;
  kernel::count_nonzero(x.device(), x, &n);
  Tensor y = output("nonzero", {n, x.ndim()}, DType::int64, x.device());
  kernel::nonzero(x.device(), x, y);
  return y;
}

void put(Tensor& y, const Tensor& positions, const Tensor& values) {
  kernel::put(y.device(), contiguous(values), contiguous(positions), y);
}

}  // namespace chainrule
