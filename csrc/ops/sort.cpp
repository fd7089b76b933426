#include "ops/sort.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/index.h"
#include "ops/views.h"

namespace chainrule {
namespace {

// The first k positions of the sorted order along an axis.
Tensor first_positions(const char* op, const Tensor& x0, int64_t k, int axis, bool descending) {
  const Tensor x = x0.detached(), lines = contiguous(transpose(x, axis, -1));
  require<ValueError>(k >= 0 && k <= x.dim(axis), op, "k must lie in 0 ... ", x.dim(axis), ", the size of axis ", axis, ", got ", k);
  Shape shape = lines.shape();
  const int64_t n = shape[-1];
  shape[-1] = k;
  Tensor y = output(op, shape, DType::int64, x.device());
  int64_t rows = 1;
  for (int i = 0; i + 1 < shape.size(); i++) rows *= shape[i];
  Tensor out = reshape(y, {rows, k});
  if (y.size()) kernel::argsort(x.device(), reshape(lines, {rows, n}), descending, out);
  return transpose(y, axis, -1);
}

}  // namespace

Tensor argsort(const Tensor& x, int64_t axis0, bool descending) {
  const int axis = normal_axis(axis0, x.ndim(), "argsort");
  return first_positions("argsort", x, x.dim(axis), axis, descending);
}

// The order is piecewise constant, so the derivative is that of the permutation.
Tensor sort(const Tensor& x0, int64_t axis0, bool descending) {
  const Tensor x = strong(x0);
  const int axis = normal_axis(axis0, x.ndim(), "sort");
  return take_along_axis(x, first_positions("sort", x, x.dim(axis), axis, descending), axis);
}

TopK topk(const Tensor& x0, int64_t k, int64_t axis0, bool largest) {
  const Tensor x = strong(x0);
  const int axis = normal_axis(axis0, x.ndim(), "topk");
  const Tensor indices = first_positions("topk", x, k, axis, largest);
  return {take_along_axis(x, indices, axis), indices};
}

Tensor searchsorted(const Tensor& sorted0, const Tensor& values0, bool right) {
  const char* op = "searchsorted";
  const DType t = result_type(sorted0, values0);
  const Tensor sorted = astype(sorted0.detached(), t), values = contiguous(astype(values0.detached(), t));
  const bool one = sorted.ndim() == 1;
  bool fits = one || (sorted.ndim() > 1 && sorted.ndim() == values.ndim());
  for (int i = 0; fits && !one && i + 1 < sorted.ndim(); i++) fits = sorted.dim(i) == values.dim(i);
  require(fits, op, "sorted ", sorted.shape(), " and values ", values.shape(), " need sorted of one axis, or equal leading axes");
  Tensor y = output(op, values.shape(), DType::int64, common_device(op, {sorted, values}));
  const int64_t n = sorted.shape().back(), rows = one ? 1 : sorted.size() / std::max<int64_t>(n, 1);
  if (y.size() == 0) return y;
  if (n == 0) {
    kernel::fill(y.device(), y, 0, 0);
    return y;
  }
  Tensor out = reshape(y, {rows, values.size() / rows});
  kernel::searchsorted(y.device(), reshape(contiguous(sorted), {rows, n}), reshape(values, out.shape()), right, out);
  return y;
}

}  // namespace chainrule
