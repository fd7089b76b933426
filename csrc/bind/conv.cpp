// Convolution.
#include "bind/sliding.h"

namespace chainrule {
namespace {

Sliding sliding(const char* op, const Tensor& w, const Shape& stride, py::handle padding, const Shape& dilation, int64_t groups) {
  const int axes = std::max(1, w.ndim() - 2);
  Sliding how{per_axis(op, "stride", stride, axes), {}, {}, per_axis(op, "dilation", dilation, axes), groups};
  read_padding(op, padding, axes, how.before, how.after);
  return how;
}
Tensor optional(const std::optional<Tensor>& b) { return b ? *b : Tensor(); }

Tensor bound_conv(const Tensor& x, const Tensor& w, const Shape& stride, py::object padding, const Shape& dilation, int64_t groups,
                  const std::optional<Tensor>& bias) {
  return conv(x, w, optional(bias), sliding("conv", w, stride, padding, dilation, groups));
}
Tensor bound_conv_transpose(const Tensor& x, const Tensor& w, const Shape& stride, py::object padding, const Shape& output_padding,
                            const Shape& dilation, int64_t groups, const std::optional<Tensor>& bias) {
  const char* op = "conv_transpose";
  const Shape extra = per_axis(op, "output_padding", output_padding, std::max(1, w.ndim() - 2));
  return conv_transpose(x, w, optional(bias), sliding(op, w, stride, padding, dilation, groups), extra);
}

}  // namespace

static void bind_conv(py::module_& m) {
  const Shape one{1}, zero{0};
  const auto x = py::arg("x"), w = py::arg("w");
  const auto stride = py::arg("stride") = one, padding = py::arg("padding") = 0, dilation = py::arg("dilation") = one;
  const auto groups = py::arg("groups") = 1, bias = py::arg("bias") = py::none();
  m.def("conv", bound_conv, x, w, stride, padding, dilation, groups, bias,
        "z[o, p] = b[o] + Σ_c Σ_k w[o, c, k] x[c, s p + d k - padding], over one, two or three axes of space.\n\n"
        "Book: §6.3, (6.14), (6.20); sizes (6.17)\n\n"
        "Shapes  x (..., C, *space), w (O, C / groups, *size), bias (O,) -> z (..., O, *out),\n"
        "        each out = 1 + ⌊(n + before + after - d (size - 1) - 1) / s⌋\n"
        "        stride, dilation: an int or one an axis; padding: the same, or a pair (before, after) an axis\n"
        "Errors  ShapeError when channels differ or a window does not fit\n"
        "Differs the kernel is not turned (cross correlation); the book's padding is the total of both sides");
  m.def("conv_transpose", bound_conv_transpose, x, w, stride, padding, py::arg("output_padding") = zero, dilation, groups, bias,
        "The adjoint of conv in x, plus b: z[o, s p + d k - padding] += w[c, o, k] x[c, p].   Book: §6.4, deconvolution\n\n"
        "Shapes  x (..., C, *space), w (C, O / groups, *size), bias (O,) -> z (..., O, *out),\n"
        "        each out = s (n - 1) - before - after + d (size - 1) + output_padding + 1\n"
        "Errors  ShapeError when channels differ; ValueError unless output_padding < max(s, d)");
}
static const Binding bound_conv(bind_conv);

}  // namespace chainrule
