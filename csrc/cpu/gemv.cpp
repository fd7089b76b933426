// Products with a vector: rows as dot products where they lie together, else whole columns added up.
#include "cpu/gemv.h"

#include <algorithm>

#include "cpu/loops.h"
#include "cpu/simd.h"

namespace chainrule {
namespace {

constexpr int64_t task_work = 1 << 16;       // multiply-adds that are worth a task
constexpr int64_t width = 1024;              // columns that a task adds up: a page of float, and its sums stay near

template <class C> const VectorProducts<C>& products();
template <> const VectorProducts<float>& products() { return simd().vectors_f32; }
template <> const VectorProducts<double>& products() { return simd().vectors_f64; }

// The plain loop, for float16, bfloat16 and matrices without neighbours in memory.
template <class T>
void add_columns(int64_t n, int64_t K, const Matrix<T>& a, const T* v, int64_t v_step, compute_t<T>* y) {
  using C = compute_t<T>;
  for (int64_t k = 0; k < K; k++) {
    const T* column = a.p + k * a.column;
    const C factor = C(v[k * v_step]);
    if (a.row == 1) for (int64_t j = 0; j < n; j++) y[j] += C(column[j]) * factor;
    else for (int64_t j = 0; j < n; j++) y[j] += C(column[j * a.row]) * factor;
  }
}

}  // namespace

template <class T>
void gemv(int64_t n, int64_t K, Matrix<T> a, const T* v, int64_t v_step, compute_t<T>* y, int64_t y_step, bool add) {
  using C = compute_t<T>;
  constexpr bool plain = !std::is_same_v<T, C>;
  const bool far = n * K > last_cache() / int64_t(sizeof(T));
  if constexpr (!plain)
    if (a.column == 1 && v_step == 1)
      return parallel_for(n, 1 + task_work / (K + 1), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
          y[i * y_step] = products<C>().dot(a.p + i * a.row, v, K) + (add ? y[i * y_step] : C(0));
      });
  parallel_for((n + width - 1) / width, 1 + task_work / (K * width + 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i * width, m = std::min(width, n - first);
      const Matrix<T> part{a.p + first * a.row, a.row, a.column};
      C sum[width];
      std::fill_n(sum, m, C(0));
      if constexpr (plain) add_columns(m, K, part, v, v_step, sum);
      else if (a.row == 1) products<C>().add_rows(K, v, v_step, part.p, a.column, m, far, sum);
      else add_columns(m, K, part, v, v_step, sum);
      for (int64_t j = 0; j < m; j++) { C& out = y[(first + j) * y_step]; out = sum[j] + (add ? out : C(0)); }
    }
  });
}

template void gemv(int64_t, int64_t, Matrix<float>, const float*, int64_t, float*, int64_t, bool);
template void gemv(int64_t, int64_t, Matrix<double>, const double*, int64_t, double*, int64_t, bool);
template void gemv(int64_t, int64_t, Matrix<float16>, const float16*, int64_t, float*, int64_t, bool);
template void gemv(int64_t, int64_t, Matrix<bfloat16>, const bfloat16*, int64_t, float*, int64_t, bool);

}  // namespace chainrule
