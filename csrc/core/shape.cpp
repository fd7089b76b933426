#include "core/shape.h"

namespace chainrule {

int64_t count(const Shape& shape, const char* op) {
  int64_t n = 1;
  bool overflow = false, zero = false;
  for (int64_t d : shape) {
    require(d >= 0, op, "shape ", shape, " has a negative size");
    zero |= d == 0;
    overflow |= __builtin_mul_overflow(n, d, &n);
  }
  if (zero) return 0;
  require(!overflow && n < (int64_t(1) << 59), op, "shape ", shape, " has more elements than 64 bits can address");
  return n;
}

Shape row_major(const Shape& shape) {
  Shape strides = shape;
  int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; i--) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

Shape broadcast(const Shape& a, const Shape& b, const char* op) {
  const int n = std::max(a.size(), b.size());
  Shape out = Shape::filled(n, 1);
  for (int i = 1; i <= n; i++) {
    const int64_t da = i <= a.size() ? a[-i] : 1, db = i <= b.size() ? b[-i] : 1;
    require(da == db || da == 1 || db == 1, op, "shapes ", a, " and ", b,
            " do not broadcast: sizes from the right must be equal or 1");
    out[-i] = da == 1 ? db : da;
  }
  return out;
}

int normal_axis(int64_t axis, int ndim, const char* op) {
  require<IndexError>(axis >= -ndim && axis < ndim, op, "axis ", axis, " is out of range for ", ndim, " axes");
  return int(axis < 0 ? axis + ndim : axis);
}

Shape normal_axes(const Axes& axes, int ndim, const char* op) {
  Shape out;
  if (!axes) {
    for (int i = 0; i < ndim; i++) out.push_back(i);
    return out;
  }
  for (int64_t axis : *axes) out.push_back(normal_axis(axis, ndim, op));
  std::sort(out.begin(), out.end());
  for (int i = 1; i < out.size(); i++) require<ValueError>(out[i] != out[i - 1], op, "axis ", out[i], " is given twice");
  return out;
}

}  // namespace chainrule
