// Convolution and its two adjoints: three bilinear ops, closed under differentiation.
#pragma once
#include "core/tensor.h"
#include "core/windows.h"

namespace chainrule {

// How windows slide, an entry for each spatial axis; `before` and `after` count zeros around x.
struct Sliding {
  Shape stride, before, after, dilation;
  int64_t groups = 1;
};

// z = w ⋆ x + b over the last w.ndim - 2 axes: x (..., C, *space), w (O, C / groups, *size), b (O) or none.
Tensor conv(const Tensor& x, const Tensor& w, const Tensor& b, const Sliding& how);
// The adjoint of conv in x, plus b: x (..., C, *space), w (C, O / groups, *size), b (O) or none. More than one size of the
// result has windows in the same places; `extra` chooses among them.
Tensor conv_transpose(const Tensor& x, const Tensor& w, const Tensor& b, const Sliding& how, const Shape& extra);

}  // namespace chainrule
