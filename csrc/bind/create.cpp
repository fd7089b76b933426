// Tensors from nothing, copies and conversions.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {
namespace {

Tensor full_like_number(const Shape& shape, const Tensor& value, std::optional<DType> dtype, Device device) {
  require<ValueError>(value.ndim() == 0, "full", "fill_value must be a number, got shape ", value.shape());
  const DType t = dtype ? *dtype : strong_type(value);
  const Tensor host = to_device(value.detached(), Device::cpu);
  const double as_double = *astype(host, DType::float64).data<double>();
  const int64_t as_integer = is_float(host) ? int64_t(as_double) : *astype(host, DType::int64).data<int64_t>();
  return full(shape, as_double, as_integer, t, device);
}

Tensor eye(int64_t n, std::optional<int64_t> columns, int64_t k, DType dtype, Device device) {
  const Tensor row = arange(0, 1, n, DType::int64, device), column = arange(0, 1, columns.value_or(n), DType::int64, device);
  return astype(equal(expand_dims(row, 1) + weak_scalar(k), column), dtype);
}

}  // namespace

static void bind_create(py::module_& m) {
  const auto dtype = py::arg("dtype") = DType::float32;
  const auto device = py::arg("device") = Device::cpu;
  m.def("empty", empty, py::arg("shape"), dtype, device, "A tensor whose elements are whatever the memory held.");
  m.def("zeros", zeros, py::arg("shape"), dtype, device, "A tensor of zeros.");
  m.def("full", full_like_number, py::arg("shape"), py::arg("fill_value"), py::arg("dtype") = py::none(), device,
        "A tensor of one value.");
  m.def("eye", eye, py::arg("n"), py::arg("m") = py::none(), py::arg("k") = 0, dtype, device,
        "Ones on the k-th diagonal of an (n, m) matrix of zeros.");
  m.def("_arange", arange, py::arg("start"), py::arg("step"), py::arg("n"), py::arg("dtype"), device);
  m.def("astype", astype, py::arg("x"), py::arg("dtype"), "x in another type; its derivative is the identity.");
  m.def("to_device", to_device, py::arg("x"), py::arg("device"), "x on another device.");
  m.def("copy", copy, py::arg("x"), "The same values in new row-major memory.");
  m.def("contiguous", contiguous, py::arg("x"), "x itself when it is row-major, else a copy that is.");
  m.def("stop_gradient", stop_gradient, py::arg("x"), "x as a constant: transforms do not look behind it.");
  m.def("_result_type", result_type, py::arg("a"), py::arg("b"));
}
static const Binding bound_create(bind_create);

}  // namespace chainrule
