// Everything here is one sum, linear in each of x, w and d:   Book: §6.3, (6.14), (6.20)
//   S = Σ_n Σ_o Σ_c Σ_p Σ_k  d[n, o, p] w[o, c, k] x[n, c, p stride + k dilation - before]
// conv = ∂S/∂d, conv_transpose = ∂S/∂x, conv_weight = ∂S/∂w; the derivatives of each are the other two.
#include "ops/conv.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/create.h"
#include "ops/reduce.h"
#include "ops/views.h"

namespace chainrule {
namespace {

using Wide = __int128;                                     // sizes of windows never overflow
constexpr int64_t vast = int64_t(1) << 60;                 // positions in padded x stay below 2^63
int64_t shown(Wide n) { return int64_t(std::clamp<Wide>(n, INT64_MIN, INT64_MAX)); }

// (N, C, *space) with three axes of space.
Shape five(const Shape& s) {
  Shape out = s;
  while (out.size() < 5) out.insert(2, 1);
  return out;
}
Tensor rows_of(const Tensor& x) { return reshape(contiguous(x.detached()), five(x.shape())); }
Tensor fives(Tensor& y) { return reshape(y.detached(), five(y.shape())); }

// (N, C) and the sizes of the axes of space.
Shape with_space(int64_t n, int64_t c, const Windows& windows, int64_t WindowAxis::* size, int axes) {
  Shape s{n, c};
  for (int i = 3 - axes; i < 3; i++) s.push_back(windows.axis[i].*size);
  return s;
}

Tensor along_channels(const Tensor& b, const Shape& shape) {
  Shape s = Shape::filled(shape.size() - 1, 1);
  s[0] = shape[1];
  return broadcast_to(reshape(b, s), shape);
}
Tensor over_channels(const Tensor& d) {
  Shape axes;
  for (int i = 0; i < d.ndim(); i++)
    if (i != 1) axes.push_back(i);
  return sum(d, axes, drop);
}
void link_bias(const Tensor& y, const Tensor& b) {
  if (b) link(y, b, [shape = y.shape()](const Tensor& t) { return along_channels(t, shape); }, over_channels);
}
Tensor opened(const char* op, const Shape& shape, const Tensor& a, const Tensor& w, const Tensor& b) {
  return b ? output(op, shape, a.dtype(), {a, w, b}) : output(op, shape, a.dtype(), {a, w});
}

Tensor transposed_product(const Tensor& d, const Tensor& w, const Tensor& b, const Windows& windows);
Tensor weight_product(const Tensor& x, const Tensor& d, const Windows& windows);

Tensor product(const Tensor& x, const Tensor& w, const Tensor& b, const Windows& windows) {
  Tensor z = opened("conv", with_space(x.dim(0), w.dim(0), windows, &WindowAxis::out, x.ndim() - 2), x, w, b);
  Tensor out = fives(z);
  kernel::conv(z.device(), rows_of(x), rows_of(w), b ? contiguous(b.detached()) : b, out, windows);
  link(z, x, [=](const Tensor& t) { return product(t, w, {}, windows); },
       [=](const Tensor& t) { return transposed_product(t, w, {}, windows); });
  link(z, w, [=](const Tensor& t) { return product(x, t, {}, windows); },
       [=](const Tensor& t) { return weight_product(x, t, windows); });
  link_bias(z, b);
  return z;
}

Tensor transposed_product(const Tensor& d, const Tensor& w, const Tensor& b, const Windows& windows) {
  const int64_t channels = w.dim(1) * windows.groups;
  Tensor x = opened("conv_transpose", with_space(d.dim(0), channels, windows, &WindowAxis::in, d.ndim() - 2), d, w, b);
  Tensor out = fives(x);
  kernel::conv_transpose(x.device(), rows_of(d), rows_of(w), b ? contiguous(b.detached()) : b, out, windows);
  link(x, d, [=](const Tensor& t) { return transposed_product(t, w, {}, windows); },
       [=](const Tensor& t) { return product(t, w, {}, windows); });
  link(x, w, [=](const Tensor& t) { return transposed_product(d, t, {}, windows); },
       [=](const Tensor& t) { return weight_product(t, d, windows); });
  link_bias(x, b);
  return x;
}

Tensor weight_product(const Tensor& x, const Tensor& d, const Windows& windows) {
  const Shape shape = with_space(d.dim(1), x.dim(1) / windows.groups, windows, &WindowAxis::size, x.ndim() - 2);
  Tensor w = output("conv_weight", shape, x.dtype(), {x, d});
  Tensor out = fives(w);
  kernel::conv_weight(w.device(), rows_of(x), rows_of(d), out, windows);
  link(w, x, [=](const Tensor& t) { return weight_product(t, d, windows); },
       [=](const Tensor& t) { return transposed_product(d, t, {}, windows); });
  link(w, d, [=](const Tensor& t) { return weight_product(x, t, windows); },
       [=](const Tensor& t) { return product(x, t, {}, windows); });
  return w;
}

// The arguments in one type, x with one batch axis.
struct Given { Tensor x, w, b; Shape batch; int axes; };

Given given(const char* op, const Tensor& x0, const Tensor& w0, const Tensor& b0, const Sliding& how) {
  const int axes = w0.ndim() - 2;
  require(axes >= 1 && axes <= 3, op, "w ", w0.shape(), " needs two axes of channels and one, two or three of space");
  require(x0.ndim() > axes, op, "x ", x0.shape(), " needs an axis of channels and ", axes, " of space for w ", w0.shape());
  require<DTypeError>(is_float(x0) && is_float(w0) && (!b0 || is_float(b0)), op, "needs floating tensors, got x ", x0.dtype(),
                      " and w ", w0.dtype());
  require<ValueError>(how.groups >= 1, op, "groups must be at least 1, got ", how.groups);
  for (int i = 0; i < axes; i++) {
    require<ValueError>(how.stride[i] >= 1 && how.dilation[i] >= 1 && std::max(how.stride[i], how.dilation[i]) < vast, op,
                        "stride and dilation must be at least 1 and less than 2**60, got ", how.stride, " and ", how.dilation);
    require<ValueError>(std::min(how.before[i], how.after[i]) >= 0 && std::max(how.before[i], how.after[i]) < vast, op,
                        "padding must be at least 0 and less than 2**60, got ", how.before, " and ", how.after);
    require(w0.dim(2 + i) >= 1, op, "w ", w0.shape(), " has a window without elements");
  }
  DType t = result_type(x0, w0);
  if (b0) t = promote(t, b0.dtype());
  Given g{astype(x0, t), astype(w0, t), b0 ? astype(b0, t) : b0, {}, axes};
  for (int i = 0; i < x0.ndim() - axes - 1; i++) g.batch.push_back(x0.dim(i));
  Shape one{count(g.batch, op)};
  for (int i = -axes - 1; i < 0; i++) one.push_back(x0.shape()[i]);
  g.x = reshape(g.x, one);
  return g;
}
void require_bias(const char* op, const Tensor& b, int64_t channels) {
  if (b) require(b.ndim() == 1 && b.dim(0) == channels, op, "bias ", b.shape(), " needs shape (", channels, ",), one for each channel");
}
Tensor with_batch(const Tensor& z, const Shape& batch) {
  Shape s = batch;
  for (int i = 1; i < z.ndim(); i++) s.push_back(z.dim(i));
  return reshape(z, s);
}

}  // namespace

Tensor conv(const Tensor& x0, const Tensor& w0, const Tensor& b0, const Sliding& how) {
  const auto [x, w, b, batch, axes] = given("conv", x0, w0, b0, how);
  require(w.dim(0) % how.groups == 0, "conv", "w ", w0.shape(), " has ", w.dim(0), " output channels, needs a multiple of groups ",
          how.groups);
  require(x.dim(1) == w.dim(1) * how.groups, "conv", "x ", x0.shape(), " has ", x.dim(1), " channels, w ", w0.shape(), " needs ",
          w.dim(1) * how.groups);
  require_bias("conv", b, w.dim(0));
  Windows windows;
  windows.groups = how.groups;
  for (int i = 0; i < axes; i++) {
    const int64_t n = x.dim(2 + i), k = w.dim(2 + i), s = how.stride[i], d = how.dilation[i];
    const Wide extent = Wide(d) * (k - 1) + 1, room = Wide(n) + how.before[i] + how.after[i] - extent;
    require(room >= 0, "conv", "a window of ", shown(extent), " does not fit axis ", i - axes, " of x ", x0.shape(),
            " with padding ", how.before[i], " and ", how.after[i]);
    windows.axis[3 - axes + i] = {n, int64_t(room / s) + 1, k, s, d, how.before[i]};
  }
  return with_batch(product(x, w, b, windows), batch);
}

Tensor conv_transpose(const Tensor& x0, const Tensor& w0, const Tensor& b0, const Sliding& how, const Shape& extra) {
  const auto [x, w, b, batch, axes] = given("conv_transpose", x0, w0, b0, how);
  require(x.dim(1) == w.dim(0), "conv_transpose", "x ", x0.shape(), " has ", x.dim(1), " channels, w ", w0.shape(), " needs ", w.dim(0));
  require(x.dim(1) % how.groups == 0, "conv_transpose", "x ", x0.shape(), " has ", x.dim(1), " channels, needs a multiple of groups ", how.groups);
  require_bias("conv_transpose", b, w.dim(1) * how.groups);
  Windows windows;
  windows.groups = how.groups;
  for (int i = 0; i < axes; i++) {
    const int64_t n = x.dim(2 + i), k = w.dim(2 + i), s = how.stride[i], d = how.dilation[i];
    require<ValueError>(extra[i] >= 0 && extra[i] < std::max(s, d), "conv_transpose", "output_padding ", extra,
                        " must be at least 0 and less than stride ", how.stride, " or dilation ", how.dilation);
    const Wide out = Wide(s) * (n - 1) - how.before[i] - how.after[i] + Wide(d) * (k - 1) + extra[i] + 1;
    require(out >= 1 && out < Wide(1) << 59, "conv_transpose", "axis ", i - axes, " of x ", x0.shape(), " with padding ", how.before[i],
            " and ", how.after[i], " gives a size of ", shown(out), ", needs at least 1");
    windows.axis[3 - axes + i] = {int64_t(out), n, k, s, d, how.before[i]};
  }
  return with_batch(transposed_product(x, w, b, windows), batch);
}

}  // namespace chainrule
