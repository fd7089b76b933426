// Ops that move, repeat or pick elements by position.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_views(py::module_& m) {
  const auto x = py::arg("x");
  m.def("broadcast_to", broadcast_to, x, py::arg("shape"), "x repeated along new axes and axes of size 1, without a copy.");
  m.def("reshape", reshape, x, py::arg("shape"), "The elements of x in row-major order in another shape; one size may be -1.");
  m.def("permute_dims", permute_dims, x, py::arg("axes"), "x with its axes in the given order.");
  m.def("expand_dims", expand_dims, x, py::arg("axis") = 0, "x with a new axis of size 1.");
  m.def("squeeze", squeeze, x, py::arg("axis") = py::none(), "x without the given axes of size 1 (all such when None).");
  m.def("select", select, x, py::arg("axis"), py::arg("i"), "The i-th slice of x along an axis.");
  m.def("concat", concat, py::arg("xs"), py::arg("axis") = 0, "The tensors one after another along an axis.");
  m.def("stack", stack, py::arg("xs"), py::arg("axis") = 0, "The tensors one after another along a new axis.");
}
static const Binding bound(bind_views);

}  // namespace chainrule
