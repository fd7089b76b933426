// Reductions over any axes. No axes given means all of them.
#pragma once
#include "core/tensor.h"

namespace chainrule {

Tensor sum(const Tensor& x, const Axes& axes, bool keepdims);

}  // namespace chainrule
