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
  Tensor t;
  return PyList_Check(o.ptr()) || is_tensor(o.ptr()) || py::hasattr(o, "__array__");
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
      if (item.index.dtype() == DType::boolean) item.axes = item.index.ndim();
      else if (item.index.ndim() == 0) {
        item.kind = Item::integer;
        item.start = *astype(contiguous(to_device(item.index, Device::cpu)), DType::int64).data<int64_t>();
      }
    } else if (PyBool_Check(p.ptr())) {
      fail<IndexError>("index", "a single Python bool is not an index; use None or a mask");
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

// The indexed axes are moved together, flattened to one, and taken from.
Tensor advanced(const Tensor& x, const std::vector<Item>& items) {
  Shape order, rest, shape_in, index_shape;
  int first = -1, last = -1, arrays = 0;
  for (int i = 0; i < int(items.size()); i++) {
    if (items[size_t(i)].kind != Item::array) continue;
    if (first < 0) first = i;
    last = i;
    arrays++;
    order.push_back(i);
    index_shape = broadcast(index_shape, items[size_t(i)].index.shape(), "index");
  }
  const bool together = last - first + 1 == arrays;        // else NumPy puts the index axes first
  for (int i = 0; i < int(items.size()); i++)
    if (items[size_t(i)].kind != Item::array) rest.push_back(i);
  Tensor flat_index;
  int64_t n = 1;
  for (int64_t a : order) {
    const int64_t size = x.dim(int(a));
    const Tensor raw = broadcast_to(to_device(astype(items[size_t(a)].index, DType::int64), x.device()), index_shape);
    require<IndexError>(size > 0 || raw.size() == 0, "index", "axis ", a, " of ", x.shape(), " is empty");
    const Tensor wrapped = check_index("index", raw, size);
    flat_index = flat_index ? flat_index * weak_scalar(size) + wrapped : wrapped;
    n *= size;
  }
  Shape perm = order, flat{n};
  for (int64_t a : rest) { perm.push_back(a); flat.push_back(x.dim(int(a))); }
  Tensor y = take(reshape(permute_dims(x, perm), flat), flat_index, 0);
  if (!together || first == 0) return y;
  Shape back;                                              // index axes go where the first array stood
  const int k = index_shape.size();
  for (int i = 0; i < first; i++) back.push_back(k + i);
  for (int i = 0; i < k; i++) back.push_back(i);
  for (int i = k + first; i < y.ndim(); i++) back.push_back(i);
  return permute_dims(y, back);
}

bool has_arrays(const std::vector<Item>& items) {
  return std::any_of(items.begin(), items.end(), [](const Item& i) { return i.kind == Item::array; });
}

}  // namespace

Tensor get_item(const Tensor& x, py::handle key) {
  std::vector<Item> left;
  std::vector<Item> items = parse(x, key);
  // As in NumPy an int beside an array is an array too: it decides whether the index axes stand together.
  if (has_arrays(items))
    for (Item& i : items)
      if (i.kind == Item::integer) { i.kind = Item::array; i.index = weak_scalar(i.start); i.index.impl()->weak = false; }
  Tensor y = basic(x, items, left);
  if (!has_arrays(left)) return y;
  return advanced(y, expand_masks(left));
}

void set_item(const Tensor& x, py::handle key, py::handle given) {
  require<ValueError>(!x.node(), "assign", "this tensor is recorded by a transform; make a new one with where or concat");
  require<ValueError>(x.storage()->writable, "assign", "this tensor shares memory that is read-only; use .copy() first");
  for (int i = 0; i < x.ndim(); i++)
    require<ValueError>(x.dim(i) <= 1 || x.stride(i) != 0 || x.size() == 0, "assign", "a broadcast tensor has one element in many places; use .copy() first");
  Tensor value;
  if (!as_operand(given.ptr(), value)) value = from_array(py::module_::import("numpy").attr("asarray")(given));
  require<ValueError>(!value.node(), "assign", "the value is recorded by a transform; use stop_gradient first");
  const Tensor cast = to_device(astype(value, x.dtype()), x.device());
  std::vector<Item> left;
  const std::vector<Item> items = parse(x, key);
  if (!has_arrays(items)) {
    Tensor place = basic(x, items, left);
    const Tensor source = broadcast_to(cast, place.shape());
    // Overlapping bytes are read before they are written.
    return assign(place, cast.storage() == x.storage() ? copy(source) : source);
  }
  const Tensor positions = get_item(reshape(arange(0, 1, x.size(), DType::int64, x.device()), x.shape()), key);
  Tensor place = x;
  put(place, positions, broadcast_to(cast, positions.shape()));
}

}  // namespace chainrule
