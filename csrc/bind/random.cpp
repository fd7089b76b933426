// Random draws and optimiser steps.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {
namespace {

template <Tensor (*draw)(const Shape&, DType, Device, RandomKey)>
Tensor bound(const Shape& shape, uint64_t seed, uint64_t stream, uint64_t position, DType dtype, Device device) {
  return draw(shape, dtype, device, {seed, stream, position});
}

}  // namespace

static void bind_random(py::module_& m) {
  const auto shape = py::arg("shape"), seed = py::arg("seed"), stream = py::arg("stream"), position = py::arg("position");
  const auto dtype = py::arg("dtype") = DType::float32;
  const auto device = py::arg("device") = Device::cpu;
  m.def("_uniform", bound<random_uniform>, shape, seed, stream, position, dtype, device);
  m.def("_normal", bound<random_normal>, shape, seed, stream, position, dtype, device);
  m.def("_integers", [](const Shape& shape, int64_t n, uint64_t seed, uint64_t stream, uint64_t position, Device device) {
    return random_integers(shape, n, device, {seed, stream, position});
  }, shape, py::arg("n"), seed, stream, position, device);
  m.def("_random_blocks", random_blocks, py::arg("n"));

  m.def("sgd_update", [](std::vector<Tensor> params, const std::vector<Tensor>& grads, std::vector<Tensor> velocities, double alpha,
                         double momentum, double dampening, double weight_decay, bool nesterov, bool first) {
    sgd_update(std::move(params), grads, std::move(velocities), {alpha, momentum, dampening, weight_decay, nesterov, first});
  }, py::arg("params"), py::arg("grads"), py::arg("velocities"), py::arg("alpha"), py::arg("momentum") = 0.0,
        py::arg("dampening") = 0.0, py::arg("weight_decay") = 0.0, py::arg("nesterov") = false, py::arg("first") = false,
        "One step of gradient descent with momentum, in place.   Book: §4.3");
  m.def("adam_update", [](std::vector<Tensor> params, const std::vector<Tensor>& grads, std::vector<Tensor> m, std::vector<Tensor> v,
                          double alpha, double beta1, double beta2, double eps, double weight_decay, bool decoupled, int64_t step) {
    require<ValueError>(step >= 1, "adam_update", "step counts from 1, got ", step);
    adam_update(std::move(params), grads, std::move(m), std::move(v), {alpha, beta1, beta2, eps, weight_decay, decoupled, step});
  }, py::arg("params"), py::arg("grads"), py::arg("m"), py::arg("v"), py::arg("alpha"), py::arg("beta1") = 0.9,
        py::arg("beta2") = 0.999, py::arg("eps") = 1e-8, py::arg("weight_decay") = 0.0, py::arg("decoupled") = false,
        py::arg("step") = 1, "One step of ADAM, in place; `step` counts from 1.   Book: §4.3, Algorithm 4.2");
}
static const Binding bound_random(bind_random);

}  // namespace chainrule
