// Recurrent layers, for chainrule.functional to wrap.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_recurrent(py::module_& m) {
  using Maybe = std::optional<Tensor>;
  m.def("_recurrent", [](const std::string& cell, const Tensor& x, const Tensor& h, const Maybe& c, const Tensor& w_hx,
                         const Tensor& w_hh, const Maybe& b_x, const Maybe& b_h, const Maybe& here, bool reverse) {
    const auto given = [](const Maybe& x) { return x.value_or(Tensor()); };
    return recurrent(cell, x, h, given(c), w_hx, w_hh, given(b_x), given(b_h), given(here), reverse);
  }, py::arg("cell"), py::arg("x"), py::arg("h"), py::arg("c"), py::arg("w_hx"), py::arg("w_hh"), py::arg("b_x"), py::arg("b_h"),
        py::arg("here"), py::arg("reverse"));
}
static const Binding bound_recurrent(bind_recurrent);

}  // namespace chainrule
