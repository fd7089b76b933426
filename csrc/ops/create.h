// Tensors from nothing, copies and conversions.
#pragma once
#include "core/tensor.h"

namespace chainrule {

Tensor empty(const Shape& shape, DType dtype, Device device);
// The value is given twice: float types take the first, integers the second.
Tensor full(const Shape& shape, double value, int64_t integer, DType dtype, Device device);
Tensor zeros(const Shape& shape, DType dtype, Device device);
Tensor arange(double start, double step, int64_t n, DType dtype, Device device);
// A zero-dimensional tensor that takes part in promotion by its kind only (a Python number).
Tensor weak_scalar(double value);
Tensor weak_scalar(int64_t value);
Tensor weak_scalar(bool value);

Tensor astype(const Tensor& x, DType dtype);
Tensor to_device(const Tensor& x, Device device);
Tensor copy(const Tensor& x);                    // always new bytes
Tensor contiguous(const Tensor& x);              // x itself when it is row-major already
void assign(Tensor& place, const Tensor& x);      // x's values into the bytes of place, of the same shape
Tensor stop_gradient(const Tensor& x);
void synchronize(Device device);

// Promotion and broadcasting happen here and nowhere else: the operands of a pointwise op, in one type and shape.
DType result_type(const Tensor& a, const Tensor& b);
DType strong_type(const Tensor& x);              // float32 for a Python float
Tensor strong(const Tensor& x);                  // a Python number as an ordinary tensor
struct Pair { Tensor a, b; };
Pair match(const char* op, const Tensor& a, const Tensor& b);
// The same, in a floating type: integers become float32.
Pair match_float(const char* op, const Tensor& a, const Tensor& b);
Tensor as_float(const Tensor& x);

}  // namespace chainrule
