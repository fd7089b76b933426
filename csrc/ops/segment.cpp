#include "ops/segment.h"

#include <cmath>
#include <limits>

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/views.h"

namespace chainrule {

Tensor index_add(const Tensor& d, const Tensor& index0, int64_t axis0, int64_t n) {
  require<DTypeError>(d.dtype() != DType::boolean, "index_add", "needs numbers, got bool");
  require(n >= 0, "index_add", "the number of rows must not be negative, got ", n);
  const Tensor index = as_index("index_add", index0);
  require(d.ndim() >= index.ndim(), "index_add", "d ", d.shape(), " has fewer axes than index ", index.shape());
  const int axis = normal_axis(axis0, d.ndim() - index.ndim() + 1, "index_add");
  Shape shape;
  for (int i = 0; i < axis; i++) shape.push_back(d.dim(i));
  shape.push_back(n);
  for (int i = axis + index.ndim(); i < d.ndim(); i++) shape.push_back(d.dim(i));
  for (int i = 0; i < index.ndim(); i++)
    require(d.dim(axis + i) == index.dim(i), "index_add", "d ", d.shape(), " needs the axes of index ", index.shape(),
            " at axis ", axis);
  const Shape three = three_axes(shape, axis);
  Tensor y = output("index_add", shape, d.dtype(), {d, index});
  kernel::fill(y.device(), y, 0, 0);
  Tensor out = reshape(y.detached(), three);
  kernel::index_add(d.device(), reshape(contiguous(d.detached()), {three[0], index.size(), three[2]}), index, out);
  link(y, d, [=](const Tensor& t) { return index_add(t, index, axis, n); },
       [=](const Tensor& t) { return take(t, index, axis); });
  return y;
}

namespace {

// max of the rows of each segment; the least value there is where there are none
Tensor largest(const Tensor& x, const Tensor& index, int64_t n) {
  Shape shape = x.shape();
  shape[0] = n;
  const DType t = x.dtype();
  const int64_t least = t == DType::uint8   ? 0
                        : t == DType::int32 ? std::numeric_limits<int32_t>::min()
                                            : std::numeric_limits<int64_t>::min();
  Tensor y = full(shape, -INFINITY, least, t, x.device());
  const int64_t inner = three_axes(x.shape(), 0)[2];
  Tensor out = reshape(y, {1, n, inner});
  kernel::index_max(x.device(), reshape(contiguous(x), {1, x.dim(0), inner}), index, out);
  return y;
}

// J is piecewise constant: each largest element of a segment hands on its equal share of 1.
Tensor extremum(const char* op, const Tensor& x, const Tensor& index0, int64_t n, double empty) {
  const Tensor index = as_index(op, index0), values = largest(x.detached(), index, n);
  const Tensor counts = index_add(full(index.shape(), 1, 1, DType::int64, x.device()), index, 0, n);
  Shape column = Shape::filled(x.ndim(), 1);
  column[0] = n;
  const Tensor none = reshape(equal(counts, weak_scalar(int64_t(0))), column);
  Tensor y = where(none, full(Shape(), empty, is_float(x) ? 0 : int64_t(empty), x.dtype(), x.device()), values);
  if (!recording() || !x.node()) return y;
  attach_node(op, y);
  const auto share = [=, x = x.detached()] {
    const Tensor tied = astype(equal(x, take(values, index, 0)), x.dtype());
    return tied / take(index_add(tied, index, 0, n), index, 0);
  };
  link(y, x, [=](const Tensor& d) { return index_add(share() * d, index, 0, n); },
       [=](const Tensor& d) { return share() * take(d, index, 0); });
  return y;
}

void check_segments(const char* op, const Tensor& x, const Tensor& index, int64_t n, double empty) {
  require<DTypeError>(x.dtype() != DType::boolean, op, "needs numbers, got bool");
  require(n >= 0, op, "num_segments must not be negative, got ", n);
  require(x.ndim() >= 1 && index.ndim() == 1 && index.dim(0) == x.dim(0), op, "data ", x.shape(), " and segment_ids ",
          index.shape(), " need one segment a row of data");
  require<ValueError>(is_float(x) || std::abs(empty) < 0x1p53, op, "empty ", empty, " is no ", x.dtype());
  common_device(op, {x, index});
}

}  // namespace

Tensor segment_max(const Tensor& x, const Tensor& index, int64_t n, double empty) {
  check_segments("segment_max", x, index, n, empty);
  return extremum("segment_max", x, index, n, empty);
}
Tensor segment_min(const Tensor& x, const Tensor& index, int64_t n, double empty) {
  check_segments("segment_min", x, index, n, empty);
  if (is_float(x)) return -extremum("segment_min", -x, index, n, -empty);
  // ~x = -1 - x turns the order of integers round and stays in their range
  return bitwise_invert(extremum("segment_min", bitwise_invert(x), index, n, -1 - empty));
}

}  // namespace chainrule
