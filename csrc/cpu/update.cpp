// Optimiser steps over many tensors: one parallel region over the elements of all of them.
#include <cmath>

#include "core/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd.h"
#include "ops/update.h"

namespace chainrule {
namespace {

// f(i, first, n) for pieces of the tensors, which lie one after another in the counting of the region.
template <class F> void each_piece(const Tensors& ts, F&& f) {
  int64_t total = 0;
  for (const Tensor& t : ts) total += t.size();
  parallel_for(total, grain, [&](int64_t begin, int64_t end) {
    int64_t start = 0;
    for (size_t i = 0; i < ts.size() && start < end; start += ts[i++].size()) {
      const int64_t first = std::max<int64_t>(begin - start, 0), last = std::min(end - start, ts[i].size());
      if (first < last) f(i, first, last - first);
    }
  });
}

// step(n, pointers ...) on pieces of arrays; float16 and bfloat16 go through float32, 256 at a time.
template <class T, class Step, class... P> void widened(int64_t n, Step&& step, const T* g, P*... changed) {
  if constexpr (std::is_same_v<T, compute_t<T>>) step(n, g, changed...);
  else {
    constexpr int64_t width = 256, arrays = 1 + sizeof...(P);
    float rows[arrays][width];
    T* const places[] = {changed...};
    for (int64_t at = 0; at < n; at += width) {
      const int64_t m = std::min(width, n - at);
      for (int64_t i = 0; i < m; i++) rows[0][i] = float(g[at + i]);
      for (int64_t k = 1; k < arrays; k++)
        for (int64_t i = 0; i < m; i++) rows[k][i] = float(places[k - 1][at + i]);
      [&]<size_t... k>(std::index_sequence<k...>) { step(m, rows[k]...); }(std::make_index_sequence<arrays>());
      for (int64_t k = 1; k < arrays; k++)
        for (int64_t i = 0; i < m; i++) places[k - 1][at + i] = T(rows[k][i]);
    }
  }
}

template <class C> auto sgd_function() {
  if constexpr (std::is_same_v<C, float>) return simd().sgd_f32;
  else return simd().sgd_f64;
}
template <class C> auto adam_function() {
  if constexpr (std::is_same_v<C, float>) return simd().adam_f32;
  else return simd().adam_f64;
}

void sgd(const Tensors& g, Tensors& p, Tensors& v, SgdStep s) {
  each_piece(p, [&](size_t i, int64_t first, int64_t n) {
    each_float(p[i].dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      using C = compute_t<T>;
      const SgdNumbers<C> numbers{C(s.alpha), C(s.momentum), s.first ? C(1) : C(1 - s.dampening), C(s.weight_decay), s.nesterov};
      const T* from = g[i].data<T>() + first;
      T* to = p[i].data<T>() + first;
      if (s.momentum == 0)                   // v is not there
        widened<T>(n, [&](int64_t n, const C* g, C* p) { sgd_function<C>()(g, p, nullptr, n, numbers); }, from, to);
      else
        widened<T>(n, [&](int64_t n, const C* g, C* p, C* v) { sgd_function<C>()(g, p, v, n, numbers); }, from, to,
                   v[i].data<T>() + first);
    });
  });
}

void adam(const Tensors& g, Tensors& p, Tensors& m, Tensors& v, AdamStep a) {
  const double correct1 = 1 - std::pow(a.beta1, double(a.step)), correct2 = 1 - std::pow(a.beta2, double(a.step));
  each_piece(p, [&](size_t i, int64_t first, int64_t n) {
    each_float(p[i].dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      using C = compute_t<T>;
      const AdamNumbers<C> numbers{C(a.beta1), C(a.beta2), C(1 - a.beta1), C(1 - a.beta2), C(a.eps), C(a.alpha / correct1),
                                   C(1 / std::sqrt(correct2)), a.decoupled ? C(1 - a.alpha * a.weight_decay) : C(1),
                                   a.decoupled ? C(0) : C(a.weight_decay)};
      widened<T>(n, [&](int64_t n, const C* g, C* p, C* m, C* v) { adam_function<C>()(g, p, m, v, n, numbers); },
                 g[i].data<T>() + first, p[i].data<T>() + first, m[i].data<T>() + first, v[i].data<T>() + first);
    });
  });
}

const Fill sgd_filled(kernel::sgd_update, Device::cpu, sgd);
const Fill adam_filled(kernel::adam_update, Device::cpu, adam);

}  // namespace
}  // namespace chainrule
