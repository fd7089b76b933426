#include "ops/norm.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/views.h"

namespace chainrule {
namespace {

// The composite: x̂ = (x - μ) s, s = 1 / √(σ² + ε), in ops of x. It is what the derivatives of any order come from.
struct Standard {
  Shape axes, parameters;                                    // averaged over; γ and β as they broadcast with x
  double eps;
  bool centred;

  Tensor average(const Tensor& v) const { return mean(v, axes, keep); }
  Tensor centre(const Tensor& x) const { return centred ? x - average(x) : x; }
  Tensor scale(const Tensor& u) const { return power(average(u * u) + eps, weak_scalar(-0.5)); }
  Tensor unit(const Tensor& x) const { const Tensor u = centre(x); return u * scale(u); }
  // J v = s (v - mean(v) - x̂ mean(x̂ v)), symmetric; without a centre the first mean is not there.
  Tensor jacobian(const Tensor& x, const Tensor& v) const {
    const Tensor u = centre(x), s = scale(u), unit = u * s;
    return s * (centre(v) - unit * average(unit * v));
  }
  Tensor spread(const Tensor& parameter) const { return reshape(parameter, parameters); }
  Tensor gather(const Tensor& d, const Tensor& like) const { return reshape(sum_to(d, parameters), like.shape()); }
};

void link_standard(const Tensor& y, const Tensor& x, const Tensor& weight, const Tensor& bias, const Standard& f) {
  const auto scaled = [=](const Tensor& v) { return weight ? v * f.spread(weight) : v; };
  link(y, x, [=](const Tensor& v) { return scaled(f.jacobian(x, v)); }, [=](const Tensor& d) { return f.jacobian(x, scaled(d)); });
  if (weight)
    link(y, weight, [=](const Tensor& v) { return f.unit(x) * f.spread(v); },
         [=](const Tensor& d) { return f.gather(d * f.unit(x), weight); });
  if (bias)
    link(y, bias, [=](const Tensor& v) { return broadcast_to(f.spread(v), x.shape()); },
         [=](const Tensor& d) { return f.gather(d, bias); });
}

DType statistics_type(const Tensor& x) { return x.dtype() == DType::float64 ? DType::float64 : DType::float32; }
Tensor bare(const Tensor& x) { return x ? contiguous(x.detached()) : x; }
Tensor like(const Tensor& x) { return x ? empty(x.shape(), x.dtype(), x.device()) : x; }
// All three in one floating type; weight and bias of the given shape, or missing.
struct Operands { Tensor x, weight, bias; };
Operands operands(const char* op, const Tensor& x0, const Tensor& weight, const Tensor& bias, const Shape& shape) {
  DType type = as_float(x0).dtype();
  for (const auto& [name, p] : {std::pair("weight", weight), std::pair("bias", bias)}) {
    if (!p) continue;
    require(p.shape() == shape, op, name, " ", p.shape(), " needs shape ", shape);
    type = promote(type, p.dtype());
  }
  const auto cast = [type](const Tensor& p) { return p ? astype(p, type) : p; };
  return {cast(x0), cast(weight), cast(bias)};
}
Tensor result(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  std::vector<Tensor> inputs{x};
  for (const Tensor& p : {weight, bias}) if (p) inputs.push_back(p);
  return output(op, x.shape(), x.dtype(), inputs);
}

}  // namespace

Tensor normalize_rows(const Tensor& x0, const Tensor& weight0, const Tensor& bias0, int64_t count, double eps, bool centred) {
  const char* op = centred ? "layer_norm" : "rms_norm";
  require(count >= 1 && count <= x0.ndim(), op, "x ", x0.shape(), " needs at least ", count, " axes");
  Standard f{{}, {}, eps, centred};
  int64_t n = 1;
  for (int i = x0.ndim() - int(count); i < x0.ndim(); i++) {
    f.axes.push_back(i);
    f.parameters.push_back(x0.dim(i));
    n *= x0.dim(i);
  }
  const auto [x, weight, bias] = operands(op, x0, weight0, bias0, f.parameters);
  Tensor y = result(op, x, weight, bias);
  const Shape rows{n == 0 ? 0 : x.size() / n, n};
  const Tensor flat = reshape(bare(x), rows);
  Tensor mean = empty({rows[0]}, statistics_type(x), x.device()), scale = like(mean), out = reshape(y.detached(), rows);
  kernel::normalize_rows(x.device(), flat, bare(weight), bare(bias), eps, centred, out, mean, scale);

  link_standard(y, x, weight, bias, f);
  join(y, {x, weight, bias}, [=, w = bare(weight), b = bare(bias)](const Tensor& d) {
    Tensor dx = like(flat), dweight = like(w), dbias = like(b);
    kernel::normalize_rows_pull(d.device(), flat, w, mean, scale, reshape(contiguous(d.detached()), rows), centred, dx, dweight, dbias);
    return std::vector<Tensor>{reshape(dx, d.shape()), dweight, dbias};
  });
  return y;
}

Normalized normalize_channels(const Tensor& x0, const Tensor& weight0, const Tensor& bias0, double eps) {
  const char* op = "batch_norm";
  require(x0.ndim() >= 2, op, "x ", x0.shape(), " needs a batch and a channel axis");
  require(x0.size() > 0, op, "x ", x0.shape(), " needs at least one value a channel");
  const auto [x, weight, bias] = operands(op, x0, weight0, bias0, {x0.dim(1)});
  const int64_t C = x.dim(1), N = x.dim(0), inner = x.size() / (N * C);
  Standard f{{0}, Shape::filled(x.ndim(), 1), eps, true};
  f.parameters[1] = C;
  for (int i = 2; i < x.ndim(); i++) f.axes.push_back(i);
  Tensor y = result(op, x, weight, bias);
  const Tensor flat = reshape(bare(x), {N, C, inner});
  Tensor mean = empty({C}, statistics_type(x), x.device()), var = like(mean), out = reshape(y.detached(), flat.shape());
  kernel::normalize_channels(x.device(), flat, bare(weight), bare(bias), eps, out, mean, var);

  link_standard(y, x, weight, bias, f);
  join(y, {x, weight, bias}, [=, w = bare(weight), b = bare(bias)](const Tensor& d) {
    Tensor dx = like(flat), dweight = like(w), dbias = like(b);
    kernel::normalize_channels_pull(d.device(), flat, w, mean, var, reshape(contiguous(d.detached()), flat.shape()), eps, dx, dweight, dbias);
    return std::vector<Tensor>{reshape(dx, d.shape()), dweight, dbias};
  });

  // The statistics as results of their own: J v = mean(v) and 2 mean((x - μ) v).
  Normalized all{y, output(op, {C}, x.dtype(), {x}), output(op, {C}, x.dtype(), {x})};
  kernel::copy(x.device(), mean, all.mean);
  kernel::copy(x.device(), var, all.var);
  const double share = 1.0 / double(N * inner);
  const auto over = [f, C](const Tensor& v) { return reshape(f.average(v), {C}); };
  const auto spread = [f, share, shape = x.shape()](const Tensor& d) { return broadcast_to(f.spread(d) * share, shape); };
  link(all.mean, x, over, spread);
  link(all.var, x, [=](const Tensor& v) { return over(f.centre(x) * v) * 2.0; },
       [=](const Tensor& d) { return f.centre(x) * spread(d) * 2.0; });
  return all;
}

}  // namespace chainrule
