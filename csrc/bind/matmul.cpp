// Matrix products.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_matmul(py::module_& m) {
  m.def("matmul", matmul, py::arg("a"), py::arg("b"), R"(a @ b: y[..., i, j] = Σₖ a[..., i, k] b[..., k, j].   Book: appendix A

Shapes  a (..., M, K), b (..., K, N) -> (..., M, N), leading axes broadcast; an a (K,) is one row, a b (K,) one
        column, and that axis is left out of y
Errors  ShapeError unless a.shape[-1] == b.shape[-2]; DTypeError for booleans)");
  m.def("linear", [](const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
          return linear(x, weight, bias.value_or(Tensor()));
        }, py::arg("x"), py::arg("weight"), py::arg("bias") = py::none(), R"(z = x Wᵀ + b, one sample a row.   Book: §5.1, (5.2)

Shapes  x (..., n_in), weight (n_out, n_in), bias (n_out,) or none -> (..., n_out)
Errors  ShapeError unless x.shape[-1] == n_in; DTypeError for booleans)");
}
static const Binding bound_matmul(bind_matmul);

}  // namespace chainrule
