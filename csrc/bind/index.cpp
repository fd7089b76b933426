// Indexing as in NumPy: slices, ints, ellipsis, newaxis, boolean masks and integer arrays, read and assigned.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {
namespace {

struct Item {
  enum Kind { whole, slice, integer, newaxis, array } kind = whole;
  int64_t start = 0, size = 0, step = 1;     // slice; start alone for integer
  Tensor index;                              // array
  int axes = 1;                              // how many axes of x it uses up
};

bool is_array(py::handle o) {
  if (PyUnicode_Check(o.ptr()) || PyBytes_Check(o.ptr())) return false;
  return is_tensor(o.ptr()) || PySequence_Check(o.ptr()) || py::hasattr(o, "__array__");
}
Tensor index_tensor(py::handle o) {
  Tensor t;
  if (as_operand(o.ptr(), t)) {
    if (is_integer(t) || t.dtype() == DType::boolean) return t.detached();
  } else {
    py::object a = py::module_::import("numpy").attr("asarray")(o);
    if (a.attr("size").cast<int64_t>() == 0) a = a.attr("astype")("int64");
    t = from_array(a);
  }
  require<IndexError>(is_integer(t) || t.dtype() == DType::boolean, "index", "an index tensor must hold integers or booleans, got ",
                      t.dtype());
  return t.detached();
}

bool has_arrays(const std::vector<Item>& items) {
  return std::any_of(items.begin(), items.end(), [](const Item& i) { return i.kind == Item::array; });
}

// One Item for each part of the key, masks turned into integer arrays, the ellipsis into whole axes.
std::vector<Item> parse(const Tensor& x, py::handle key) {
  std::vector<py::object> parts;
  if (PyTuple_Check(key.ptr())) for (py::handle h : py::reinterpret_borrow<py::tuple>(key)) parts.push_back(py::reinterpret_borrow<py::object>(h));
  else parts.push_back(py::reinterpret_borrow<py::object>(key));

  std::vector<Item> items;
  int used = 0, ellipsis = -1;
  std::vector<py::object> slices;                          // kept beside the items until their axis is known
  for (const py::object& p : parts) {
    Item item;
    if (p.ptr() == Py_Ellipsis) {
      require<IndexError>(ellipsis < 0, "index", "more than one ellipsis (...)");
      ellipsis = int(items.size());
      continue;
    }
    slices.push_back(p);
    if (p.is_none()) { item.kind = Item::newaxis; item.axes = 0; }
    else if (PySlice_Check(p.ptr())) item.kind = Item::slice;
    else if (is_array(p)) {
      item.kind = Item::array;
      item.index = index_tensor(p);
      require<IndexError>(item.index.dtype() != DType::boolean || item.index.ndim() > 0, "index",
                          "a single bool is not an index; use None or a mask");
      if (item.index.dtype() == DType::boolean) item.axes = item.index.ndim();
      else if (item.index.ndim() == 0) {
        item.kind = Item::integer;
        item.start = *astype(contiguous(to_device(item.index, Device::cpu)), DType::int64).data<int64_t>();
      }
    } else if (PyBool_Check(p.ptr())) {
      fail<IndexError>("index", "a single bool is not an index; use None or a mask");
    } else if (PyIndex_Check(p.ptr())) {
      item.kind = Item::integer;
      const Py_ssize_t v = PyNumber_AsSsize_t(p.ptr(), PyExc_IndexError);
      if (v == -1 && PyErr_Occurred()) throw py::error_already_set();
      item.start = v;
    } else {
      fail<IndexError>("index", "needs ints, slices, ..., None, masks or integer arrays, got ", Py_TYPE(p.ptr())->tp_name);
    }
    used += item.axes;
    items.push_back(item);
  }
  require<IndexError>(used <= x.ndim(), "index", used, " indices given for shape ", x.shape());
  const size_t at = ellipsis < 0 ? items.size() : size_t(ellipsis);
  items.insert(items.begin() + long(at), size_t(x.ndim() - used), Item{});
  slices.insert(slices.begin() + long(at), size_t(x.ndim() - used), py::none());

  int axis = 0;
  for (size_t i = 0; i < items.size(); i++) {
    Item& item = items[i];
    if (item.kind == Item::slice) {
      Py_ssize_t start, stop, step;
      if (PySlice_Unpack(slices[i].ptr(), &start, &stop, &step) < 0) throw py::error_already_set();
      item.size = PySlice_AdjustIndices(x.dim(axis), &start, &stop, step);
      item.start = start;
      item.step = step;
    } else if (item.kind == Item::integer) {
      const int64_t n = x.dim(axis);
      require<IndexError>(item.start >= -n && item.start < n, "index", item.start, " is out of range for axis ", axis, " of shape ",
                          x.shape());
      if (item.start < 0) item.start += n;
    } else if (item.kind == Item::array && item.index.dtype() == DType::boolean) {
      for (int k = 0; k < item.axes; k++)
        require<IndexError>(item.index.dim(k) == x.dim(axis + k), "index", "mask ", item.index.shape(), " does not fit axis ", axis,
                            " of shape ", x.shape());
    }
    axis += item.axes;
  }
  // As in NumPy an int beside an array is an array too: it decides whether the index axes stand together.
  if (has_arrays(items))
    for (Item& i : items)
      if (i.kind == Item::integer) {
        i.kind = Item::array;
        i.index = strong(weak_scalar(i.start));
      }
  return items;
}

// Applies slices, ints and new axes; arrays stay for later, an Item for each axis of the result.
Tensor basic(const Tensor& x, const std::vector<Item>& items, std::vector<Item>& left) {
  Shape start = Shape::filled(x.ndim(), 0), size = x.shape(), step = Shape::filled(x.ndim(), 1), shape;
  bool slices = false, reshapes = false;
  int axis = 0;
  for (const Item& item : items) {
    if (item.kind == Item::slice || item.kind == Item::integer) {
      start[axis] = item.start;
      size[axis] = item.kind == Item::slice ? item.size : 1;
      step[axis] = item.step;
      slices = true;
    }
    if (item.kind == Item::integer || item.kind == Item::newaxis) reshapes = true;
    if (item.kind == Item::newaxis) shape.push_back(1);
    for (int k = 0; k < item.axes && item.kind != Item::integer; k++) shape.push_back(size[axis + k]);
    if (item.kind != Item::integer) left.push_back(item);
    axis += item.axes;
  }
  Tensor y = slices ? slice(x, start, size, step) : x;
  return reshapes ? reshape(y, shape) : y;
}

// Masks become one integer array an axis.
std::vector<Item> expand_masks(const std::vector<Item>& items) {
  std::vector<Item> out;
  for (const Item& item : items) {
    if (item.kind != Item::array || item.index.dtype() != DType::boolean) {
      out.push_back(item);
      continue;
    }
    const Tensor rows = nonzero(item.index);
    for (int k = 0; k < item.axes; k++) {
      Item part;
      part.kind = Item::array;
      part.index = reshape(slice(rows, {0, k}, {rows.dim(0), 1}, {1, 1}), {-1});
      out.push_back(part);
    }
  }
  return out;
}

// Where the arrays stand among the axes, and the shape that they broadcast to.
struct Arrays {
  Shape at, rest, shape;                                   // axes with an array, axes without
  bool together = true;                                    // else NumPy puts the index axes first
};
Arrays find_arrays(const std::vector<Item>& items) {
  Arrays a;
  for (int i = 0; i < int(items.size()); i++) {
    const Item& item = items[size_t(i)];
    (item.kind == Item::array ? a.at : a.rest).push_back(i);
    if (item.kind == Item::array) a.shape = broadcast(a.shape, item.index.shape(), "index");
  }
  a.together = a.at.back() - a.at[0] + 1 == a.at.size();
  return a;
}
// Non-negative, on x's device, in the common shape.
Tensor positions_along(const Tensor& x, int axis, const Item& item, const Shape& shape) {
  const Tensor index = to_device(astype(item.index, DType::int64), x.device());
  return broadcast_to(check_index("index", index, x.dim(axis)), shape);
}

// The indexed axes are joined to one, and taken from.
Tensor advanced(const Tensor& x, const std::vector<Item>& items) {
  const Arrays a = find_arrays(items);
  Shape perm, joined;
  const int first = a.together ? int(a.at[0]) : 0;
  for (int i = 0; i < first; i++) perm.push_back(i);       // apart, they are moved to the front
  for (int64_t axis : a.at) perm.push_back(axis);
  for (int64_t axis : a.rest)
    if (axis >= first) perm.push_back(axis);
  const Tensor ordered = a.together ? x : permute_dims(x, perm);
  Tensor index;
  int64_t n = 1;
  for (int64_t axis : a.at) {
    const Tensor at = positions_along(x, int(axis), items[size_t(axis)], a.shape);
    index = index ? index * weak_scalar(x.dim(int(axis))) + at : at;
    n *= x.dim(int(axis));
  }
  for (int i = 0; i < first; i++) joined.push_back(ordered.dim(i));
  joined.push_back(n);
  for (int i = first + a.at.size(); i < x.ndim(); i++) joined.push_back(ordered.dim(i));
  return take(a.at.size() > 1 ? reshape(ordered, joined) : ordered, index, first);
}

// The row-major positions in x of what `advanced` would take, in the shape of its result.
Tensor positions(const Tensor& x, const std::vector<Item>& items) {
  const Arrays a = find_arrays(items);
  const Shape weights = row_major(x.shape());
  const int first = a.together ? int(a.at[0]) : 0, k = a.shape.size(), ndim = a.rest.size() + k;
  Shape index_axes = Shape::filled(ndim, 1), result = index_axes;
  for (int i = 0; i < k; i++) result[first + i] = index_axes[first + i] = a.shape[i];
  Tensor sum;
  const auto add_in = [&](const Tensor& t) { sum = sum ? sum + t : t; };
  for (int64_t axis : a.at)
    add_in(reshape(positions_along(x, int(axis), items[size_t(axis)], a.shape), index_axes) * weak_scalar(weights[int(axis)]));
  for (int i = 0; i < a.rest.size(); i++) {
    const int axis = int(a.rest[i]), place = i < first ? i : i + k;
    Shape line = Shape::filled(ndim, 1);
    line[place] = result[place] = x.dim(axis);
    add_in(reshape(arange(0, double(weights[axis]), x.dim(axis), DType::int64, x.device()), line));
  }
  return broadcast_to(sum, result);
}

// Whether two indices may name one element: an axis steps inside the span of the axes with smaller steps.
bool overlaps(const Tensor& x) {
  if (x.size() <= 1 || x.contiguous()) return false;
  std::vector<std::pair<int64_t, int64_t>> axes;           // step, size
  for (int i = 0; i < x.ndim(); i++)
    if (x.dim(i) > 1) axes.emplace_back(std::abs(x.stride(i)), x.dim(i));
  std::sort(axes.begin(), axes.end());
  int64_t span = 0;
  for (const auto& [step, n] : axes) {
    if (step <= span) return true;
    span += step * (n - 1);
  }
  return false;
}

}  // namespace

