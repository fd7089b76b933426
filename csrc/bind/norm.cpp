// Normalisations, for chainrule.functional to wrap.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_norm(py::module_& m) {
  const auto x = py::arg("x"), weight = py::arg("weight"), bias = py::arg("bias"), eps = py::arg("eps");
  using Maybe = std::optional<Tensor>;
  m.def("_normalize_rows", [](const Tensor& x, const Maybe& weight, const Maybe& bias, int64_t axes, double eps, bool centred) {
    return normalize_rows(x, weight.value_or(Tensor()), bias.value_or(Tensor()), axes, eps, centred);
  }, x, weight, bias, py::arg("axes"), eps, py::arg("centred"));
  m.def("_normalize_channels", [](const Tensor& x, const Maybe& weight, const Maybe& bias, double eps) {
    const Normalized n = normalize_channels(x, weight.value_or(Tensor()), bias.value_or(Tensor()), eps);
    return py::make_tuple(n.y, n.mean, n.var);
  }, x, weight, bias, eps);
}
static const Binding bound_norm(bind_norm);

}  // namespace chainrule
