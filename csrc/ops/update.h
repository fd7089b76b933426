// Optimiser steps over many tensors, in place.
#pragma once
#include <vector>

#include "core/tensor.h"

namespace chainrule {

// g += λ θ;  v <- μ v + (1 - τ) g;  θ -= α (g + μ v when nesterov, else v).   Book: §4.3, (4.21)
struct SgdStep { double alpha, momentum, dampening, weight_decay; bool nesterov, first; };
void sgd_update(std::vector<Tensor> params, const std::vector<Tensor>& grads, std::vector<Tensor> velocities, SgdStep s);

// m <- β₁ m + (1-β₁) g;  s <- β₂ s + (1-β₂) g²;  θ -= α m̂ / (√ŝ + ε).   Book: §4.3, Algorithm 4.2
struct AdamStep { double alpha, beta1, beta2, eps, weight_decay; bool decoupled; int64_t step; };
void adam_update(std::vector<Tensor> params, const std::vector<Tensor>& grads, std::vector<Tensor> m, std::vector<Tensor> s,
                 AdamStep a);

}  // namespace chainrule
