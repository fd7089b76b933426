// K-means.
#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {

static void bind_cluster(py::module_& m) {
  m.def("_nearest_centres", [](const Tensor& x, const Tensor& centres, const Tensor& earlier) {
    const Clusters c = nearest_centres(x, centres, earlier);
    return py::make_tuple(c.labels, c.distances, c.sums, c.counts, c.changed);
  }, py::arg("x"), py::arg("centres"), py::arg("earlier"));
}
static const Binding bound_cluster(bind_cluster);

}  // namespace chainrule
