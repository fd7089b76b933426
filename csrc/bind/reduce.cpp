// Reductions.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_reduce(py::module_& m) {
  const auto x = py::arg("x");
  const auto axis = py::arg("axis") = py::none(), keepdims = py::arg("keepdims") = false, correction = py::arg("correction") = 0.0;
  m.def("sum", sum, x, axis, keepdims,
        "Σ x over the given axes (all when None).\n\nUnits   booleans and integers are summed in int64, "
        "float32 in wider registers");
  m.def("prod", prod, x, axis, keepdims, "Π x over the given axes (all when None); zeros in x have exact derivatives.");
  m.def("mean", mean, x, axis, keepdims, "Σ x / n over the given axes (all when None).   Book: appendix B");
  m.def("var", var, x, axis, keepdims, correction,
        "Σ (x - x̄)² / (n - correction) over the given axes (all when None).   Book: appendix B");
  m.def("std", stddev, x, axis, keepdims, correction,
        "√var(x); its derivative at equal elements is 0.\n\nDiffers PyTorch divides by n - 1: correction=1");
  m.def("max", max, x, axis, keepdims,
        "The largest element over the given axes; ties share the derivative equally.\n\nErrors  ShapeError when there is none");
  m.def("min", min, x, axis, keepdims,
        "The smallest element over the given axes; ties share the derivative equally.\n\nErrors  ShapeError when there is none");
  m.def("norm", norm, x, py::arg("ord") = 2.0, axis, keepdims,
        "(Σ |x|ᵖ)^(1/p), p = ord; max |x| for ∞, min |x| for -∞, the number of nonzeros for 0.   Book: appendix A\n\n"
        "Differs a matrix counts as the vector of its elements; at x = 0 the derivative is 0");
  m.def("logsumexp", logsumexp, x, axis, keepdims, "log Σ eˣ, without overflow; its derivative is the softmax.   Book: §3.3");
  m.def("count_nonzero", count_nonzero, x, axis, keepdims, "How many elements differ from 0.");
  m.def("any", any, x, axis, keepdims, "Whether an element differs from 0; of none, false.");
  m.def("all", all, x, axis, keepdims, "Whether all elements differ from 0; of none, true.");
  m.def("argmax", argmax, x, axis, keepdims,
        "The first position of the largest element along an axis; in row-major order of all when None.");
  m.def("argmin", argmin, x, axis, keepdims,
        "The first position of the smallest element along an axis; in row-major order of all when None.");

  const auto axis0 = py::arg("axis") = py::none();
  m.def("cumsum", cumsum, x, axis0, "y_k = x_1 + ... + x_k along an axis; of the flattened x when None.");
  m.def("cumprod", cumprod, x, axis0, "y_k = x_1 ... x_k along an axis; of the flattened x when None.");
  m.def("linear_scan", linear_scan, py::arg("a"), py::arg("b"), py::arg("axis") = -1,
        "y_k = a_k y_(k-1) + b_k with y_0 = 0 along an axis: the state of a linear recurrence.   Book: §7.2");
}
static const Binding bound_reduce(bind_reduce);

}  // namespace chainrule
