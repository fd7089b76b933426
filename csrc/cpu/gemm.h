// The matrix product of raw arrays, c = a b or c += a b: what matmul, convolution and others stand on.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace chainrule {

// Elements of one matrix: p[i row + j column].
template <class T> struct Matrix {
  const T* p;
  int64_t row, column;
};

// a (M, K), b (K, N) of any strides; c row-major with unit column stride, in the type sums are made in.
// Runs on the pool, or serially inside a task of the pool. The sum over k is cut by size alone: the result does not
// depend on the number of threads. Where b is aᵀ, the same elements seen the other way, half of the work is left out.
template <class T>
void gemm(int64_t M, int64_t N, int64_t K, Matrix<T> a, Matrix<T> b, compute_t<T>* c, int64_t c_row, bool add = false);
// c = a b + a row `plus` (N) added to each of its rows, for float and double.
template <class T> void gemm_plus(int64_t M, int64_t N, int64_t K, Matrix<T> a, Matrix<T> b, const T* plus, T* c, int64_t c_row);

}  // namespace chainrule
