// Elementary functions.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_elementary(py::module_& m) {
  const auto a = py::arg("a"), b = py::arg("b"), x = py::arg("x");
  m.def("floor", floor, x, "⌊x⌋: the greatest whole number up to x; its derivative is 0. Integers stay integers.");
  m.def("ceil", ceil, x, "⌈x⌉: the least whole number from x on; its derivative is 0. Integers stay integers.");
  m.def("round", round, x, "The nearest whole number, of two the even one; its derivative is 0. Integers stay integers.");
  m.def("trunc", trunc, x, "x without its digits after the point; its derivative is 0. Integers stay integers.");

  m.def("exp", exp, x, "eˣ");
  m.def("expm1", expm1, x, "eˣ - 1, exact for small x");
  m.def("log", log, x, "The natural logarithm of x: -∞ at 0, NaN below.");
  m.def("log1p", log1p, x, "log(1 + x), exact for small x");
  m.def("log2", log2, x, "The logarithm of x with base 2: of a probability, bits.");
  m.def("log10", log10, x, "The logarithm of x with base 10");
  m.def("logaddexp", logaddexp, a, b,
        "log(eᵃ + eᵇ), without overflow; at two equal infinities each gets half of the derivative.");
  m.def("sqrt", sqrt, x,
        "√x: NaN below 0.\n\n"
        "Differs the derivative at 0 is ∞, and times 0 it is NaN: add a small number first, or use where");
  m.def("rsqrt", rsqrt, x, "1 / √x");
  m.def("hypot", hypot, a, b, "√(a² + b²), without overflow; its derivative at the origin is 0.");

  m.def("sin", sin, x, "sin x\n\nUnits  radians");
  m.def("cos", cos, x, "cos x\n\nUnits  radians");
  m.def("tan", tan, x, "sin x / cos x\n\nUnits  radians");
  m.def("asin", asin, x, "The angle from -π/2 to π/2 whose sine is x.\n\nUnits  radians");
  m.def("acos", acos, x, "The angle from 0 to π whose cosine is x.\n\nUnits  radians");
  m.def("atan", atan, x, "The angle from -π/2 to π/2 whose tangent is x.   Book: §5.3\n\nUnits  radians");
  m.def("atan2", atan2, a, b, "The angle from -π to π of the point (b, a) with the first axis.\n\nUnits  radians");
  m.def("sinh", sinh, x, "(eˣ - e⁻ˣ) / 2");
  m.def("cosh", cosh, x, "(eˣ + e⁻ˣ) / 2");
  m.def("tanh", tanh, x, "(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)   Book: §5.3");
  m.def("asinh", asinh, x, "The number whose sinh is x: log(x + √(x² + 1)).");
  m.def("acosh", acosh, x, "The positive number whose cosh is x: log(x + √(x² - 1)).");
  m.def("atanh", atanh, x, "The number whose tanh is x: log((1 + x) / (1 - x)) / 2.");
  for (const char* name : {"sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh"}) {
    const std::string ours = std::string("a") + name, numpys = std::string("arc") + name;
    m.attr(numpys.c_str()) = m.attr(ours.c_str());
  }
}
static const Binding bound_elementary(bind_elementary);

}  // namespace chainrule
