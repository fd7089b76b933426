// The rules of functions y = f(x) of one number: the derivative is an expression in ops, of x or of y.
#pragma once
#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/pointwise.h"

namespace chainrule {

// d D(x). A kernel that does it in one pass may stand in, unless the map itself is recorded: then its composite is.
template <class D, class... A>
Tensor sloped(const Slot<const Tensor&, const Tensor&, A..., Tensor&>* slope, const Tensor& d, const Tensor& x, D derivative,
              A... parameters) {
  const bool recorded = recording() && (d.node() || x.node());
  if (recorded || !slope || !slope->column[int(x.device())] || d.dtype() != x.dtype() || !(d.shape() == x.shape()))
    return d * derivative(x);
  Tensor y = output(slope->name, x.shape(), x.dtype(), {d, x});
  (*slope)(x.device(), d, x, parameters..., y);
  return y;
}

template <class D>
Tensor by_input(const char* op, const kernel::Unary& slot, const Tensor& x0, D derivative,
                const kernel::Binary* slope = nullptr) {
  const Tensor x = as_float(x0);
  Tensor y = output(op, x.shape(), x.dtype(), {x});
  slot(x.device(), x, y);
  if (y.node()) link(y, x, [=](const Tensor& d) { return sloped(slope, d, x, derivative); });
  return y;
}

// The result is at hand already, and the input need not be kept.
template <class D>
Tensor by_result(const char* op, const kernel::Unary& slot, const Tensor& x0, D derivative,
                 const kernel::Binary* slope = nullptr) {
  const Tensor x = as_float(x0);
  Tensor y = output(op, x.shape(), x.dtype(), {x});
  slot(x.device(), x, y);
  if (y.node()) link(y, x, [=, self = Self(y)](const Tensor& d) { return sloped(slope, d, self, derivative); });
  return y;
}

}  // namespace chainrule
