// The Python type Tensor: number slots, indexing, attributes, NumPy and DLPack.
#include <pybind11/numpy.h>
#include <structmember.h>

#include "bind/casters.h"
#include "core/graph.h"
#include "core/kernels.h"
#include "ops/ops.h"

namespace chainrule {

PyTypeObject* tensor_type = nullptr;

namespace {

PyObject* numpy_array_type = nullptr;      // borrowed for the life of the process
PyObject* numpy_number_type = nullptr;

constexpr int free_limit = 128;
PyObject* free_objects[free_limit];
int free_count = 0;

void dealloc(PyObject* o) {
  auto* self = reinterpret_cast<PyTensor*>(o);
  if (self->weak_references) PyObject_ClearWeakRefs(o);
  self->tensor.~Tensor();
  if (free_count < free_limit) {
    free_objects[free_count++] = o;
    return;
  }
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}

// Runs f and hands a C++ exception over to Python.
template <class F> PyObject* guarded(F f) {
  try {
    return f();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

// What stands beside a tensor in an operator; a NumPy number, like one of Python's, goes where the tensor is.
bool as_operand_of(const Tensor& t, PyObject* o, Tensor& out) {
  if (!as_operand(o, out)) return false;
  if (out.device() != t.device() && PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(numpy_number_type)))
    out = to_device(out, t.device());
  return true;
}

template <Tensor (*op)(const Tensor&, const Tensor&)> PyObject* binary_slot(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    if (is_tensor(a) && is_tensor(b)) return wrap(op(tensor_of(a), tensor_of(b)));
    Tensor other;
    if (is_tensor(a)) {
      if (!as_operand_of(tensor_of(a), b, other)) Py_RETURN_NOTIMPLEMENTED;
      return wrap(op(tensor_of(a), other));
    }
    if (!as_operand_of(tensor_of(b), a, other)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(op(other, tensor_of(b)));
  });
}
template <Tensor (*op)(const Tensor&)> PyObject* unary_slot(PyObject* a) {
  return guarded([&] { return wrap(op(tensor_of(a))); });
}

PyObject* power_slot(PyObject* a, PyObject* b, PyObject*) { return binary_slot<power>(a, b); }
PyObject* positive(PyObject* a) { return Py_NewRef(a); }

PyObject* compare(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case Py_LT: return binary_slot<less>(a, b);
    case Py_LE: return binary_slot<less_equal>(a, b);
    case Py_GT: return binary_slot<greater>(a, b);
    case Py_GE: return binary_slot<greater_equal>(a, b);
    case Py_EQ: return binary_slot<equal>(a, b);
    default: return binary_slot<not_equal>(a, b);
  }
}
Py_hash_t hash(PyObject* o) { return Py_hash_t(reinterpret_cast<uintptr_t>(o) >> 4); }

// The one element as a host tensor of the given type.
template <class T> T element(PyObject* o, const char* op) {
  const Tensor& x = tensor_of(o);
  require(x.size() == 1, op, "needs one element, got shape ", x.shape());
  const Tensor host = to_device(x.detached(), Device::cpu);
  const Tensor typed = astype(contiguous(host), dtype_of<T>());
  return *typed.data<T>();
}
PyObject* to_float(PyObject* o) { return guarded([&] { return PyFloat_FromDouble(element<double>(o, "float")); }); }
PyObject* to_int(PyObject* o) {
  return guarded([&]() -> PyObject* {
    if (is_float(tensor_of(o))) return PyLong_FromDouble(element<double>(o, "int"));
    return PyLong_FromLongLong(element<int64_t>(o, "int"));
  });
}
PyObject* to_index(PyObject* o) {
  return guarded([&] {
    require<DTypeError>(!is_float(tensor_of(o)), "index", "needs an integer tensor, got ", tensor_of(o).dtype());
    return PyLong_FromLongLong(element<int64_t>(o, "index"));
  });
}
int to_bool(PyObject* o) {
  PyObject* r = guarded([&] {
    require(tensor_of(o).size() == 1, "bool", "the truth of a tensor of shape ", tensor_of(o).shape(),
            " is not one value; use any or all");
    return PyBool_FromLong(element<double>(o, "bool") != 0);
  });
  if (!r) return -1;
  const int truth = r == Py_True;
  Py_DECREF(r);
  return truth;
}

PyObject* item(PyObject* o, PyObject*) {
  if (tensor_of(o).dtype() == DType::boolean)
    return guarded([&] { return PyBool_FromLong(element<bool>(o, "item")); });
  return is_float(tensor_of(o)) ? guarded([&] { return PyFloat_FromDouble(element<double>(o, "item")); })
                                : guarded([&] { return PyLong_FromLongLong(element<int64_t>(o, "item")); });
}

Py_ssize_t length(PyObject* o) {
  if (tensor_of(o).ndim() == 0) {
    PyErr_SetString(PyExc_TypeError, "len: a tensor without axes has no length");
    return -1;
  }
  return Py_ssize_t(tensor_of(o).dim(0));
}
PyObject* subscript(PyObject* o, PyObject* key) { return guarded([&] { return wrap(get_item(tensor_of(o), key)); }); }
int assign_subscript(PyObject* o, PyObject* key, PyObject* value) {
  PyObject* r = guarded([&]() -> PyObject* {
    require<ValueError>(value != nullptr, "del", "elements of a tensor cannot be deleted");
    set_item(tensor_of(o), key, value);
    return Py_NewRef(Py_None);
  });
  if (!r) return -1;
  Py_DECREF(r);
  return 0;
}
PyObject* element_at(PyObject* o, Py_ssize_t i) {       // for iteration; negative i is already resolved
  return guarded([&]() -> PyObject* {
    const Tensor& x = tensor_of(o);
    require<IndexError>(x.ndim() > 0 && i >= 0 && i < x.dim(0), "index", i, " is out of range for shape ", x.shape());
    return wrap(get_item(x, py::int_(i)));
  });
}
PyObject* iterate(PyObject* o) {
  if (tensor_of(o).ndim() == 0) {
    PyErr_SetString(PyExc_TypeError, "iter: a tensor without axes cannot be iterated");
    return nullptr;
  }
  return PySeqIter_New(o);
}

// ---- attributes
PyObject* get_shape(PyObject* o, void*) { return guarded([&] { return py::cast(tensor_of(o).shape()).release().ptr(); }); }
PyObject* get_strides(PyObject* o, void*) {
  return guarded([&] { return py::cast(tensor_of(o).strides()).release().ptr(); });
}
PyObject* get_dtype(PyObject* o, void*) { return guarded([&] { return dtype_object(tensor_of(o).dtype()).release().ptr(); }); }
PyObject* get_device(PyObject* o, void*) { return PyUnicode_FromString(name(tensor_of(o).device())); }
PyObject* get_ndim(PyObject* o, void*) { return PyLong_FromLong(tensor_of(o).ndim()); }
PyObject* get_size(PyObject* o, void*) { return PyLong_FromLongLong(tensor_of(o).size()); }
PyObject* get_itemsize(PyObject* o, void*) { return PyLong_FromLongLong(itemsize(tensor_of(o).dtype())); }
PyObject* get_nbytes(PyObject* o, void*) {
  return PyLong_FromLongLong(itemsize(tensor_of(o).dtype()) * tensor_of(o).size());
}
PyObject* get_recorded(PyObject* o, void*) { return PyBool_FromLong(bool(tensor_of(o).node())); }
Tensor swap_last(const Tensor& x) {
  require(x.ndim() >= 2, "mT", "needs at least two axes, got shape ", x.shape());
  Shape axes;
  for (int i = 0; i < x.ndim(); i++) axes.push_back(i);
  std::swap(axes[-1], axes[-2]);
  return permute_dims(x, axes);
}
PyObject* get_mT(PyObject* o, void*) { return guarded([&] { return wrap(swap_last(tensor_of(o))); }); }
PyObject* get_T(PyObject* o, void*) {
  return guarded([&] {
    Shape axes;
    for (int i = tensor_of(o).ndim() - 1; i >= 0; i--) axes.push_back(i);
    return wrap(permute_dims(tensor_of(o), axes));
  });
}

// ---- NumPy
PyObject* array_method(PyObject* o, PyObject* args, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    PyObject *dtype = Py_None, *copy = Py_None;
    static const char* names[] = {"dtype", "copy", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO", const_cast<char**>(names), &dtype, &copy)) return nullptr;
    py::object a = to_array(tensor_of(o));
    if (dtype != Py_None) a = a.attr("astype")(py::handle(dtype), py::arg("copy") = false);
    if (copy == Py_True) a = a.attr("copy")();
    return a.release().ptr();
  });
}
PyObject* numpy_method(PyObject* o, PyObject*) { return guarded([&] { return to_array(tensor_of(o)).release().ptr(); }); }
PyObject* tolist(PyObject* o, PyObject*) {
  return guarded([&] { return to_array(tensor_of(o)).attr("tolist")().release().ptr(); });
}

