// Reductions.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_reduce(py::module_& m) {
  m.def("sum", sum, py::arg("x"), py::arg("axis") = py::none(), py::arg("keepdims") = false,
        "Σ x over the given axes (all when None).");
}
static const Binding bound(bind_reduce);

}  // namespace chainrule
