// Optimiser steps over many tensors: one pass over parameters, gradients and states.
#include <cmath>

#include "graph.cuh"
#include "ops/update.h"

namespace chainrule {
namespace {

// Many tensors in one launch: chunks of 4096 elements, of whatever tensor, are dealt out to blocks. The table travels in the
// launch's parameters, of which there are 4096 bytes.
constexpr int most = 72;
constexpr int64_t chunk = 4096;
template <class T> struct Table {
  int count = 0;
  T* array[4][most];                         // gradient, parameter, states
  int64_t n[most], chunks[most + 1] = {};    // elements, and chunks of the tensors before
};
// One thread an element: reads and writes each array once, bound by memory.
template <class T, class Step> __global__ void update_elements(Table<T> table, Step step) {
  for (int64_t c = blockIdx.x; c < table.chunks[table.count]; c += gridDim.x) {
    int low = 0, high = table.count - 1;                   // the tensor of this chunk
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (table.chunks[middle] <= c) low = middle;
      else high = middle - 1;
    }
    const int64_t begin = (c - table.chunks[low]) * chunk, end = begin + chunk < table.n[low] ? begin + chunk : table.n[low];
    T *g = table.array[0][low], *p = table.array[1][low], *m = table.array[2][low], *v = table.array[3][low];
    for (int64_t i = begin + threadIdx.x; i < end; i += threads) step(g, p, m, v, i);
  }
}
// step_of(type_tag<T>) for each floating type among the parameters, over its tensors.
template <class StepOf>
void update_all(const Tensors& g, const Tensors& p, const Tensors& m, const Tensors& v, StepOf&& step_of) {
  for (DType t : {DType::float16, DType::bfloat16, DType::float32, DType::float64})
    each_float(t, [&](auto tag) {
      using T = typename decltype(tag)::type;
      Table<T> table;
      const auto flush = [&] {
        if (table.chunks[table.count]) step_of(tag, table);
        table.count = 0;
      };
      for (size_t i = 0; i < p.size(); i++) {
        if (p[i].dtype() != t || p[i].size() == 0) continue;
        const int k = table.count++;
        const auto array = [&](const Tensors& ts) { return i < ts.size() ? ts[i].data<T>() : nullptr; };
        table.array[0][k] = array(g);
        table.array[1][k] = array(p);
        table.array[2][k] = array(m);
        table.array[3][k] = array(v);
        table.n[k] = p[i].size();
        table.chunks[k + 1] = table.chunks[k] + (p[i].size() + chunk - 1) / chunk;
        if (table.count == most) flush();
      }
      if (table.count) flush();
    });
}

// g += λ θ;  v <- μ v + (1 - τ) g;  θ -= α (g + μ v when nesterov, else v).   Book: §4.3, (4.21)
template <class C> struct Sgd {
  C alpha, mu, fresh, decay;
  bool nesterov;
  template <class T> __device__ void operator()(const T* g, T* p, T* v, T*, int64_t i) const {
    const C w = widen(p[i]), d = widen(g[i]) + decay * w;
    C move = d;
    if (mu != 0) {
      const C velocity = mu * widen(v[i]) + fresh * d;
      v[i] = narrow<T>(velocity);
      move = nesterov ? d + mu * velocity : velocity;
    }
    p[i] = narrow<T>(w - alpha * move);
  }
};
void sgd(const Tensors& g, Tensors& p, Tensors& v, SgdStep s) {
  update_all(g, p, v, v, [&](auto tag, const auto& table) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const Sgd<C> step{C(s.alpha), C(s.momentum), s.first ? C(1) : C(1 - s.dampening), C(s.weight_decay), s.nesterov};
    launch("sgd_update", update_elements<T, Sgd<C>>, blocks(table.chunks[table.count], 1), threads, 0, table, step);
  });
}

// m <- β₁ m + (1-β₁) g;  s <- β₂ s + (1-β₂) g²;  θ -= α m̂ / (√ŝ + ε).   Book: §4.3, Algorithm 4.2
template <class C> struct Numbers {
  C beta1, beta2, rest1, rest2, eps, rate, unbias, shrink, decay;
  Numbers() = default;
  CHAINRULE_BOTH Numbers(const AdamStep& a, int64_t step) {
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
template <class C> __global__ void adam_numbers(AdamStep a, Replays replays, Numbers<C>* numbers) {
  *numbers = Numbers<C>(a, a.step + replays.before());
}
template <class C> struct Adam {
  Numbers<C> given;
  const Numbers<C>* made;
  template <class T> __device__ void operator()(const T* g, T* p, T* m, T* s, int64_t i) const {
    const Numbers<C>& a = made ? *made : given;
    const C w = widen(p[i]), d = widen(g[i]) + a.decay * w;
    const C mean = a.beta1 * widen(m[i]) + a.rest1 * d, square = a.beta2 * widen(s[i]) + a.rest2 * d * d;
    m[i] = narrow<T>(mean);
    s[i] = narrow<T>(square);
    p[i] = narrow<T>(a.shrink * w - a.rate * mean / (std::sqrt(square) * a.unbias + a.eps));
  }
};
void adam(const Tensors& g, Tensors& p, Tensors& m, Tensors& s, AdamStep a) {
  update_all(g, p, m, s, [&](auto tag, const auto& table) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const auto go = [&](const Numbers<C>* made) {
      launch("adam_update", update_elements<T, Adam<C>>, blocks(table.chunks[table.count], 1), threads, 0, table,
             Adam<C>{Numbers<C>(a, a.step), made});
    };
    if (!capturing()) return go(nullptr);
    const Scratch<Numbers<C>> numbers(1);
    launch("adam_update", adam_numbers<C>, 1, 1, 0, a, replays(), numbers.get());
    go(numbers.get());
  });
}

const Fill sgd_filled(kernel::sgd_update, Device::cuda, sgd);
const Fill adam_filled(kernel::adam_update, Device::cuda, adam);

}  // namespace
}  // namespace chainrule
