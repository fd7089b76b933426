// Elementwise ops.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_pointwise(py::module_& m) {
  const auto a = py::arg("a"), b = py::arg("b"), x = py::arg("x");
  m.def("add", add, a, b, "a + b");
  m.def("subtract", subtract, a, b, "a - b");
  m.def("multiply", multiply, a, b, "a b, elementwise");
  m.def("divide", divide, a, b, "a / b; integers become float32");
  m.def("floor_divide", floor_divide, a, b, "⌊a / b⌋");
  m.def("remainder", remainder, a, b, "a - ⌊a / b⌋ b, with the sign of b");
  m.def("power", power, a, b, "aᵇ");
  m.def("maximum", maximum, a, b, "The larger of a and b; at a tie each gets half of the derivative.");
  m.def("minimum", minimum, a, b, "The smaller of a and b; at a tie each gets half of the derivative.");
  m.def("equal", equal, a, b, "a == b");
  m.def("not_equal", not_equal, a, b, "a != b");
  m.def("less", less, a, b, "a < b");
  m.def("less_equal", less_equal, a, b, "a <= b");
  m.def("greater", greater, a, b, "a > b");
  m.def("greater_equal", greater_equal, a, b, "a >= b");
  m.def("bitwise_and", bitwise_and, a, b, "a & b of integers or booleans");
  m.def("bitwise_or", bitwise_or, a, b, "a | b of integers or booleans");
  m.def("bitwise_xor", bitwise_xor, a, b, "a ^ b of integers or booleans");
  m.def("bitwise_invert", bitwise_invert, x, "~x of integers or booleans");
  m.def("where", where, py::arg("condition"), a, b, "a where the condition holds, else b.");
  m.def("abs", abs, x, "|x|; its derivative at 0 is 0.");
  m.def("sign", sign, x, "-1, 0 or 1");
  m.def("negative", negative, x, "-x");
  m.def("exp", exp, x, "eˣ");
  m.def("log", log, x, "The natural logarithm of x");
  m.def("sin", sin, x, "sin x.\n\nUnits  radians");
  m.def("cos", cos, x, "cos x.\n\nUnits  radians");
  m.def("tanh", tanh, x, "(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)   Book: §5.3, (5.17)");
}
static const Binding bound(bind_pointwise);

}  // namespace chainrule
