#include "ops/views.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/reduce.h"

namespace chainrule {

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int lead = shape.size() - x.ndim();
  require(lead >= 0, "broadcast_to", "x ", x.shape(), " has more axes than ", shape);
  Shape strides = Shape::filled(shape.size(), 0);
  for (int i = 0; i < x.ndim(); i++) {
    require(x.dim(i) == shape[lead + i] || x.dim(i) == 1, "broadcast_to", "x ", x.shape(), " does not fit ", shape,
            ": sizes from the right must be equal or 1");
    strides[lead + i] = x.dim(i) == 1 ? 0 : x.stride(i);
  }
  Tensor y = view("broadcast_to", x, shape, strides, 0);
  link(y, x, [shape](const Tensor& d) { return broadcast_to(d, shape); },
       [from = x.shape()](const Tensor& d) { return sum_to(d, from); });
  return y;
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int lead = x.ndim() - shape.size();
  require(lead >= 0, "sum_to", "x ", x.shape(), " has fewer axes than ", shape);
  Shape axes;
  for (int i = 0; i < x.ndim(); i++)
    if (i < lead || shape[i - lead] != x.dim(i)) axes.push_back(i);
  return reshape(sum(x, axes, false), shape);
}

namespace {
// Strides of x seen in another shape, or false when only a copy will do.
bool reshaped_strides(const Tensor& x, const Shape& shape, Shape& strides) {
  strides = row_major(shape);
  if (x.contiguous()) return true;
  Shape old_shape, old_strides;
  for (int i = 0; i < x.ndim(); i++)
    if (x.dim(i) != 1) { old_shape.push_back(x.dim(i)); old_strides.push_back(x.stride(i)); }
  int o = 0, s = 0;                                       // the first axes not yet matched
  while (o < old_shape.size()) {
    int oe = o, se = s;
    int64_t old_n = old_shape[oe++], new_n = se < shape.size() ? shape[se++] : 1;
    while (old_n != new_n) {
      if (old_n < new_n) { if (oe == old_shape.size()) return false; old_n *= old_shape[oe++]; }
      else { if (se == shape.size()) return false; new_n *= shape[se++]; }
    }
    for (int i = o; i + 1 < oe; i++)
      if (old_strides[i] != old_strides[i + 1] * old_shape[i + 1]) return false;
    int64_t step = old_strides[oe - 1];
    for (int i = se - 1; i >= s; i--) { strides[i] = step; step *= shape[i]; }
    o = oe;
    s = se;
  }
  return true;
}
}  // namespace

Tensor reshape(const Tensor& x, const Shape& wanted) {
  if (x.shape() == wanted) return x;
  Shape shape = wanted;
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < shape.size(); i++) {
    if (shape[i] == -1) {
      require(unknown < 0, "reshape", "only one size can be -1, got ", wanted);
      unknown = i;
    } else {
      require(shape[i] >= 0, "reshape", "sizes must not be negative, got ", wanted);
      known *= shape[i];
    }
  }
  if (unknown >= 0) {
    require(known > 0 && x.size() % known == 0, "reshape", "x ", x.shape(), " does not divide into ", wanted);
    shape[unknown] = x.size() / known;
  }
  require(count(shape, "reshape") == x.size(), "reshape", "x ", x.shape(), " has ", x.size(), " elements, ", wanted,
          " needs ", count(shape));
  Shape strides;
  const bool can_view = x.size() == 0 || reshaped_strides(x, shape, strides);
  if (!can_view) return reshape(contiguous(x), shape);
  Tensor y = view("reshape", x, shape, x.size() ? strides : row_major(shape), 0);
  link(y, x, [shape](const Tensor& d) { return reshape(d, shape); },
       [from = x.shape()](const Tensor& d) { return reshape(d, from); });
  return y;
}

Tensor permute_dims(const Tensor& x, const Shape& axes) {
  require<ValueError>(axes.size() == x.ndim(), "permute_dims", axes.size(), " axes given for ", x.ndim());
  Shape shape, strides, order, inverse = axes;
  for (int64_t axis : axes) {
    const int a = normal_axis(axis, x.ndim(), "permute_dims");
    for (int64_t before : order) require<ValueError>(before != a, "permute_dims", "axis ", a, " is given twice");
    inverse[a] = order.size();
    order.push_back(a);
    shape.push_back(x.dim(a));
    strides.push_back(x.stride(a));
  }
  Tensor y = view("permute_dims", x, shape, strides, 0);
  link(y, x, [order](const Tensor& d) { return permute_dims(d, order); },
       [inverse](const Tensor& d) { return permute_dims(d, inverse); });
  return y;
}

