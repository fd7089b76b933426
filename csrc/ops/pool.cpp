// Maxima and means over windows.   Book: §6.4
#include "ops/pool.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/band.h"
#include "ops/create.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/views.h"

namespace chainrule {
namespace {

using Wide = __int128;                                     // sizes of windows never overflow

void require_axes(const char* op, const Tensor& x, const Shape& size) {
  require<ValueError>(size.size() >= 1 && size.size() <= 3, op, "size ", size, " needs one, two or three entries");
  require(x.ndim() >= size.size(), op, "x ", x.shape(), " needs ", size.size(), " axes of space for size ", size);
  for (int64_t n : size) require<ValueError>(n >= 1, op, "size must be at least 1, got ", size);
}
void require_numbers(const char* op, const Tensor& x) {
  require<DTypeError>(x.dtype() != DType::boolean, op, "needs numbers, got bool");
}

// How many windows an axis has. With ceil_mode the last may stick out, but must begin in x or the padding before it.
int64_t windows_of(const char* op, const Tensor& x, const Shape& size, const Sliding& how, bool ceil_mode, int i) {
  const int64_t n = x.shape()[i - size.size()], k = size[i], s = how.stride[i], d = how.dilation[i], p = how.before[i];
  require<ValueError>(s >= 1 && d >= 1, op, "stride and dilation must be at least 1, got ", how.stride, " and ", how.dilation);
  require<ValueError>(p >= 0 && how.after[i] >= 0 && p <= k / 2 && how.after[i] <= k / 2, op, "padding ", p, " and ", how.after[i],
                      " needs to be 0 ... half of size ", size);
  const Wide room = Wide(n) + p + how.after[i] - Wide(d) * (k - 1) - 1;
  require(room >= 0, op, "a window of ", k, " with dilation ", d, " does not fit axis ", i - size.size(), " of x ", x.shape(),
          " with padding ", p, " and ", how.after[i]);
  int64_t out = int64_t(room / s) + 1;
  if (ceil_mode && room % s != 0 && Wide(out) * s < Wide(n) + p) out++;
  return out;
}

PoolAxis sliding_axis(const char* op, const Tensor& x, const Shape& size, const Sliding& how, bool ceil_mode, int i) {
  const int64_t n = x.shape()[i - size.size()], d = how.dilation[i], windows = windows_of(op, x, size, how, ceil_mode, i);
  require_room(op, windows);
  PoolAxis a{n, d, {}, {}};
  for (int64_t w = 0; w < windows; w++) {
    const int64_t begin = w * how.stride[i] - how.before[i], skipped = begin < 0 ? (d - 1 - begin) / d : 0;
    const int64_t start = begin + skipped * d, count = start < n ? std::min(size[i] - skipped, (n - 1 - start) / d + 1) : 0;
    require(count >= 1, op, "window ", w, " of axis ", i - size.size(), " of x ", x.shape(), " holds padding only");
    a.start.push_back(start);
    a.count.push_back(count);
  }
  return a;
}

// Window i covers [⌊i n / m⌋, ⌈(i + 1) n / m⌉).
PoolAxis adaptive_axis(const char* op, const Tensor& x, const Shape& size, int i) {
  const int64_t n = x.shape()[i - size.size()], m = size[i];
  require(n >= 1, op, "axis ", i - size.size(), " of x ", x.shape(), " is empty");
  require_room(op, m);
  PoolAxis a{n, 1, {}, {}};
  for (int64_t w = 0; w < m; w++) {
    const int64_t start = int64_t(Wide(w) * n / m), end = int64_t((Wide(w + 1) * n + m - 1) / m);
    a.start.push_back(start);
    a.count.push_back(end - start);
  }
  return a;
}

// Flattens the axes of space, or all the others.
struct Space { Shape lead; int64_t rows, plane; };
Space space_of(const Shape& shape, int axes) {
  Space s{{}, 1, 1};
  for (int i = 0; i < shape.size(); i++) {
    const bool lead = i < shape.size() - axes;
    if (lead) s.lead.push_back(shape[i]);
    (lead ? s.rows : s.plane) *= shape[i];
  }
  return s;
}

// The derivative goes to the element that was taken.
Pooled maxima(const char* op, const Tensor& x0, std::vector<PoolAxis> axes) {
  require_numbers(op, x0);
  const Tensor x = strong(x0);
  const int given = int(axes.size());
  const Space space = space_of(x.shape(), given);
  Shape shape = space.lead;
  for (const PoolAxis& a : axes) shape.push_back(int64_t(a.start.size()));
  axes.insert(axes.begin(), 3 - axes.size(), PoolAxis());
  Tensor y = output(op, shape, x.dtype(), {x}), index = output(op, shape, DType::int64, x.device());
  Shape five{space.rows}, out{space.rows};
  for (const PoolAxis& a : axes) {
    five.push_back(a.n);
    out.push_back(int64_t(a.start.size()));
  }
  Tensor to = reshape(y.detached(), out), found = reshape(index, out);
  kernel::max_pool(x.device(), reshape(contiguous(x.detached()), five), axes, to, found);
  const int64_t plane = space.plane, windows = out[1] * out[2] * out[3];
  const Tensor taken = reshape(index, {space.rows, windows});
  link(y, x,
       [=, rows = space.rows](const Tensor& d) {
         return reshape(take_along_axis(reshape(d, {rows, plane}), taken, 1), shape);
       },
       [=, from = x.shape()](const Tensor& d) {
         return reshape(scatter_add_along_axis(reshape(d, taken.shape()), taken, 1, plane), from);
       });
  return {y, index};
}

}  // namespace

Pooled max_pool(const Tensor& x, const Shape& size, const Sliding& how, bool ceil_mode) {
  require_axes("max_pool", x, size);
  std::vector<PoolAxis> axes;
  for (int i = 0; i < size.size(); i++) axes.push_back(sliding_axis("max_pool", x, size, how, ceil_mode, i));
  return maxima("max_pool", x, axes);
}

Pooled adaptive_max_pool(const Tensor& x, const Shape& size) {
  require_axes("adaptive_max_pool", x, size);
  std::vector<PoolAxis> axes;
  for (int i = 0; i < size.size(); i++) axes.push_back(adaptive_axis("adaptive_max_pool", x, size, i));
  return maxima("adaptive_max_pool", x, axes);
}

Tensor max_unpool(const Tensor& x0, const Tensor& index, const Shape& size) {
  require_axes("max_unpool", x0, size);
  require_numbers("max_unpool", x0);
  require(index.shape() == x0.shape(), "max_unpool", "x ", x0.shape(), " and index ", index.shape(), " need one shape");
  const Tensor x = as_float(x0);
  const Space from = space_of(x.shape(), size.size());
  Shape to = from.lead;
  for (int64_t n : size) to.push_back(n);
  const int64_t plane = count(size, "max_unpool");
  const Tensor places = reshape(index, {from.rows, from.plane});
  // Overlapping windows may have found one element twice.
  const Tensor ones = full(places.shape(), 1, 1, x.dtype(), x.device());
  const Tensor times = take_along_axis(scatter_add_along_axis(ones, places, 1, plane), places, 1);
  return reshape(scatter_add_along_axis(reshape(x, places.shape()) / times, places, 1, plane), to);
}

Tensor avg_pool(const Tensor& x, const Shape& size, const Sliding& how, bool ceil_mode, bool count_include_pad) {
  const char* op = "avg_pool";
  require_axes(op, x, size);
  require_numbers(op, x);
  Tensor y = as_float(x);
  for (int i = 0; i < size.size(); i++) {                  // the last axis, the slow one, on what is left
    const PoolAxis a = sliding_axis(op, x, size, how, ceil_mode, i);
    auto band = std::make_shared<Band>();
    band->n = a.n;
    for (size_t w = 0; w < a.start.size(); w++) {
      const int64_t begin = int64_t(w) * how.stride[i] - how.before[i];
      const int64_t with_padding = std::min(size[i], a.n + how.after[i] - begin);
      const double share = 1.0 / double(count_include_pad ? with_padding : a.count[w]);
      band->add_row(a.start[w], std::vector<double>(size_t(a.count[w]), share));
    }
    y = band_product(op, y, i - size.size(), band);
  }
  return y;
}

Tensor adaptive_avg_pool(const Tensor& x, const Shape& size) {
  const char* op = "adaptive_avg_pool";
  require_axes(op, x, size);
  require_numbers(op, x);
  Tensor y = as_float(x);
  for (int i = 0; i < size.size(); i++) {
    const PoolAxis a = adaptive_axis(op, x, size, i);
    auto band = std::make_shared<Band>();
    band->n = a.n;
    for (size_t w = 0; w < a.start.size(); w++)
      band->add_row(a.start[w], std::vector<double>(size_t(a.count[w]), 1.0 / double(a.count[w])));
    y = band_product(op, y, i - size.size(), band);
  }
  return y;
}

}  // namespace chainrule
