// Picking, sorting, and folding by index.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {
namespace {

Tensor take_along(const Tensor& x, const Tensor& indices, std::optional<int64_t> axis) {
  const Tensor at = indices.weak() ? to_device(indices, x.device()) : indices;       // a Python number
  return axis ? take(x, at, *axis) : take(reshape(x, {-1}), at, 0);
}
py::tuple topk_pair(const Tensor& x, int64_t k, int64_t axis, bool largest) {
  const TopK y = topk(x, k, axis, largest);
  return py::make_tuple(y.values, y.indices);
}
// Every sort here is stable: the argument is the standard's, and nothing is gained by false.
Tensor argsort_stable(const Tensor& x, int64_t axis, bool descending, bool) { return argsort(x, axis, descending); }
Tensor sort_stable(const Tensor& x, int64_t axis, bool descending, bool) { return sort(x, axis, descending); }
Tensor search(const Tensor& x, const Tensor& values, const std::string& side, const std::optional<Tensor>& sorter) {
  require<ValueError>(side == "left" || side == "right", "searchsorted", "side must be 'left' or 'right', got '", side, "'");
  return searchsorted(sorter ? take_along_axis(x, *sorter, -1) : x, values, side == "right");
}

}  // namespace

static void bind_gather(py::module_& m) {
  const auto x = py::arg("x"), data = py::arg("data"), segment_ids = py::arg("segment_ids"), num_segments = py::arg("num_segments");
  const auto indptr = py::arg("indptr"), indices = py::arg("indices");
  m.def("take", take_along, x, indices, py::arg("axis") = py::none(),
        R"(y[..., i, ...] = x[..., indices[i], ...]: slices of x picked along an axis, with repetition.

With axis=None x is flattened first. Its transpose adds up what was picked more than once.
Shapes  x (..., n, ...), indices of any shape -> the axis of n replaced by the axes of indices
Errors  IndexError unless -n <= indices < n, DTypeError unless they are integers)");
  m.def("take_along_axis", take_along_axis, x, indices, py::arg("axis") = -1,
        R"(y[..., i, ...] = x[..., indices[..., i, ...], ...]: an index for each element of y, as argsort and topk give them.

Shapes  x (..., n, ...), indices (..., m, ...) -> (..., m, ...); sizes off the axis equal, or 1 and repeated
Errors  IndexError unless -n <= indices < n, DTypeError unless they are integers)");
  m.def("_index_add", index_add, py::arg("d"), py::arg("index"), py::arg("axis"), py::arg("n"));
  m.def("_scatter_add", scatter_add_along_axis, py::arg("d"), py::arg("index"), py::arg("axis"), py::arg("n"));
  m.def("_nonzero", nonzero, x);
  m.def("argsort", argsort_stable, x, py::arg("axis") = -1, py::arg("descending") = false, py::arg("stable") = true,
        R"(Positions that put x in order along an axis, int64.

Equal elements keep their order, -0 equals 0, and NaN comes last in either direction.)");
  m.def("sort", sort_stable, x, py::arg("axis") = -1, py::arg("descending") = false, py::arg("stable") = true,
        R"(x in ascending (or descending) order along an axis; NaN comes last. The derivative follows the permutation.)");
  m.def("topk", topk_pair, x, py::arg("k"), py::arg("axis") = -1, py::arg("largest") = true,
        R"((values, indices) of the k largest (or smallest) elements along an axis, the most extreme first.

Among equal elements the earlier comes first; NaN comes last.
Errors  ValueError unless 0 <= k <= x.shape[axis])");
  m.def("searchsorted", search, py::arg("sorted"), py::arg("values"), py::arg("side") = "left",
        py::arg("sorter") = py::none(),
        R"(Where each value would be put so that `sorted` stays ascending: before its equals, or after (side="right").

`sorter`, from argsort, puts `sorted` in order first.

Shapes  sorted (n,), values (...) -> (...), int64; or sorted (..., n), values (..., m) -> (..., m), row by row)");
  m.def("segment_max", segment_max, data, segment_ids, num_segments, py::arg("empty") = 0.0,
        R"(The largest of the rows of each segment, elementwise; `empty` for a segment without rows.

Shapes  data (E, ...), segment_ids (E,) integers -> (num_segments, ...)
Errors  IndexError unless -num_segments <= segment_ids < num_segments
Differs ties share the derivative equally)");
  m.def("segment_min", segment_min, data, segment_ids, num_segments, py::arg("empty") = 0.0,
        R"(The smallest of the rows of each segment, elementwise; `empty` for a segment without rows.

Shapes, errors and ties as in segment_max)");
  m.def("csr_matmul", csr_matmul, indptr, indices, py::arg("values"), x,
        R"(y = A x, A in compressed sparse rows: y[i] = Σ values[k] x[indices[k]] over indptr[i] <= k < indptr[i + 1].

Differentiable in values and x, to any order.
Shapes  indptr (rows + 1,), indices and values (nnz,), x (n, ...) -> (rows, ...)
Errors  ValueError unless indptr climbs from 0 to nnz; IndexError unless 0 <= indices < n
Cost    nnz multiply-adds a column of x)");
  m.def("csr_dot", csr_dot, indptr, indices, py::arg("a"), py::arg("b"),
        R"(y[k] = ⟨a[i], b[indices[k]]⟩ for indptr[i] <= k < indptr[i + 1]: the entries of a bᵀ that a sparse pattern has.

Attention along the edges of a graph, and the derivative of csr_matmul in its values.
Shapes  indptr (rows + 1,), indices (nnz,), a (rows, ...), b (n, ...) -> (nnz,)
Errors  as csr_matmul)");
}
static const Binding bound_gather(bind_gather);

}  // namespace chainrule