Tensor expand_dims(const Tensor& x, int64_t axis) {
  Shape shape = x.shape();
  shape.insert(normal_axis(axis, x.ndim() + 1, "expand_dims"), 1);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, const Axes& axes) {
  Shape shape;
  const Shape out = axes ? normal_axes(axes, x.ndim(), "squeeze") : Shape();
  for (int64_t a : out) require(x.dim(int(a)) == 1, "squeeze", "axis ", a, " of ", x.shape(), " is not of size 1");
  for (int i = 0; i < x.ndim(); i++) {
    const bool named = std::find(out.begin(), out.end(), i) != out.end();
    if (!(axes ? named : x.dim(i) == 1)) shape.push_back(x.dim(i));
  }
  return reshape(x, shape);
}

Tensor slice(const Tensor& x, const Shape& start, const Shape& size, const Shape& step) {
  Shape strides = x.strides();
  int64_t offset = 0;
  for (int i = 0; i < x.ndim(); i++) {
    const int64_t last = start[i] + (size[i] - 1) * step[i];
    require<IndexError>(size[i] == 0 || (start[i] >= 0 && start[i] < x.dim(i) && last >= 0 && last < x.dim(i)), "slice",
                        "start ", start, " size ", size, " step ", step, " leaves x ", x.shape());
    offset += size[i] ? start[i] * x.stride(i) : 0;
    strides[i] *= step[i];
  }
  Tensor y = view("slice", x, size, strides, count(size) ? offset : 0);
  link(y, x, [=](const Tensor& d) { return slice(d, start, size, step); },
       [=, from = x.shape()](const Tensor& d) { return embed(d, from, start, step); });
  return y;
}

Tensor embed(const Tensor& x, const Shape& shape, const Shape& start, const Shape& step) {
  Tensor y = output("embed", shape, x.dtype(), {x});
  kernel::fill(y.device(), y, 0, 0);
  Tensor place = slice(y.detached(), start, x.shape(), step);
  kernel::copy(y.device(), x, place);
  link(y, x, [=](const Tensor& d) { return embed(d, shape, start, step); },
       [=, size = x.shape()](const Tensor& d) { return slice(d, start, size, step); });
  return y;
}

Tensor select(const Tensor& x, int64_t axis0, int64_t i) {
  const int axis = normal_axis(axis0, x.ndim(), "select");
  require<IndexError>(i >= -x.dim(axis) && i < x.dim(axis), "select", "index ", i, " is out of range for axis ", axis, " of ",
                      x.shape());
  Shape start = Shape::filled(x.ndim(), 0), size = x.shape(), step = Shape::filled(x.ndim(), 1), shape = x.shape();
  start[axis] = i < 0 ? i + x.dim(axis) : i;
  size[axis] = 1;
  shape.erase(axis);
  return reshape(slice(x, start, size, step), shape);
}

Tensor concat(const std::vector<Tensor>& given, int64_t axis0) {
  require<ValueError>(!given.empty(), "concat", "needs at least one tensor");
  const int axis = normal_axis(axis0, given[0].ndim(), "concat");
  DType t = strong_type(given[0]);
  Shape shape = given[0].shape();
  shape[axis] = 0;
  for (const Tensor& x : given) {
    bool fits = x.ndim() == shape.size();
    for (int i = 0; i < shape.size() && fits; i++) fits = i == axis || x.dim(i) == shape[i];
    require(fits, "concat", "shapes ", given[0].shape(), " and ", x.shape(), " differ beyond axis ", axis);
    shape[axis] += x.dim(axis);
    t = promote(t, strong_type(x));
  }
  std::vector<Tensor> xs;
  for (const Tensor& x : given) xs.push_back(astype(x, t));
  Tensor y = output("concat", shape, t, xs);
  const Shape step = Shape::filled(shape.size(), 1);
  Shape start = Shape::filled(shape.size(), 0);
  for (const Tensor& x : xs) {
    Tensor place = slice(y.detached(), start, x.shape(), step);
    kernel::copy(y.device(), x, place);
    link(y, x, [=](const Tensor& d) { return embed(d, shape, start, step); },
         [=, size = x.shape()](const Tensor& d) { return slice(d, start, size, step); });
    start[axis] += x.dim(axis);
  }
  return y;
}
Tensor stack(const std::vector<Tensor>& xs, int64_t axis) {
  require<ValueError>(!xs.empty(), "stack", "needs at least one tensor");
  std::vector<Tensor> wide;
  for (const Tensor& x : xs) {
    require(x.shape() == xs[0].shape(), "stack", "shapes ", xs[0].shape(), " and ", x.shape(), " differ");
    wide.push_back(expand_dims(x, axis));
  }
  return concat(wide, axis);
}

}  // namespace chainrule
