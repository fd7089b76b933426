// How Python values become C++ arguments: tensors, types, devices, shapes and axes.
#pragma once
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <vector>

#include "core/check.h"
#include "core/tensor.h"

namespace py = pybind11;

namespace chainrule {

// The Python object: one C type, written by hand so that `a + b` costs tens of nanoseconds.
struct PyTensor {
  PyObject_HEAD
  Tensor tensor;
  PyObject* weak_references;
};
extern PyTypeObject* tensor_type;
inline bool is_tensor(PyObject* o) { return Py_TYPE(o) == tensor_type; }
inline const Tensor& tensor_of(PyObject* o) { return reinterpret_cast<PyTensor*>(o)->tensor; }
PyObject* wrap(Tensor tensor);

// A tensor from a tensor, a Python number (weak) or anything NumPy takes as an array without guessing; false otherwise.
bool as_operand(PyObject* o, Tensor& out);
Tensor from_array(py::handle array);            // shares the bytes
py::object to_array(const Tensor& x);           // shares the bytes where NumPy has the type

DType dtype_from(py::handle o);
py::object dtype_object(DType t);
Device device_from(py::handle o);
void set_python_error();                        // the exception in flight becomes Python's

// Each file of this folder plugs its part of the module in by itself:  static const Binding bound_views(bind_views);
// (names of its own, since a wheel compiles several of these files as one)
struct Binding {
  explicit Binding(void (*bind)(py::module_&)) { all().push_back(bind); }
  static std::vector<void (*)(py::module_&)>& all() {
    static std::vector<void (*)(py::module_&)> functions;
    return functions;
  }
};

Tensor get_item(const Tensor& x, py::handle key);
void set_item(const Tensor& x, py::handle key, py::handle value);

}  // namespace chainrule

namespace pybind11::detail {

template <> struct type_caster<chainrule::Tensor> {
  static constexpr auto name = const_name("Tensor");
  chainrule::Tensor value;
  bool load(handle source, bool) {
    if (chainrule::is_tensor(source.ptr())) {
      value = chainrule::tensor_of(source.ptr());
      return true;
    }
    if (chainrule::as_operand(source.ptr(), value)) return true;
    // One line instead of the list of signatures; ops have no overloads to try.
    throw py::type_error(chainrule::text("needs a tensor, a number or a NumPy array, got ", Py_TYPE(source.ptr())->tp_name));
  }
  static handle cast(chainrule::Tensor t, return_value_policy, handle) { return chainrule::wrap(std::move(t)); }
  operator const chainrule::Tensor&() { return value; }
  operator chainrule::Tensor&() { return value; }
  template <class T> using cast_op_type = const chainrule::Tensor&;
};

template <> struct type_caster<chainrule::DType> {
  PYBIND11_TYPE_CASTER(chainrule::DType, const_name("DType"));
  bool load(handle source, bool) {
    if (source.is_none()) return false;
    value = chainrule::dtype_from(source);
    return true;
  }
  static handle cast(chainrule::DType t, return_value_policy, handle) { return chainrule::dtype_object(t).release(); }
};

template <> struct type_caster<chainrule::Device> {
  PYBIND11_TYPE_CASTER(chainrule::Device, const_name("str"));
  bool load(handle source, bool) {
    if (source.is_none()) return false;
    value = chainrule::device_from(source);
    return true;
  }
  static handle cast(chainrule::Device d, return_value_policy, handle) {
    return py::str(chainrule::name(d)).release();
  }
};

// An int or a sequence of ints.
template <> struct type_caster<chainrule::Shape> {
  PYBIND11_TYPE_CASTER(chainrule::Shape, const_name("int | Sequence[int]"));
  static bool item(PyObject* o, int64_t& out) {
    if (PyFloat_Check(o) || !PyIndex_Check(o)) return false;
    const Py_ssize_t v = PyNumber_AsSsize_t(o, PyExc_OverflowError);
    if (v == -1 && PyErr_Occurred()) throw error_already_set();
    out = v;
    return true;
  }
  bool load(handle source, bool) {
    int64_t v;
    value = chainrule::Shape();
    if (!PySequence_Check(source.ptr()) || chainrule::is_tensor(source.ptr())) {
      if (!item(source.ptr(), v)) return false;
      value.push_back(v);
      return true;
    }
    if (PyUnicode_Check(source.ptr())) return false;
    const auto sequence = reinterpret_borrow<py::sequence>(source);
    for (size_t i = 0; i < sequence.size(); i++) {
      const py::object o = sequence[i];
      if (!item(o.ptr(), v)) return false;
      value.push_back(v);
    }
    return true;
  }
  static handle cast(const chainrule::Shape& s, return_value_policy, handle) {
    py::tuple t(s.size());
    for (int i = 0; i < s.size(); i++) t[i] = py::int_(s[i]);
    return t.release();
  }
};

}  // namespace pybind11::detail
