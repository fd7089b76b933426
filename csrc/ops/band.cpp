#include "ops/band.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/views.h"

namespace chainrule {

void require_room(const char* op, int64_t n) {
  if (n > 1 << 24) output(op, {n, 4}, DType::float64, Device::cpu);
}

std::shared_ptr<const Band> transposed(const Band& a) {
  auto t = std::make_shared<Band>();
  t->n = a.rows();
  int64_t low = 0, high = 0;                               // the rows of a that may hold column j
  for (int64_t j = 0; j < a.n; j++) {
    while (high < a.rows() && a.start[high] <= j) high++;
    while (low < high && a.start[low] + a.length(low) <= j) low++;
    std::vector<double> column;
    for (int64_t i = low; i < high; i++) column.push_back(a.weight[a.first[i] + j - a.start[i]]);
    t->add_row(low, column);
  }
  return t;
}

// Linear, so both maps are products as well: with A and with Aᵀ.
Tensor band_product(const char* op, const Tensor& x, int64_t axis0, const std::shared_ptr<const Band>& a) {
  const int axis = normal_axis(axis0, x.ndim(), op);
  Shape shape = x.shape();
  shape[axis] = a->rows();
  Tensor y = output(op, shape, x.dtype(), {x});
  Tensor out = reshape(y.detached(), three_axes(shape, axis));
  kernel::band_matmul(x.device(), reshape(contiguous(x.detached()), three_axes(x.shape(), axis)), *a, out);
  link(y, x, [=](const Tensor& d) { return band_product(op, d, axis, a); },
       [=](const Tensor& d) { return band_product(op, d, axis, transposed(*a)); });
  return y;
}

}  // namespace chainrule
