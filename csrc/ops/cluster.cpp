#include "ops/cluster.h"

#include "core/kernels.h"
#include "ops/create.h"

namespace chainrule {

Clusters nearest_centres(const Tensor& x, const Tensor& centres, const Tensor& earlier) {
  const char* op = "nearest_centres";
  require(x.ndim() == 2 && centres.ndim() == 2 && x.dim(1) == centres.dim(1), op, "x ", x.shape(), " and centres ",
          centres.shape(), " need two axes each and equally many columns");
  require(centres.dim(0) >= 1, op, "needs at least one centre, got centres ", centres.shape());
  require(earlier.ndim() == 1 && earlier.dim(0) == x.dim(0), op, "earlier labels ", earlier.shape(), " need one a row of x ",
          x.shape());
  require<DTypeError>((x.dtype() == DType::float32 || x.dtype() == DType::float64) && centres.dtype() == x.dtype(), op,
                      "x and centres need to be both float32 or both float64, got ", x.dtype(), " and ", centres.dtype());
  require<DTypeError>(earlier.dtype() == DType::int64, op, "earlier labels need to be int64, got ", earlier.dtype());
  const Device device = common_device(op, {x, centres, earlier});
  const int64_t n = x.dim(0), K = centres.dim(0);
  Clusters y{output(op, {n}, DType::int64, device), output(op, {n}, x.dtype(), device),
             output(op, centres.shape(), DType::float64, device), output(op, {K}, DType::int64, device),
             output(op, Shape{1}, DType::int64, device)};
  kernel::nearest_centres(device, contiguous(x.detached()), contiguous(centres.detached()), contiguous(earlier.detached()),
                          y.labels, y.distances, y.sums, y.counts, y.changed);
  return y;
}

}  // namespace chainrule
