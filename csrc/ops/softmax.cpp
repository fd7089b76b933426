#include "ops/softmax.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/views.h"

namespace chainrule {
namespace {

int line_axis(const char* op, const Tensor& x, int64_t axis) {
  require(x.ndim() >= 1, op, "x needs at least one axis, got a scalar");
  return normal_axis(axis, x.ndim(), op);
}
void along(const kernel::Unary& slot, const Tensor& x, int axis, const Tensor& y) {
  const Shape three = three_axes(x.shape(), axis);
  Tensor out = reshape(y.detached(), three);
  slot(x.device(), reshape(contiguous(x.detached()), three), out);
}

}  // namespace

// J = Diag(a) - a aᵀ is symmetric, so one map both pushes tangents and pulls adjoints.   Book: §3.3, (3.25), (5.19)
Tensor softmax(const Tensor& x0, int64_t axis0) {
  const Tensor x = as_float(x0);
  const int axis = line_axis("softmax", x, axis0);
  Tensor a = output("softmax", x.shape(), x.dtype(), {x});
  along(kernel::softmax, x, axis, a);
  if (a.node())
    link(a, x, [axis, self = Self(a)](const Tensor& d) {
      const Tensor a = self;
      return a * (d - sum(a * d, Shape{axis}, keep));
    });
  return a;
}

// log a = x - log Σ eˣ, so J = I - 1 aᵀ with a = softmax(x).
Tensor log_softmax(const Tensor& x0, int64_t axis0) {
  const Tensor x = as_float(x0);
  const int axis = line_axis("log_softmax", x, axis0);
  Tensor y = output("log_softmax", x.shape(), x.dtype(), {x});
  along(kernel::log_softmax, x, axis, y);
  if (y.node())
    link(y, x, [axis, self = Self(y)](const Tensor& d) { return d - sum(exp(self) * d, Shape{axis}, keep); },
         [axis, self = Self(y)](const Tensor& d) { return d - exp(self) * sum(d, Shape{axis}, keep); });
  return y;
}

namespace {

// What a row of scores is compared with.
struct Target {
  Tensor classes;
  double smoothing;
  std::optional<int64_t> ignored;
  const int64_t* skip() const { return ignored ? &*ignored : nullptr; }
};

// g = (a - t) d, a = softmax(z): linear in d, and by z it is d times the Jacobian of softmax.   Book: (5.20)
Tensor cross_entropy_slope(const Tensor& z, const Target& t, const Tensor& d) {
  Tensor g = output("softmax_cross_entropy_slope", z.shape(), z.dtype(), {z, t.classes, d});
  kernel::softmax_cross_entropy_slope(z.device(), contiguous(z.detached()), t.classes, contiguous(d.detached()), t.smoothing,
                                      t.skip(), g);
  link(g, d, [=](const Tensor& v) { return cross_entropy_slope(z, t, v); },
       [=](const Tensor& u) {
         const Tensor one = full(t.classes.shape(), 1, 1, z.dtype(), z.device());
         return sum(cross_entropy_slope(z, t, one) * u, Shape{-1}, drop);
       });
  if (g.node() && z.node()) {
    const Tensor counted = t.ignored ? astype(not_equal(t.classes, weak_scalar(*t.ignored)), z.dtype()) : Tensor();
    link(g, z, [=](const Tensor& v) {
      const Tensor a = softmax(z, -1), weight = counted ? d * counted : d;
      return expand_dims(weight, -1) * a * (v - sum(a * v, Shape{-1}, keep));
    });
  }
  return g;
}

}  // namespace

// C = -Σ_k t_k log a_k = log Σ eᶻ - Σ_k t_k z_k, with slope a - t.   Book: §3.3, (3.29)-(3.31), (5.20)
Tensor softmax_cross_entropy(const Tensor& z0, const Tensor& y0, double smoothing, std::optional<int64_t> ignored) {
  const char* op = "softmax_cross_entropy";
  const Tensor z = as_float(z0);
  require(z.ndim() >= 1, op, "z needs a last axis of classes, got a scalar");
  require<DTypeError>(is_integer(y0), op, "y must be an integer tensor of classes, got ", y0.dtype());
  require<ValueError>(smoothing >= 0 && smoothing <= 1, op, "label smoothing must lie in [0, 1], got ", smoothing);
  Shape rows = z.shape();
  rows.pop_back();
  require(y0.shape() == rows, op, "z ", z.shape(), " and y ", y0.shape(), " need y.shape == z.shape[:-1], one class a row");

  const Target t{contiguous(astype(y0, DType::int64)), smoothing, ignored};
  Tensor y = output(op, rows, z.dtype(), {z, t.classes});
  kernel::softmax_cross_entropy(z.device(), contiguous(z.detached()), t.classes, smoothing, t.skip(), y);
  link(y, z, [=](const Tensor& v) {
    const Tensor one = full(rows, 1, 1, z.dtype(), z.device());
    return sum(cross_entropy_slope(z, t, one) * v, Shape{-1}, drop);
  }, [=](const Tensor& d) { return cross_entropy_slope(z, t, d); });
  return y;
}

}  // namespace chainrule
