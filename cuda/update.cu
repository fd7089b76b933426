// Optimiser steps: one pass over parameter, gradient and state, one thread an element; bound by memory.
#include <cmath>

#include "graph.cuh"
#include "ops/update.h"

namespace chainrule {
namespace {

// g += λ θ;  v <- μ v + (1 - τ) g;  θ -= α (g + μ v when nesterov, else v).   Book: §4.3, (4.21)
template <class T, class C = compute_t<T>>
__global__ void sgd_elements(const T* g, T* p, T* v, int64_t n, C alpha, C mu, C fresh, C decay, bool nesterov) {
  for (int64_t i = first(); i < n; i += stride()) {
    const C w = widen(p[i]), d = widen(g[i]) + decay * w;
    C move = d;
    if (mu != 0) {
      const C velocity = mu * widen(v[i]) + fresh * d;
      v[i] = narrow<T>(velocity);
      move = nesterov ? d + mu * velocity : velocity;
    }
    p[i] = narrow<T>(w - alpha * move);
  }
}
void sgd_one(const Tensor& g, Tensor& p, Tensor& v, SgdStep s) {
  if (p.size() == 0) return;
  each_float(p.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    launch("sgd_update", sgd_elements<T>, blocks(p.size()), threads, 0, g.data<T>(), p.data<T>(), v.data<T>(), p.size(), C(s.alpha),
           C(s.momentum), s.first ? C(1) : C(1 - s.dampening), C(s.weight_decay), s.nesterov);
  });
}

// m <- β₁ m + (1-β₁) g;  s <- β₂ s + (1-β₂) g²;  θ -= α m̂ / (√ŝ + ε).   Book: §4.3, Algorithm 4.2
template <class C> struct AdamNumbers {
  C beta1, beta2, rest1, rest2, eps, rate, unbias, shrink, decay;
  AdamNumbers() = default;
  CHAINRULE_BOTH AdamNumbers(const AdamStep& a, int64_t step) {
    const double correct1 = 1 - std::pow(a.beta1, double(step)), correct2 = 1 - std::pow(a.beta2, double(step));
    beta1 = C(a.beta1);
    beta2 = C(a.beta2);
    rest1 = C(1 - a.beta1);
    rest2 = C(1 - a.beta2);
    eps = C(a.eps);
    rate = C(a.alpha / correct1);
    unbias = C(1 / std::sqrt(correct2));
    shrink = a.decoupled ? C(1 - a.alpha * a.weight_decay) : C(1);
    decay = a.decoupled ? C(0) : C(a.weight_decay);
  }
};
// In a graph the step goes on with each replay, so its numbers are made on the device.
template <class C> __global__ void adam_numbers(AdamStep a, Replays replays, AdamNumbers<C>* numbers) {
  *numbers = AdamNumbers<C>(a, a.step + replays.before());
}
template <class T, class C = compute_t<T>>
__global__ void adam_elements(const T* g, T* p, T* m, T* s, int64_t n, AdamNumbers<C> given, const AdamNumbers<C>* made) {
  const AdamNumbers<C> a = made ? *made : given;
  for (int64_t i = first(); i < n; i += stride()) {
    const C w = widen(p[i]), d = widen(g[i]) + a.decay * w;
    const C mean = a.beta1 * widen(m[i]) + a.rest1 * d, square = a.beta2 * widen(s[i]) + a.rest2 * d * d;
    m[i] = narrow<T>(mean);
    s[i] = narrow<T>(square);
    p[i] = narrow<T>(a.shrink * w - a.rate * mean / (std::sqrt(square) * a.unbias + a.eps));
  }
}
void adam_one(const Tensor& g, Tensor& p, Tensor& m, Tensor& s, AdamStep a) {
  if (p.size() == 0) return;
  each_float(p.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const auto go = [&](const AdamNumbers<C>* made) {
      launch("adam_update", adam_elements<T>, blocks(p.size()), threads, 0, g.data<T>(), p.data<T>(), m.data<T>(), s.data<T>(),
             p.size(), AdamNumbers<C>(a, a.step), made);
    };
    if (!capturing()) return go(nullptr);
    const Scratch<AdamNumbers<C>> numbers(1);
    launch("adam_update", adam_numbers<C>, 1, 1, 0, a, replays(), numbers.get());
    go(numbers.get());
  });
}

void sgd(const Tensors& g, Tensors& p, Tensors& v, SgdStep s) {
  for (size_t i = 0; i < p.size(); i++) sgd_one(g[i], p[i], v[i], s);
}
void adam(const Tensors& g, Tensors& p, Tensors& m, Tensors& s, AdamStep a) {
  for (size_t i = 0; i < p.size(); i++) adam_one(g[i], p[i], m[i], s[i], a);
}

const Fill sgd_filled(kernel::sgd_update, Device::cuda, sgd);
const Fill adam_filled(kernel::adam_update, Device::cuda, adam);

}  // namespace
}  // namespace chainrule
