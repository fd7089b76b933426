// Activation functions.   Book: §5.3
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_activation(py::module_& m) {
  const auto x = py::arg("x");
  m.def("sigmoid", sigmoid, x, "1 / (1 + e⁻ˣ)   Book: §3.1, (3.4)");
  m.def("log_sigmoid", log_sigmoid, x, "log(1 / (1 + e⁻ˣ)) = -softplus(-x): finite where sigmoid is 0.");
  m.def("softplus", softplus, x, "log(1 + eˣ), without overflow; its derivative is sigmoid.   Book: §5.3");
  m.def("relu", relu, x, py::kw_only(), py::arg("at_zero") = 0.0,
        "max(0, x): the rectified linear unit.   Book: §5.3, (5.17)\n\n"
        "Differs the derivative at 0 is at_zero, which is 1 in the book and in chainrule.nn");
  m.def("leaky_relu", leaky_relu, x, py::arg("slope") = 0.01,
        "max(0, x) + min(0, ε x) with the slope ε below 0; its derivative at 0 is 1.   Book: §5.3");
  m.def("elu", elu, x, py::arg("alpha") = 1.0, "x if x > 0, else α (eˣ - 1)   Book: §5.3");
  m.def("selu", selu, x,
        "1.0507 elu(x, 1.6733): keeps mean 0 and variance 1 through layers with Var W = 1 / fan_in.   Book: §5.3");
  m.def("gelu", gelu, x, py::arg("approximate") = "none",
        "x Φ(x) with the normal distribution function Φ; 'tanh' takes x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.\n\n"
        "Hendrycks, Gimpel: arXiv 1606.08415\n\n"
        "Errors  ValueError unless approximate is 'none' or 'tanh'");
  m.def("silu", silu, x, "x / (1 + e⁻ˣ), also called swish.   Book: §5.3");
  m.def("mish", mish, x, "x tanh(log(1 + eˣ))   Misra: arXiv 1908.08681");
}
static const Binding bound_activation(bind_activation);

}  // namespace chainrule
