// Optimiser steps: one pass over parameter, gradient and state.
#include <cmath>

#include "core/kernels.h"
#include "cpu/loops.h"
#include "ops/update.h"

namespace chainrule {
namespace {

void sgd(const Tensor& g, Tensor& p, Tensor& v, SgdStep s) {
  each_float(p.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T* pg = g.data<T>();
    T *pp = p.data<T>(), *pv = v.data<T>();
    const C alpha = C(s.alpha), mu = C(s.momentum), fresh = s.first ? C(1) : C(1 - s.dampening), decay = C(s.weight_decay);
    parallel_for(p.size(), grain, [&](int64_t begin, int64_t end) {
      if (mu == 0) {
        for (int64_t i = begin; i < end; i++) pp[i] = T(C(pp[i]) - alpha * (C(pg[i]) + decay * C(pp[i])));
        return;
      }
      for (int64_t i = begin; i < end; i++) {
        const C d = C(pg[i]) + decay * C(pp[i]), velocity = mu * C(pv[i]) + fresh * d;
        pv[i] = T(velocity);
        pp[i] = T(C(pp[i]) - alpha * (s.nesterov ? d + mu * velocity : velocity));
      }
    });
  });
}

void adam(const Tensor& g, Tensor& p, Tensor& m, Tensor& v, AdamStep a) {
  const double correct1 = 1 - std::pow(a.beta1, double(a.step)), correct2 = 1 - std::pow(a.beta2, double(a.step));
  each_float(p.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T* pg = g.data<T>();
    T *pp = p.data<T>(), *pm = m.data<T>(), *pv = v.data<T>();
    const C b1 = C(a.beta1), b2 = C(a.beta2), rest1 = C(1 - a.beta1), rest2 = C(1 - a.beta2), eps = C(a.eps);
    const C rate = C(a.alpha / correct1), unbias = C(1 / std::sqrt(correct2));
    const C shrink = a.decoupled ? C(1 - a.alpha * a.weight_decay) : C(1), decay = a.decoupled ? C(0) : C(a.weight_decay);
    parallel_for(p.size(), grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const C w = C(pp[i]), d = C(pg[i]) + decay * w;
        const C first = b1 * C(pm[i]) + rest1 * d, second = b2 * C(pv[i]) + rest2 * d * d;
        pm[i] = T(first);
        pv[i] = T(second);
        pp[i] = T(shrink * w - rate * first / (std::sqrt(second) * unbias + eps));
      }
    });
  });
}

const Fill sgd_filled(kernel::sgd_update, Device::cpu, sgd);
const Fill adam_filled(kernel::adam_update, Device::cpu, adam);

}  // namespace
}  // namespace chainrule
