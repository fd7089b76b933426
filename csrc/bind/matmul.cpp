// Matrix products.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_matmul(py::module_& m) {
  m.def("matmul", matmul, py::arg("a"), py::arg("b"), R"(a @ b: y[..., i, j] = Σₖ a[..., i, k] b[..., k, j].   Book: appendix A

Shapes  a (..., M, K), b (..., K, N) -> (..., M, N), leading axes broadcast; an a (K,) is one row, a b (K,) one
        column, and that axis is left out of y
Errors  ShapeError unless a.shape[-1] == b.shape[-2]; DTypeError for booleans)");
}
static const Binding bound_matmul(bind_matmul);

}  // namespace chainrule