PyObject* dlpack(PyObject* o, PyObject* args, PyObject* keywords);
PyObject* dlpack_device(PyObject* o, PyObject*) {
  return Py_BuildValue("(ii)", tensor_of(o).device() == Device::cpu ? 1 : 2, 0);
}

#include "bind/dlpack.inc"

PyGetSetDef attributes[] = {
    {"shape", get_shape, nullptr, "Sizes of the axes.", nullptr},
    {"strides", get_strides, nullptr, "Steps along the axes.\n\nUnits  elements", nullptr},
    {"dtype", get_dtype, nullptr, "Type of the elements.", nullptr},
    {"device", get_device, nullptr, "'cpu' or 'cuda'.", nullptr},
    {"ndim", get_ndim, nullptr, "Number of axes.", nullptr},
    {"size", get_size, nullptr, "Number of elements.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes of one element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"recorded", get_recorded, nullptr, "Whether a transform records what is done with this tensor.", nullptr},
    {"T", get_T, nullptr, "The tensor with its axes in reverse order.", nullptr},
    {"mT", get_mT, nullptr, "The tensor with its last two axes swapped.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef methods[] = {
    {"item", item, METH_NOARGS, "The only element as a Python number."},
    {"numpy", numpy_method, METH_NOARGS, "The tensor as a NumPy array, without a copy on the CPU (bfloat16 becomes float32)."},
    {"tolist", tolist, METH_NOARGS, "The elements as nested lists."},
    {"__array__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(array_method)), METH_VARARGS | METH_KEYWORDS, ""},
    {"__dlpack__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(dlpack)), METH_VARARGS | METH_KEYWORDS, ""},
    {"__dlpack_device__", dlpack_device, METH_NOARGS, ""},
    {nullptr, nullptr, 0, nullptr}};

PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weak_references), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

template <class F> PyType_Slot slot(int id, F f) { return {id, (void*)f}; }      // a C interface: any pointer is void*

}  // namespace

PyObject* wrap(Tensor tensor) {
  PyObject* o;
  if (free_count > 0) {
    o = free_objects[--free_count];
    Py_SET_REFCNT(o, 1);
  } else {
    o = tensor_type->tp_alloc(tensor_type, 0);
    if (!o) throw py::error_already_set();
  }
  auto* self = reinterpret_cast<PyTensor*>(o);
  if (tensor.weak()) tensor.impl()->weak = false;      // what leaves C++ is an ordinary tensor
  new (&self->tensor) Tensor(std::move(tensor));
  self->weak_references = nullptr;
  return o;
}

bool as_operand(PyObject* o, Tensor& out) {
  if (is_tensor(o)) { out = tensor_of(o); return true; }
  if (PyBool_Check(o)) { out = weak_scalar(o == Py_True); return true; }
  if (PyFloat_CheckExact(o)) { out = weak_scalar(PyFloat_AS_DOUBLE(o)); return true; }
  if (PyLong_CheckExact(o)) {
    int overflow = 0;
    const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    require<ValueError>(!overflow, "integer", "a Python int beyond 64 bits does not fit a tensor");
    out = weak_scalar(int64_t(v));
    return true;
  }
  if (PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(numpy_array_type)) ||
      PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(numpy_number_type))) {
    out = from_array(o);
    return true;
  }
  return false;
}

