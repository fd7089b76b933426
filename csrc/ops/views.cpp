#include "ops/views.h"

#include <cmath>

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
  for (int i = 0; i < shape.size(); i++) {
    if (shape[i] == -1) {
      require(unknown < 0, "reshape", "only one size can be -1, got ", wanted);
      unknown = i;
    } else {
      require(shape[i] >= 0, "reshape", "sizes must not be negative, got ", wanted);
    }
  }
  if (unknown >= 0) {
    shape[unknown] = 1;
    const int64_t known = count(shape, "reshape");
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

namespace {
// An axis of one element may come with any step: its stride is never used, and must not overflow.
int64_t stepped(int64_t stride, int64_t step, int64_t n) { return n > 1 ? stride * step : stride; }
}  // namespace

Tensor slice(const Tensor& x, const Shape& start, const Shape& size, const Shape& step) {
  Shape strides = x.strides();
  int64_t offset = 0;
  for (int i = 0; i < x.ndim(); i++) {
    const int64_t last = start[i] + (size[i] - 1) * step[i];
    require<IndexError>(size[i] == 0 || (start[i] >= 0 && start[i] < x.dim(i) && last >= 0 && last < x.dim(i)), "slice",
                        "start ", start, " size ", size, " step ", step, " leaves x ", x.shape());
    offset += size[i] ? start[i] * x.stride(i) : 0;
    strides[i] = stepped(x.stride(i), step[i], size[i]);
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

Shape three_axes(const Shape& shape, int axis) {
  return {count(Shape(shape.begin(), axis)), shape[axis], count(Shape(shape.begin() + axis + 1, shape.size() - axis - 1))};
}

Tensor transpose(const Tensor& x, int64_t axis1, int64_t axis2) {
  Shape order;
  for (int i = 0; i < x.ndim(); i++) order.push_back(i);
  std::swap(order[normal_axis(axis1, x.ndim(), "transpose")], order[normal_axis(axis2, x.ndim(), "transpose")]);
  return permute_dims(x, order);
}

Tensor flip(const Tensor& x, const Axes& axes) {
  Shape start = Shape::filled(x.ndim(), 0), step = Shape::filled(x.ndim(), 1);
  for (int64_t a : normal_axes(axes, x.ndim(), "flip")) {
    start[int(a)] = x.dim(int(a)) - 1;
    step[int(a)] = -1;
  }
  return slice(x, start, x.shape(), step);
}

Tensor pad_constant(const Tensor& x0, const Shape& before, const Shape& after, double value) {
  const Tensor x = strong(x0);
  Shape shape = x.shape();
  const Shape step = Shape::filled(x.ndim(), 1);
  for (int i = 0; i < x.ndim(); i++) {
    require(before[i] >= 0 && after[i] >= 0, "pad", "widths must not be negative, got (", before[i], ", ", after[i],
            ") for axis ", i, "; cut with a slice");
    require(std::max(before[i], after[i]) < int64_t(1) << 59, "pad", "widths (", before[i], ", ", after[i], ") for axis ", i,
            " are more than 64 bits can address");
    shape[i] += before[i] + after[i];
  }
  require<ValueError>(is_float(x) || (value == std::trunc(value) && std::abs(value) < 0x1p63), "pad", "value ", value,
                      " does not fit ", x.dtype());
  Tensor y = output("pad", shape, x.dtype(), {x});
  kernel::fill(y.device(), y, value, is_float(x) ? 0 : int64_t(value));
  Tensor place = slice(y.detached(), before, x.shape(), step);
  kernel::copy(y.device(), x, place);
  link(y, x, [=](const Tensor& d) { return embed(d, shape, before, step); },
       [=, size = x.shape()](const Tensor& d) { return slice(d, before, size, step); });
  return y;
}

namespace {
// The diagonal of the last two axes, without a node.
Tensor diagonal_view(const Tensor& x, int64_t offset) {
  const int rows = x.ndim() - 2, columns = x.ndim() - 1;
  offset = std::clamp(offset, -x.dim(-2), x.dim(-1));
  Shape shape, strides;
  for (int i = 0; i < rows; i++) { shape.push_back(x.dim(i)); strides.push_back(x.stride(i)); }
  const int64_t down = std::max<int64_t>(-offset, 0), right = std::max<int64_t>(offset, 0);
  shape.push_back(std::max<int64_t>(0, std::min(x.dim(rows) - down, x.dim(columns) - right)));
  strides.push_back(x.stride(rows) + x.stride(columns));
  return view("diagonal", x, shape, strides, shape.back() ? down * x.stride(rows) + right * x.stride(columns) : 0);
}
}  // namespace

Tensor diagonal(const Tensor& x0, int64_t offset, int64_t axis1, int64_t axis2) {
  require(x0.ndim() >= 2, "diagonal", "x needs at least two axes, got ", x0.shape());
  const int a = normal_axis(axis1, x0.ndim(), "diagonal"), b = normal_axis(axis2, x0.ndim(), "diagonal");
  require<ValueError>(a != b, "diagonal", "axis ", a, " is given twice");
  Shape order;
  for (int i = 0; i < x0.ndim(); i++)
    if (i != a && i != b) order.push_back(i);
  order.push_back(a);
  order.push_back(b);
  const Tensor x = permute_dims(x0, order);
  Tensor y = diagonal_view(x, offset);
  link(y, x, [=](const Tensor& d) { return diagonal(d, offset, -2, -1); },
       [=, rows = x.shape()[-2], columns = x.shape()[-1]](const Tensor& d) { return embed_diagonal(d, rows, columns, offset); });
  return y;
}

Tensor embed_diagonal(const Tensor& x, int64_t rows, int64_t columns, int64_t offset) {
  require(x.ndim() >= 1, "embed_diagonal", "x needs at least one axis, got a scalar");
  Shape shape = x.shape();
  shape.pop_back();
  shape.push_back(rows);
  shape.push_back(columns);
  Tensor y = output("embed_diagonal", shape, strong_type(x), {x});
  kernel::fill(y.device(), y, 0, 0);
  Tensor place = diagonal_view(y.detached(), offset);
  require(place.shape() == x.shape(), "embed_diagonal", "x ", x.shape(), " does not fit diagonal ", offset, " of ", shape);
  kernel::copy(y.device(), x, place);
  link(y, x, [=](const Tensor& d) { return embed_diagonal(d, rows, columns, offset); },
       [=](const Tensor& d) { return diagonal(d, offset, -2, -1); });
  return y;
}

Tensor unfold(const Tensor& x, int64_t axis0, int64_t size, int64_t step, int64_t dilation) {
  const int axis = normal_axis(axis0, x.ndim(), "unfold");
  require<ValueError>(size >= 1 && step >= 1 && dilation >= 1, "unfold", "size, step and dilation must be at least 1, got ",
                      size, ", ", step, ", ", dilation);
  const int64_t n = x.dim(axis);
  require((size - 1) <= (n - 1) / dilation && n > 0, "unfold", "a window of ", size, " with dilation ", dilation,
          " does not fit axis ", axis, " of ", x.shape());
  Shape shape = x.shape(), strides = x.strides();
  shape[axis] = (n - 1 - (size - 1) * dilation) / step + 1;
  strides[axis] = stepped(x.stride(axis), step, shape[axis]);
  shape.push_back(size);
  strides.push_back(stepped(x.stride(axis), dilation, size));
  Tensor y = view("unfold", x, shape, strides, 0);
  link(y, x, [=](const Tensor& d) { return unfold(d, axis, size, step, dilation); },
       [=](const Tensor& d) { return fold(d, axis, n, step, dilation); });
  return y;
}

Tensor fold(const Tensor& d, int64_t axis0, int64_t n, int64_t step, int64_t dilation) {
  require(d.ndim() >= 2, "fold", "d needs an axis of windows and one of their elements, got ", d.shape());
  const int axis = normal_axis(axis0, d.ndim() - 1, "fold");
  require<ValueError>(step >= 1 && dilation >= 1, "fold", "step and dilation must be at least 1, got ", step, ", ", dilation);
  const int64_t windows = d.dim(axis), size = d.shape().back();
  require(windows == 0 || size == 0 || __int128(windows - 1) * step + __int128(size - 1) * dilation < n, "fold", windows, " windows of ", size,
          " reach beyond an axis of ", n);
  Shape shape = d.shape();
  shape.pop_back();
  shape[axis] = n;
  Tensor y = output("fold", shape, d.dtype(), {d});
  const Shape three = three_axes(shape, axis);
  Tensor out = reshape(y.detached(), three);
  kernel::fold(d.device(), reshape(contiguous(d.detached()), {three[0], windows, three[2], size}),
               windows > 1 ? step : 1, size > 1 ? dilation : 1, out);
  link(y, d, [=](const Tensor& t) { return fold(t, axis, n, step, dilation); },
       [=](const Tensor& t) {
         // Windows that n has room for but d does not hold are cut off.
         const Tensor all = unfold(t, axis, size, step, dilation);
         Shape only = all.shape();
         only[axis] = windows;
         return slice(all, Shape::filled(only.size(), 0), only, Shape::filled(only.size(), 1));
       });
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
