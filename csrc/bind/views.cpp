// Ops that move, repeat or pick elements by position.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_views(py::module_& m) {
  const auto x = py::arg("x"), axis = py::arg("axis"), axis1 = py::arg("axis1"), axis2 = py::arg("axis2");
  m.def("broadcast_to", broadcast_to, x, py::arg("shape"), "x repeated along new axes and axes of size 1, without a copy.");
  m.def("reshape", reshape, x, py::arg("shape"), "The elements of x in row-major order in another shape; one size may be -1.");
  m.def("permute_dims", permute_dims, x, py::arg("axes"), "x with its axes in the given order.");
  m.def("transpose", transpose, x, axis1 = -2, axis2 = -1,
        "x with two axes exchanged, the last two by default.   Book: appendix A\n\n"
        "Differs NumPy's reverses all axes: x.T; any order is permute_dims");
  m.def("expand_dims", expand_dims, x, axis = 0, "x with a new axis of size 1.");
  m.def("squeeze", squeeze, x, axis = py::none(), "x without the given axes of size 1 (all such when None).");
  m.def("flip", flip, x, axis = py::none(), "x backwards along the given axes (all when None).");
  m.def("select", select, x, axis, py::arg("i"), "The i-th slice of x along an axis.");
  m.def("concat", concat, py::arg("xs"), axis = 0, "The tensors one after another along an axis; types are promoted.");
  m.def("stack", stack, py::arg("xs"), axis = 0, "The tensors one after another along a new axis.");
  m.def("diagonal", diagonal, x, py::arg("offset") = 0, axis1 = -2, axis2 = -1,
        "The elements x[..., i, i + offset] as a new last axis.\n\n"
        "Differs NumPy takes the first two axes by default, here leading axes are batch axes");
  m.def("embed_diagonal", embed_diagonal, x, py::arg("rows"), py::arg("columns"), py::arg("offset") = 0,
        "Zeros (..., rows, columns) with x on a diagonal: the adjoint of diagonal.");
  m.def("unfold", unfold, x, axis, py::arg("size"), py::arg("step") = 1, py::arg("dilation") = 1,
        "The windows of an axis, without a copy: y[..., i, ..., k] = x[..., i step + k dilation, ...].   Book: §6.2\n\n"
        "Shapes  x (..., n, ...) -> (..., ⌊(n - 1 - (size - 1) dilation) / step⌋ + 1, ..., size)");
  m.def("fold", fold, py::arg("d"), axis, py::arg("n"), py::arg("step") = 1, py::arg("dilation") = 1,
        "Windows added up where they overlap, on an axis of n: the adjoint of unfold.\n\n"
        "Shapes  d (..., windows, ..., size) -> (..., n, ...)");
  m.def("_pad_constant", pad_constant, x, py::arg("before"), py::arg("after"), py::arg("value"));
}
static const Binding bound_views(bind_views);

}  // namespace chainrule
