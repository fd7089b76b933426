// The product of a matrix and a vector, y = A v or y += A v.
#pragma once
#include "cpu/gemm.h"

namespace chainrule {

// a (n, K) of any strides, v and y with a step.
template <class T>
void gemv(int64_t n, int64_t K, Matrix<T> a, const T* v, int64_t v_step, compute_t<T>* y, int64_t y_step, bool add);

}  // namespace chainrule
