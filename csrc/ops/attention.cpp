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

namespace {

// (..., T, heads m) -> (..., heads, T, m), and back
Tensor split(const Tensor& x, int64_t heads) {
  Shape s = x.shape();
  s[-1] = heads;
  s.push_back(x.dim(-1) / heads);
  return transpose(reshape(x, s), -2, -3);
}
Tensor join_heads(const Tensor& x) {
  const Tensor t = transpose(x, -2, -3);
  Shape s = t.shape();
  s.pop_back();
  s[-1] *= t.dim(-1);
  return reshape(t, s);
}
Tensor part(const Tensor& z, int64_t i) {
  const int64_t width = z.dim(-1) / 3;
  Shape start = Shape::filled(z.ndim(), 0), size = z.shape();
  size[z.ndim() - 1] = width;
  start[z.ndim() - 1] = i * width;
  return slice(z, start, size, Shape::filled(z.ndim(), 1));
}
// Part i of `of` beside each other in the rows of x (..., T, width), as (batch, heads, T, m).
Tensor heads_in(const Tensor& x, int64_t i, int64_t of, int64_t heads) {
  const int64_t T = x.dim(-2), width = x.dim(-1), p = width / of, m = p / heads, batch = x.size() / (T * width);
  return Tensor(x.storage(), x.dtype(), {batch, heads, T, m}, {T * width, m, width, 1}, x.offset() + i * p);
}

}  // namespace

Tensor self_attention(const Tensor& z0, int64_t heads, double scale, bool causal) {
  const char* op = "self_attention";
  require<ValueError>(heads >= 1, op, "heads must be at least 1, got ", heads);
  require(z0.ndim() >= 2 && z0.dim(-1) % (3 * heads) == 0, op, "z ", z0.shape(), " needs shape (..., T, 3 p), p a multiple of heads ",
          heads);
  const Tensor z = as_float(z0);
  const auto composite = [=](const std::vector<Tensor>& in) {
    const auto head = [&](int64_t i) { return split(part(in[0], i), heads); };
    return join_heads(attention(head(0), head(1), head(2), scale, causal));
  };
  const bool narrow = itemsize(z.dtype()) < 4;
  if (z.device() != Device::cpu || narrow || z.size() == 0 || z.dim(-2) < few) return composite({z});

  Shape shape = z.shape();
  shape[-1] /= 3;
  Tensor y = output(op, shape, z.dtype(), {z});
  const Tensor rows = contiguous(z.detached()), out = y.detached();
  Tensor to = heads_in(out, 0, 1, heads), log_sum = empty({to.dim(0) * heads, to.dim(2)}, z.dtype(), z.device());
  const auto head = [=](int64_t i) { return heads_in(rows, i, 3, heads); };
  kernel::attention(z.device(), head(0), head(1), head(2), scale, causal, to, log_sum);
  link_composite(y, {z}, composite, [=](const Tensor& d) {
    Tensor dz = empty(rows.shape(), rows.dtype(), rows.device());
    Tensor dq = heads_in(dz, 0, 3, heads), dk = heads_in(dz, 1, 3, heads), dv = heads_in(dz, 2, 3, heads);
    kernel::attention_pull(d.device(), head(0), head(1), head(2), heads_in(out, 0, 1, heads), log_sum,
                           heads_in(contiguous(d.detached()), 0, 1, heads), scale, causal, dq, dk, dv);
    return std::vector<Tensor>{dz};
  });
  return y;
}

}  // namespace chainrule
