// Reductions over any axes. No axes given means all of them.
#pragma once
#include "core/tensor.h"

namespace chainrule {

// Named flags for the last argument:  sum(x, axes, keep).
inline constexpr bool keep = true, drop = false;

Tensor sum(const Tensor& x, const Axes& axes, bool keepdims);
Tensor mean(const Tensor& x, const Axes& axes, bool keepdims);
Tensor prod(const Tensor& x, const Axes& axes, bool keepdims);
Tensor max(const Tensor& x, const Axes& axes, bool keepdims);
Tensor min(const Tensor& x, const Axes& axes, bool keepdims);
Tensor var(const Tensor& x, const Axes& axes, bool keepdims, double correction);
Tensor stddev(const Tensor& x, const Axes& axes, bool keepdims, double correction);
Tensor norm(const Tensor& x, double ord, const Axes& axes, bool keepdims);
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims);
Tensor count_nonzero(const Tensor& x, const Axes& axes, bool keepdims);
Tensor any(const Tensor& x, const Axes& axes, bool keepdims);
Tensor all(const Tensor& x, const Axes& axes, bool keepdims);

// Without an axis: the position in row-major order.
Tensor argmax(const Tensor& x, std::optional<int64_t> axis, bool keepdims);
Tensor argmin(const Tensor& x, std::optional<int64_t> axis, bool keepdims);

}  // namespace chainrule
