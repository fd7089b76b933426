#include "ops/index.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/pointwise.h"
#include "ops/segment.h"
#include "ops/views.h"

namespace chainrule {

Tensor as_index(const char* op, const Tensor& index) {
  require<DTypeError>(is_integer(index), op, "index must be an integer tensor, got ", index.dtype(),
                      "; use .astype(cr.int64)");
  return contiguous(astype(index, DType::int64));
}

namespace {

Tensor flat(const Tensor& x, const Shape& three) { return reshape(contiguous(x.detached()), three); }

}  // namespace

Tensor take(const Tensor& x, const Tensor& index0, int64_t axis0) {
  const int axis = normal_axis(axis0, x.ndim(), "take");
  const Tensor index = as_index("take", index0);
  Shape shape = x.shape();
  shape.erase(axis);
  for (int i = 0; i < index.ndim(); i++) shape.insert(axis + i, index.dim(i));
  const Shape three = three_axes(x.shape(), axis);
  Tensor y = output("take", shape, x.dtype(), {x, index});
  Tensor out = reshape(y.detached(), {three[0], index.size(), three[2]});
  kernel::take(x.device(), flat(x, three), index, out);
  link(y, x, [=](const Tensor& d) { return take(d, index, axis); },
       [=, n = three[1]](const Tensor& d) { return index_add(d, index, axis, n); });
  return y;
}

Tensor take_along_axis(const Tensor& x0, const Tensor& index0, int64_t axis0) {
  const char* op = "take_along_axis";
  const int axis = normal_axis(axis0, x0.ndim(), op);
  const Tensor integers = as_index(op, index0);
  bool fits = x0.ndim() == integers.ndim();
  Shape from = x0.shape(), shape = integers.shape();
  for (int i = 0; i < from.size() && fits; i++) {
    if (i == axis) continue;
    fits = from[i] == shape[i] || from[i] == 1 || shape[i] == 1;
    from[i] = shape[i] = from[i] == 1 ? shape[i] : from[i];
  }
  require(fits, op, "x ", x0.shape(), " and index ", integers.shape(),
          " need as many axes, of equal size or 1 except axis ", axis);
  const Tensor x = broadcast_to(x0, from), index = contiguous(broadcast_to(integers, shape));
  Tensor y = output(op, shape, x.dtype(), {x, index});
  const Shape three = three_axes(shape, axis);
  Tensor out = reshape(y.detached(), three);
  kernel::take_along_axis(x.device(), flat(x, three_axes(from, axis)), reshape(index, three), out);
  link(y, x, [=](const Tensor& d) { return take_along_axis(d, index, axis); },
       [=, n = from[axis]](const Tensor& d) { return scatter_add_along_axis(d, index, axis, n); });
  return y;
}

Tensor scatter_add_along_axis(const Tensor& d, const Tensor& index0, int64_t axis0, int64_t n) {
  const char* op = "scatter_add";
  require<DTypeError>(d.dtype() != DType::boolean, op, "needs numbers, got bool");
  const int axis = normal_axis(axis0, d.ndim(), op);
  const Tensor index = as_index(op, index0);
  require(d.shape() == index.shape(), op, "source ", d.shape(), " and index ", index.shape(), " need one shape");
  // Many small terms in a narrow type would stop the sum at its last bit: they are added in float32.
  if (itemsize(d.dtype()) == 2)
    return astype(scatter_add_along_axis(astype(d, DType::float32), index, axis, n), d.dtype());
  Shape shape = d.shape();
  shape[axis] = n;
  Tensor y = output(op, shape, d.dtype(), {d, index});
  const Shape three = three_axes(d.shape(), axis);
  Tensor out = reshape(y.detached(), three_axes(shape, axis));
  kernel::scatter_add_along_axis(d.device(), flat(d, three), reshape(index, three), out);
  link(y, d, [=](const Tensor& t) { return scatter_add_along_axis(t, index, axis, n); },
       [=](const Tensor& t) { return take_along_axis(t, index, axis); });
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
