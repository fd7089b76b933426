// Error and gamma functions.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_special(py::module_& m) {
  const auto x = py::arg("x");
  m.def("erf", erf, x, "2/√π ∫ e^(-t²) dt from 0 to x: the error function.");
  m.def("erfc", erfc, x, "1 - erf x, exact where erf x is near 1");
  m.def("erfinv", erfinv, x, "The number whose erf is x: ±∞ at ±1, NaN beyond.");
  m.def("lgamma", lgamma, x, "log |Γ(x)|, with Γ(n) = (n - 1)!; ∞ at 0, -1, -2 ...");
  m.def("digamma", digamma, x, "ψ(x) = d/dx log Γ(x); NaN at -1, -2 ... and -∞ at 0.");
  m.def("polygamma", polygamma, py::arg("n"), x,
        "ψ⁽ⁿ⁾(x), the n-th derivative of digamma; n = 1 is trigamma, for the variance of log-gamma numbers.\n\n"
        "Errors  ValueError unless n >= 0");
}
static const Binding bound_special(bind_special);

}  // namespace chainrule
