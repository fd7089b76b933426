// Attention, for chainrule.functional to wrap.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_attention(py::module_& m) {
  m.def("_attention", attention, py::arg("q"), py::arg("k"), py::arg("v"), py::arg("scale"), py::arg("causal"));
  m.def("_self_attention", self_attention, py::arg("z"), py::arg("heads"), py::arg("scale"), py::arg("causal"));
}
static const Binding bound_attention(bind_attention);

}  // namespace chainrule
