// Softmax and its loss.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_softmax(py::module_& m) {
  const auto x = py::arg("x");
  const auto axis = py::arg("axis") = -1;
  m.def("softmax", softmax, x, axis,
        "eˣ / Σ eˣ along an axis: positive numbers that add up to 1.   Book: §3.3, (3.25); Jacobian (5.19)\n\n"
        "Differs a line of -∞ alone, in which nothing is allowed, gives 0");
  m.def("log_softmax", log_softmax, x, axis,
        "x - log Σ eˣ along an axis: the logarithm of softmax, exact where softmax itself is 0 or 1.   Book: §3.3, (3.29)\n\n"
        "Differs a line of -∞ alone gives -∞");
  m.def("softmax_cross_entropy", softmax_cross_entropy, py::arg("z"), py::arg("y"), py::arg("label_smoothing") = 0.0,
        py::arg("ignore_index") = py::none(),
        "C = -Σ_k t_k log softmax(z)_k with t = (1 - s) e_y + s / K, s the label smoothing: a loss a row.\n\n"
        "Book: §3.3, (3.29)-(3.31), (5.20)\n\n"
        "Shapes  z (..., K), y (...) integers -> (...)\n"
        "Units   nats\n"
        "Errors  IndexError unless 0 <= y < K; rows with y == ignore_index give 0");
}
static const Binding bound_softmax(bind_softmax);

}  // namespace chainrule
