// Pooling and interpolation over the last axes.
#pragma once
#include "core/tensor.h"
#include "core/windows.h"
#include "ops/conv.h"

namespace chainrule {

// A value for each window, and where in the axes of space (row-major) it was found.
struct Pooled { Tensor values, index; };

// The axes of space are the last size.size() ones; `how.groups` has no meaning here.
Pooled max_pool(const Tensor& x, const Shape& size, const Sliding& how, bool ceil_mode);
Pooled adaptive_max_pool(const Tensor& x, const Shape& size);
Tensor avg_pool(const Tensor& x, const Shape& size, const Sliding& how, bool ceil_mode, bool count_include_pad);
Tensor adaptive_avg_pool(const Tensor& x, const Shape& size);
// Zeros (..., *size) with x where index says; the mean of what is given for one place.
Tensor max_unpool(const Tensor& x, const Tensor& index, const Shape& size);

enum class Interpolation { nearest, linear };
// A scale, when given, is the ratio of the coordinates; otherwise that of the sizes is.
Tensor interpolate(const Tensor& x, const Shape& size, const std::vector<double>& scale, Interpolation mode, bool align_corners);

}  // namespace chainrule
