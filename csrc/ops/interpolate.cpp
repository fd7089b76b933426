// Resampling of space: linear in x, one axis after another.
#include <cmath>

#include "ops/band.h"
#include "ops/create.h"
#include "ops/pool.h"

namespace chainrule {
namespace {

using Wide = __int128;

// Element i of the result lies at (i + ½) n / m - ½ of x, or, with corners aligned, at i (n - 1) / (m - 1).
std::shared_ptr<const Band> linear_band(int64_t n, int64_t m, double ratio, bool align_corners) {
  auto band = std::make_shared<Band>();
  band->n = n;
  if (align_corners) ratio = m > 1 ? double(n - 1) / double(m - 1) : 0;
  for (int64_t i = 0; i < m; i++) {
    const double at = align_corners ? double(i) * ratio : std::max(0.0, (double(i) + 0.5) * ratio - 0.5);
    const int64_t left = std::min(int64_t(at), n - 1);
    const double part = std::clamp(at - double(left), 0.0, 1.0);
    if (left + 1 < n) band->add_row(left, {1 - part, part});
    else band->add_row(left, {1});
  }
  return band;
}
std::shared_ptr<const Band> nearest_band(int64_t n, int64_t m, double ratio, bool scaled) {
  auto band = std::make_shared<Band>();
  band->n = n;
  for (int64_t i = 0; i < m; i++)
    band->add_row(std::min(scaled ? int64_t(std::floor(double(i) * ratio)) : int64_t(Wide(i) * n / m), n - 1), {1});
  return band;
}

}  // namespace

Tensor interpolate(const Tensor& x, const Shape& size, const std::vector<double>& scale, Interpolation mode, bool align_corners) {
  const char* op = "interpolate";
  const int axes = scale.empty() ? size.size() : int(scale.size());
  require<ValueError>(axes >= 1, op, "needs a size or a scale for each axis of space");
  require(x.ndim() >= axes, op, "x ", x.shape(), " needs ", axes, " axes of space");
  require<DTypeError>(x.dtype() != DType::boolean, op, "needs numbers, got bool");
  for (double s : scale) require<ValueError>(s > 0 && std::isfinite(s), op, "scale must be positive, got ", s);
  Tensor y = as_float(x);
  for (int i = axes - 1; i >= 0; i--) {                    // the last axis, the slow one, while there is little
    const int64_t n = x.shape()[i - axes];
    const double wanted = scale.empty() ? double(size[i]) : std::floor(double(n) * scale[i]);
    require(n >= 1 && wanted >= 1 && wanted < 0x1p58, op, "axis ", i - axes, " of x ", x.shape(), " gives a size of ", wanted,
            ", needs at least 1");
    const int64_t m = int64_t(wanted);
    require_room(op, m);
    const double ratio = scale.empty() ? double(n) / double(m) : 1 / scale[i];
    y = band_product(op, y, i - axes, mode == Interpolation::linear ? linear_band(n, m, ratio, align_corners)
                                                                    : nearest_band(n, m, ratio, !scale.empty()));
  }
  return y;
}

}  // namespace chainrule
