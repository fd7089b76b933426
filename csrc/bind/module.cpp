// The module `_core`: errors, and what the other files of this folder plug in.
#include "bind/casters.h"
#include "core/kernels.h"
#include "cpu/parallel.h"

namespace chainrule {

void bind_tensor(py::module_& m);

namespace {

struct Errors { PyObject *shape, *dtype, *device, *memory; } errors;

PyObject* new_error(py::module_& m, const char* name, PyObject* base, const char* doc) {
  const std::string full = std::string("chainrule.") + name;
  PyObject* type = PyErr_NewExceptionWithDoc(full.c_str(), doc, base, nullptr);
  m.attr(name) = py::reinterpret_borrow<py::object>(type);
  return type;
}

}  // namespace

void set_python_error() {
  try {
    throw;
  } catch (const ShapeError& e) { PyErr_SetString(errors.shape, e.what());
  } catch (const DTypeError& e) { PyErr_SetString(errors.dtype, e.what());
  } catch (const ValueError& e) { PyErr_SetString(PyExc_ValueError, e.what());
  } catch (const DeviceError& e) { PyErr_SetString(errors.device, e.what());
  } catch (const IndexError& e) { PyErr_SetString(PyExc_IndexError, e.what());
  } catch (const OutOfMemory& e) { PyErr_SetString(errors.memory, e.what());
  } catch (const NanError& e) { PyErr_SetString(PyExc_FloatingPointError, e.what());
  } catch (py::error_already_set& e) { e.restore();
  } catch (const py::builtin_exception& e) { e.set_error();
  } catch (const std::bad_alloc&) { PyErr_SetString(errors.memory, "allocate: the system has no more memory");
  } catch (const std::exception& e) { PyErr_SetString(PyExc_RuntimeError, e.what());
  }
}

}  // namespace chainrule

PYBIND11_MODULE(_core, m) {
  using namespace chainrule;
  errors.shape = new_error(m, "ShapeError", PyExc_ValueError, "Shapes that do not fit an op.");
  errors.dtype = new_error(m, "DTypeError", PyExc_ValueError, "Element types that do not fit an op.");
  errors.device = new_error(m, "DeviceError", PyExc_RuntimeError, "Tensors on different devices, or a device that is not there.");
  errors.memory = new_error(m, "OutOfMemory", PyExc_MemoryError, "A device has no more memory.");
  py::register_local_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const std::runtime_error&) { set_python_error(); }
  });
  bind_tensor(m);                                            // first: the others take types and tensors as defaults
  for (auto bind : Binding::all()) bind(m);
}