// ---- dtypes
namespace {
PyObject* dtype_objects[dtype_count];
struct PyDType { DType type; };
const char* numpy_name(DType t) { return t == DType::bfloat16 ? nullptr : t == DType::boolean ? "bool_" : name(t); }
}  // namespace

py::object dtype_object(DType t) { return py::reinterpret_borrow<py::object>(dtype_objects[int(t)]); }

DType dtype_from(py::handle o) {
  if (py::isinstance<PyDType>(o)) return o.cast<const PyDType&>().type;
  if (o.ptr() == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::float32;
  if (o.ptr() == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::int64;
  if (o.ptr() == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::boolean;
  std::string given = "?";
  try {
    given = py::isinstance<py::str>(o) ? o.cast<std::string>() : py::dtype::from_args(py::reinterpret_borrow<py::object>(o)).attr("name").cast<std::string>();
  } catch (py::error_already_set&) {
    given = py::repr(o).cast<std::string>();
  }
  for (int i = 0; i < dtype_count; i++)
    if (given == name(DType(i))) return DType(i);
  fail<DTypeError>("dtype", "no element type ", given, "; there are bool uint8 int32 int64 float16 bfloat16 float32 float64");
}

Device device_from(py::handle o) {
  if (py::isinstance<py::str>(o)) {
    const auto given = o.cast<std::string>();
    if (given == "cpu") return Device::cpu;
    if (given == "cuda" || given == "cuda:0") return Device::cuda;
  }
  fail<DeviceError>("device", "no device ", py::repr(o).cast<std::string>(), "; there are 'cpu' and 'cuda'");
}

// ---- NumPy
Tensor from_array(py::handle o) {
  py::array a = py::array::ensure(o);
  if (!a) throw py::error_already_set();
  if (!a.dtype().attr("isnative").cast<bool>()) a = a.attr("astype")(a.dtype().attr("newbyteorder")("="));
  const std::string kind = a.dtype().attr("name").cast<std::string>();
  int found = -1;
  for (int i = 0; i < dtype_count; i++)
    if (numpy_name(DType(i)) && kind == name(DType(i))) found = i;
  require<DTypeError>(found >= 0, "asarray", "NumPy type ", kind, " has no tensor type; use .astype(...) on the array first");
  const DType t = DType(found);
  Shape shape, strides;
  bool usable = reinterpret_cast<uintptr_t>(a.data()) % size_t(itemsize(t)) == 0;
  require(a.ndim() <= max_ndim, "asarray", "an array of ", a.ndim(), " axes; at most ", max_ndim, " are supported");
  for (int i = 0; i < a.ndim(); i++) {
    shape.push_back(a.shape(i));
    usable = usable && a.strides(i) % itemsize(t) == 0;
    strides.push_back(a.strides(i) / itemsize(t));
  }
  if (!usable) return from_array(a.attr("copy")());
  Ref<Storage> s(new Storage);
  s->data = const_cast<void*>(a.data());
  s->bytes = size_t(a.nbytes());
  s->writable = a.writeable();
  s->owner = a.release().ptr();
  s->release = [](Storage* s) {
    if (!Py_IsInitialized()) return;
    py::gil_scoped_acquire gil;
    Py_DECREF(static_cast<PyObject*>(s->owner));
  };
  return Tensor(s, t, shape, strides, 0);
}

py::object to_array(const Tensor& given) {
  Tensor x = given.detached();
  if (x.device() != Device::cpu) x = to_device(x, Device::cpu);
  if (x.dtype() == DType::bfloat16) x = astype(x, DType::float32);
  std::vector<py::ssize_t> shape(x.shape().begin(), x.shape().end()), strides;
  for (int64_t s : x.strides()) strides.push_back(s * itemsize(x.dtype()));
  auto* keep = new Ref<Storage>(x.storage());
  py::capsule owner(keep, [](void* p) { delete static_cast<Ref<Storage>*>(p); });
  static const auto* types = [] {
    auto* all = new std::vector<py::dtype>;
    const py::module_ np = py::module_::import("numpy");
    for (int i = 0; i < dtype_count; i++)
      all->push_back(py::dtype::from_args(np.attr(numpy_name(DType(i)) ? numpy_name(DType(i)) : "float32")));
    return all;
  }();
  py::array a((*types)[size_t(x.dtype())], shape, strides, x.bytes(), owner);
  if (!x.storage()->writable) a.attr("setflags")(py::arg("write") = false);
  return a;
}

void bind_tensor(py::module_& m) {
  py::module_ np = py::module_::import("numpy");
  numpy_array_type = py::object(np.attr("ndarray")).release().ptr();
  numpy_number_type = py::object(np.attr("generic")).release().ptr();

  static PyType_Slot slots[] = {
      slot(Py_tp_dealloc, dealloc), slot(Py_tp_methods, methods), slot(Py_tp_getset, attributes),
      slot(Py_tp_members, members), slot(Py_tp_richcompare, compare), slot(Py_tp_hash, hash),
      slot(Py_tp_iter, iterate), slot(Py_tp_doc, "A multi-dimensional array of one element type on one device."),
      slot(Py_nb_add, binary_slot<add>), slot(Py_nb_subtract, binary_slot<subtract>),
      slot(Py_nb_multiply, binary_slot<multiply>), slot(Py_nb_true_divide, binary_slot<divide>),
      slot(Py_nb_floor_divide, binary_slot<floor_divide>), slot(Py_nb_remainder, binary_slot<remainder>),
      slot(Py_nb_power, power_slot), slot(Py_nb_matrix_multiply, binary_slot<matmul>),
      slot(Py_nb_negative, unary_slot<negative>), slot(Py_nb_positive, positive),
      slot(Py_nb_absolute, unary_slot<abs>), slot(Py_nb_invert, unary_slot<bitwise_invert>),
      slot(Py_nb_and, binary_slot<bitwise_and>), slot(Py_nb_or, binary_slot<bitwise_or>),
      slot(Py_nb_xor, binary_slot<bitwise_xor>), slot(Py_nb_bool, to_bool), slot(Py_nb_float, to_float),
      slot(Py_nb_int, to_int), slot(Py_nb_index, to_index), slot(Py_mp_length, length),
      slot(Py_mp_subscript, subscript), slot(Py_mp_ass_subscript, assign_subscript), slot(Py_sq_item, element_at),
      slot(Py_sq_length, length), {0, nullptr}};
  static PyType_Spec spec = {"chainrule.Tensor", sizeof(PyTensor), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             slots};
  tensor_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!tensor_type) throw py::error_already_set();
  py::object type = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(tensor_type));
  type.attr("__array_priority__") = 1000;                // NumPy arrays on the left leave the operator to us
  m.attr("Tensor") = type;

  py::class_<PyDType>(m, "DType", "The type of a tensor's elements.")
      .def("__repr__", [](const PyDType& d) { return text("chainrule.", name(d.type)); })
      .def("__str__", [](const PyDType& d) { return name(d.type); })
      .def("__eq__", [](const PyDType& d, py::handle o) {
        if (py::isinstance<PyDType>(o)) return o.cast<const PyDType&>().type == d.type;
        try { return dtype_from(o) == d.type; } catch (const DTypeError&) { return false; }
      })
      .def("__hash__", [](const PyDType& d) { return int(d.type); })
      .def("__reduce__", [](const PyDType& d) { return py::str(name(d.type)); })
      .def_property_readonly("name", [](const PyDType& d) { return name(d.type); }, "Its name.")
      .def_property_readonly("itemsize", [](const PyDType& d) { return itemsize(d.type); }, "Bytes of one element.")
      .def_property_readonly("is_floating", [](const PyDType& d) { return is_float(d.type); }, "Whether it can be differentiated.");
  for (int i = 0; i < dtype_count; i++) {
    py::object o = py::cast(PyDType{DType(i)});
    m.attr(name(DType(i))) = o;
    dtype_objects[i] = o.release().ptr();
  }
  m.def("from_array", [](py::handle o) { return from_array(o); }, py::arg("array"), "A NumPy array as a tensor on the same bytes.");
  m.def("_from_dlpack", from_dlpack, py::arg("capsule"));
}

}  // namespace chainrule
