#include "ops/reduce.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/views.h"

namespace chainrule {
namespace {

// The shape with size 1 on every reduced axis, and the shape without those axes.
struct Reduced { Shape kept, dropped; };
Reduced reduced(const Tensor& x, const Shape& axes) {
  Reduced r{x.shape(), Shape()};
  for (int64_t a : axes) r.kept[int(a)] = 1;
  for (int i = 0; i < x.ndim(); i++)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) r.dropped.push_back(x.dim(i));
  return r;
}

}  // namespace

// Σ x over the axes; push is the sum itself, pull spreads d over what was summed.
Tensor sum(const Tensor& x0, const Axes& given, bool keepdims) {
  const Tensor x = x0.dtype() == DType::boolean || x0.dtype() == DType::uint8 || x0.dtype() == DType::int32
                       ? astype(x0, DType::int64) : x0;
  const Shape axes = normal_axes(given, x.ndim(), "sum");
  const auto [kept, dropped] = reduced(x, axes);
  Tensor y = output("sum", kept, x.dtype(), {x});
  kernel::sum(x.device(), x, y);
  link(y, x, [axes](const Tensor& d) { return sum(d, axes, true); },
       [shape = x.shape()](const Tensor& d) { return broadcast_to(d, shape); });
  return keepdims ? y : reshape(y, dropped);
}

}  // namespace chainrule
