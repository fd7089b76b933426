#include "ops/attention.h"

#include <cmath>

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/softmax.h"
#include "ops/views.h"

namespace chainrule {
namespace {

constexpr int64_t few = 8;                 // queries up to which the plain product and softmax are no slower

Tensor mT(const Tensor& x) { return transpose(x, -1, -2); }
Tensor heads(const Tensor& x) {
  int64_t n = 1;
  for (int i = 0; i < x.ndim() - 2; i++) n *= x.dim(i);
  return reshape(contiguous(x.detached()), {n, x.dim(-2), x.dim(-1)});
}
Tensor with_heads(const Tensor& x, Shape lead) {
  lead.push_back(x.dim(-2));
  lead.push_back(x.dim(-1));
  return broadcast_to(x, lead);
}
Shape leading(const Tensor& x) {
  Shape s = x.shape();
  s.pop_back();
  s.pop_back();
  return s;
}

// The Jacobian of softmax: symmetric.   Book: §3.3, (3.25)
Tensor spread(const Tensor& alpha, const Tensor& v) { return alpha * (v - sum(alpha * v, Shape{-1}, keep)); }

}  // namespace

// Book: §7.4, (7.20), (7.27)
Tensor attention_weights(const Tensor& q, const Tensor& k, double scale, bool causal) {
  const Tensor score = matmul(q * scale, mT(k));
  if (!causal) return softmax(score, -1);
  const Tensor query = arange(0, 1, q.dim(-2), DType::int64, q.device()), key = arange(0, 1, k.dim(-2), DType::int64, q.device());
  return softmax(where(greater_equal(expand_dims(query, 1), key), score, weak_scalar(-INFINITY)), -1);
}

// Book: §7.4, (7.21). The kernels follow Dao et al. (2022): softmax by pieces, the weights made again on the way back.
Tensor attention(const Tensor& q0, const Tensor& k0, const Tensor& v0, double scale, bool causal) {
  const char* op = "attention";
  require(q0.ndim() >= 2 && k0.ndim() >= 2 && v0.ndim() >= 2 && q0.dim(-1) == k0.dim(-1) && k0.dim(-2) == v0.dim(-2), op, "q ",
          q0.shape(), ", k ", k0.shape(), ", v ", v0.shape(), " need shapes (..., T, m), (..., S, m), (..., S, n)");
  const DType type = promote(promote(as_float(q0).dtype(), k0.dtype()), v0.dtype());
  const Shape lead = broadcast(broadcast(leading(q0), leading(k0), op), leading(v0), op);
  // Row-major, as the kernels read it: the maps hold these bytes and not those that they are a part of.
  const auto ready = [&](const Tensor& x0) {
    const Tensor x = with_heads(astype(x0, type), lead);
    return contiguous(x.detached()).attached(x.node());
  };
  const Tensor q = ready(q0), k = ready(k0), v = ready(v0);
  if (!kernel::attention.column[int(q.device())] || q.dim(-2) < few) return matmul(attention_weights(q, k, scale, causal), v);

  Shape shape = q.shape();
  shape[-1] = v.dim(-1);
  Tensor y = output(op, shape, type, {q, k, v});
  const Tensor hq = heads(q), hk = heads(k), hv = heads(v);
  Tensor hy = reshape(y.detached(), {hq.dim(0), hq.dim(1), hv.dim(2)});
  Tensor log_sum = empty({hq.dim(0), hq.dim(1)}, type == DType::float64 ? type : DType::float32, q.device());
  kernel::attention(q.device(), hq, hk, hv, scale, causal, hy, log_sum);

  // With s the scores and α the weights: dy = dα v + α dv, dα = J ds, ds = scale (dq kᵀ + q dkᵀ).
  const auto alpha = [=] { return attention_weights(q, k, scale, causal); };
  const auto slope = [=](const Tensor& d) { return spread(alpha(), matmul(d, mT(v))) * scale; };
  link(y, q, [=](const Tensor& u) { return matmul(spread(alpha(), matmul(u, mT(k)) * scale), v); },
       [=](const Tensor& d) { return matmul(slope(d), k); });
  link(y, k, [=](const Tensor& u) { return matmul(spread(alpha(), matmul(q, mT(u)) * scale), v); },
       [=](const Tensor& d) { return matmul(mT(slope(d)), q); });
  link(y, v, [=](const Tensor& u) { return matmul(alpha(), u); }, [=](const Tensor& d) { return matmul(mT(alpha()), d); });
  join(y, {q, k, v}, [=, sq = q.shape(), sk = k.shape(), sv = v.shape()](const Tensor& d) {
    Tensor dq = empty(sq, type, d.device()), dk = empty(sk, type, d.device()), dv = empty(sv, type, d.device());
    Tensor fq = reshape(dq, hq.shape()), fk = reshape(dk, hk.shape()), fv = reshape(dv, hv.shape());
    kernel::attention_pull(d.device(), hq, hk, hv, hy, log_sum, heads(d), scale, causal, fq, fk, fv);
    return std::vector<Tensor>{dq, dk, dv};
  });
  return y;
}

}  // namespace chainrule
