// Arithmetic, comparison, truth and choice.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_pointwise(py::module_& m) {
  const auto a = py::arg("a"), b = py::arg("b"), x = py::arg("x");
  m.def("add", add, a, b, "a + b; of booleans, a or b");
  m.def("subtract", subtract, a, b, "a - b\n\nErrors  DTypeError for two booleans");
  m.def("multiply", multiply, a, b, "a b, elementwise; of booleans, a and b.   Book: §4.3, ⊙ of (4.19)");
  m.def("divide", divide, a, b, "a / b; integers become float32");
  m.def("floor_divide", floor_divide, a, b,
        "⌊a / b⌋, of the exact quotient: 1 // 0.1 is 9, since 0.1 is a little more than 1/10.\n\n"
        "Errors  ValueError for an integer divided by 0; DTypeError for two booleans");
  m.def("remainder", remainder, a, b,
        "a - ⌊a / b⌋ b, with the sign of b.\n\nErrors  ValueError for an integer divided by 0; DTypeError for two booleans");
  m.def("pow", power, a, b,
        "aᵇ; its derivative in b is 0 where a = 0, for b >= 0.\n\n"
        "Errors  ValueError for integers to a negative power; DTypeError for two booleans");
  m.attr("power") = m.attr("pow");
  m.def("square", square, x, "x²\n\nErrors  DTypeError for booleans");
  m.def("reciprocal", reciprocal, x, "1 / x; integers become float32");
  m.def("negative", negative, x, "-x\n\nErrors  DTypeError for booleans");
  m.def("abs", abs, x, "|x|; its derivative at 0 is 0.");
  m.def("sign", sign, x, "-1, 0 or 1, and NaN for NaN; its derivative is 0.\n\nErrors  DTypeError for booleans");
  m.def("copysign", copysign, a, b, "|a| with the sign of b, which -0 has as well; its derivative at a = 0 is 0.");

  m.def("equal", equal, a, b, "a == b");
  m.def("not_equal", not_equal, a, b, "a != b");
  m.def("less", less, a, b, "a < b");
  m.def("less_equal", less_equal, a, b, "a <= b");
  m.def("greater", greater, a, b, "a > b");
  m.def("greater_equal", greater_equal, a, b, "a >= b");
  m.def("isnan", isnan, x, "Where x is not a number.");
  m.def("isinf", isinf, x, "Where x is ∞ or -∞.");
  m.def("isfinite", isfinite, x, "Where x is neither infinite nor NaN.");

  m.def("logical_and", logical_and, a, b, "Whether a and b are both other than 0.");
  m.def("logical_or", logical_or, a, b, "Whether a or b is other than 0.");
  m.def("logical_xor", logical_xor, a, b, "Whether just one of a and b is other than 0.");
  m.def("logical_not", logical_not, x, "Whether x is 0.");
  m.def("bitwise_and", bitwise_and, a, b, "a & b of integers or booleans");
  m.def("bitwise_or", bitwise_or, a, b, "a | b of integers or booleans");
  m.def("bitwise_xor", bitwise_xor, a, b, "a ^ b of integers or booleans");
  m.def("bitwise_invert", bitwise_invert, x, "~x of integers or booleans");

  m.def("where", where, py::arg("condition"), a, b,
        "a where the condition holds, else b.\n\nErrors  DTypeError unless the condition is bool");
  m.def("maximum", maximum, a, b, "The larger of a and b, NaN if either is; at a tie each gets half of the derivative.");
  m.def("minimum", minimum, a, b, "The smaller of a and b, NaN if either is; at a tie each gets half of the derivative.");
  m.def("clip", clip, x, py::arg("min") = py::none(), py::arg("max") = py::none(),
        "min(max(x, min), max): x kept between two bounds, of which either may be None.   Book: §5.4, §7.2\n\n"
        "Differs the derivative is 1 from bound to bound, both included, and 0 outside");
}
static const Binding bound_pointwise(bind_pointwise);

}  // namespace chainrule
