// Pooling and interpolation.
#include "bind/sliding.h"
#include "ops/pool.h"

namespace chainrule {
namespace {

// An int stands for every axis after the first two, images and channels.
Shape sizes_for(const Tensor& x, const Shape& size) {
  return size.size() == 1 ? Shape::filled(std::clamp(x.ndim() - 2, 1, 3), size[0]) : size;
}
// A tuple of one entry is one axis.
Shape sizes_of(const char* op, const Tensor& x, py::handle given) {
  const Shape size = given.cast<Shape>();
  require<ValueError>(size.size() > 0, op, "size must not be empty");
  return PySequence_Check(given.ptr()) ? size : sizes_for(x, size);
}
Sliding windows(const char* op, const Shape& size, const std::optional<Shape>& stride, py::handle padding, const Shape& dilation) {
  Sliding how{stride ? per_axis(op, "stride", *stride, size.size()) : size, {}, {}, per_axis(op, "dilation", dilation, size.size())};
  read_padding(op, padding, size.size(), how.before, how.after);
  return how;
}
py::object with_index(const Pooled& y, bool return_indices) {
  return return_indices ? py::object(py::make_tuple(y.values, y.index)) : py::cast(y.values);
}

py::object bound_max_pool(const Tensor& x, py::object size0, const std::optional<Shape>& stride, py::object padding,
                          const Shape& dilation, bool ceil_mode, bool return_indices) {
  const Shape size = sizes_of("max_pool", x, size0);
  return with_index(max_pool(x, size, windows("max_pool", size, stride, padding, dilation), ceil_mode), return_indices);
}
Tensor bound_avg_pool(const Tensor& x, py::object size0, const std::optional<Shape>& stride, py::object padding, bool ceil_mode,
                      bool count_include_pad) {
  const Shape size = sizes_of("avg_pool", x, size0);
  return avg_pool(x, size, windows("avg_pool", size, stride, padding, {1}), ceil_mode, count_include_pad);
}
py::object bound_adaptive_max_pool(const Tensor& x, py::object size, bool return_indices) {
  return with_index(adaptive_max_pool(x, sizes_of("adaptive_max_pool", x, size)), return_indices);
}
Tensor bound_adaptive_avg_pool(const Tensor& x, py::object size) {
  return adaptive_avg_pool(x, sizes_of("adaptive_avg_pool", x, size));
}
Tensor bound_max_unpool(const Tensor& x, const Tensor& index, const Shape& size) { return max_unpool(x, index, size); }

std::vector<double> scales_of(const Tensor& x, py::handle given) {
  if (PySequence_Check(given.ptr())) return given.cast<std::vector<double>>();
  return std::vector<double>(size_t(std::max(1, x.ndim() - 2)), given.cast<double>());
}
Tensor bound_interpolate(const Tensor& x, py::object size, py::object scale, const std::string& mode, bool align_corners) {
  const char* op = "interpolate";
  const bool linear = mode == "linear" || mode == "bilinear" || mode == "trilinear";
  require<ValueError>(linear || mode == "nearest", op, "mode must be 'nearest' or 'linear' ('bilinear', 'trilinear'), got '", mode, "'");
  require<ValueError>(size.is_none() != scale.is_none(), op, "needs either size or scale");
  require<ValueError>(linear || !align_corners, op, "align_corners has a meaning for mode 'linear' only");
  return interpolate(x, size.is_none() ? Shape() : sizes_of(op, x, size), scale.is_none() ? std::vector<double>() : scales_of(x, scale),
                     linear ? Interpolation::linear : Interpolation::nearest, align_corners);
}

}  // namespace

static void bind_pool(py::module_& m) {
  const auto x = py::arg("x"), size = py::arg("size");
  const auto stride = py::arg("stride") = py::none(), padding = py::arg("padding") = 0;
  const auto ceil_mode = py::arg("ceil_mode") = false, return_indices = py::arg("return_indices") = false;
  m.def("max_pool", bound_max_pool, x, size, stride, padding, py::arg("dilation") = Shape{1}, ceil_mode, return_indices,
        "The largest element of each window; its derivative goes to the first of equal ones.   Book: §6.4\n\n"
        "Shapes  x (..., *space) -> (..., *out), each out = 1 + ⌊(n + before + after - d (size - 1) - 1) / stride⌋\n"
        "        size: a tuple for the last axes, or an int for all after the first two; stride = size if not given\n"
        "        padding acts as -∞; with ceil_mode the last window may stick out\n"
        "        return_indices: also the row-major positions in space, for max_unpool");
  m.def("avg_pool", bound_avg_pool, x, size, stride, padding, ceil_mode, py::arg("count_include_pad") = true,
        "The mean of each window; padded zeros count unless count_include_pad=False.   Book: §6.4\n\n"
        "Shapes  as max_pool");
  m.def("adaptive_max_pool", bound_adaptive_max_pool, x, size, return_indices,
        "Maxima over windows [⌊i n / size⌋, ⌈(i + 1) n / size⌉): x (..., *space) -> (..., *size).");
  m.def("adaptive_avg_pool", bound_adaptive_avg_pool, x, size,
        "Means over windows [⌊i n / size⌋, ⌈(i + 1) n / size⌉): x (..., *space) -> (..., *size).");
  m.def("max_unpool", bound_max_unpool, x, py::arg("index"), size,
        "Zeros with x at the positions that max_pool found: x (..., *out) -> (..., *size); the mean of several values for\n"
        "one position.");
  m.def("interpolate", bound_interpolate, x, py::arg("size") = py::none(), py::arg("scale") = py::none(), py::arg("mode") = "nearest",
        py::arg("align_corners") = false,
        "x read between its elements, to another size: linear in x, one axis after another.\n\n"
        "Shapes  x (..., *space) -> (..., *size), or each ⌊n scale⌋; a number stands for all axes after the first two\n"
        "        mode 'nearest': element ⌊i n / m⌋; 'linear' ('bilinear', 'trilinear'): at (i + ½) n / m - ½,\n"
        "        with align_corners at i (n - 1) / (m - 1)");
}
static const Binding bound_pool(bind_pool);

}  // namespace chainrule