Tensor get_item(const Tensor& x, py::handle key) {
  std::vector<Item> left;
  const std::vector<Item> items = parse(x, key);
  Tensor y = basic(x, items, left);
  if (!has_arrays(left)) return y;
  return advanced(y, expand_masks(left));
}

void set_item(const Tensor& x, py::handle key, py::handle given) {
  require<ValueError>(!x.node(), "assign", "this tensor is recorded by a transform; make a new one with where or concat");
  require<ValueError>(x.storage()->writable, "assign", "this tensor shares memory that is read-only; use .copy() first");
  require<ValueError>(!overlaps(x), "assign", "this tensor has one element in many places (broadcast_to, unfold); use .copy() first");
  Tensor value;
  if (!as_operand(given.ptr(), value)) value = from_array(py::module_::import("numpy").attr("asarray")(given));
  require<ValueError>(!value.node(), "assign", "the value is recorded by a transform; use stop_gradient first");
  const Tensor cast = to_device(astype(value, x.dtype()), x.device());
  std::vector<Item> left;
  const std::vector<Item> items = parse(x, key);
  Tensor place = basic(x, items, left);
  // Overlapping bytes are read before they are written.
  const Tensor source = cast.storage() == x.storage() ? copy(cast) : cast;
  if (!has_arrays(left)) return assign(place, broadcast_to(source, place.shape()));
  const Tensor at = positions(place, expand_masks(left));
  put(place, at, broadcast_to(source, at.shape()));
}

}  // namespace chainrule
