// Maxima over windows, and products with a band along one axis.
#include "core/windows.h"
#include "upload.cuh"

namespace chainrule {

__global__ void write_words(Words words, uint64_t* to, int n) {
  for (int i = threadIdx.x; i < n; i += threads) to[i] = words.word[i];
}

namespace {

// Window i of an axis reads x[start[i] + k step], k < count[i].
struct Axis { int64_t n, step, windows; const int64_t *start, *count; };

// One thread a window: the first of the largest elements, or the first NaN.  Reads x as often as windows overlap, from cache.
template <class T> __global__ void largest(const T* x, T* y, int64_t* index, int64_t size, Axis depth, Axis height, Axis width) {
  using C = compute_t<T>;
  const int64_t plane = depth.n * height.n * width.n;
  for (int64_t i = first(); i < size; i += stride()) {
    const int64_t w = i % width.windows, line = i / width.windows, h = line % height.windows, d = line / height.windows % depth.windows;
    const T* from = x + line / height.windows / depth.windows * plane;
    const int64_t corner = (depth.start[d] * height.n + height.start[h]) * width.n + width.start[w];
    C best = widen(from[corner]);
    int64_t place = corner;
    for (int64_t a = 0; a < depth.count[d]; a++)
      for (int64_t b = 0; b < height.count[h]; b++)
        for (int64_t c = 0; c < width.count[w]; c++) {
          const int64_t at = corner + (a * depth.step * height.n + b * height.step) * width.n + c * width.step;
          const C v = widen(from[at]);
          if (v <= best || best != best) continue;
          best = v;
          place = at;
        }
    y[i] = narrow<T>(best);
    index[i] = place;
  }
}
void max_pool(const Tensor& x, const std::vector<PoolAxis>& axes, Tensor& y, Tensor& index) {
  if (y.size() == 0) return;
  std::vector<int64_t> tables;
  for (const PoolAxis& a : axes)
    for (const auto* t : {&a.start, &a.count}) tables.insert(tables.end(), t->begin(), t->end());
  const Uploaded<int64_t> uploaded("max_pool", tables);
  const int64_t* at = uploaded.get();
  Axis axis[3];
  for (int i = 0; i < 3; i++) {
    const int64_t windows = int64_t(axes[i].start.size());
    axis[i] = {axes[i].n, axes[i].step, windows, at, at + windows};
    at += 2 * windows;
  }
  each_number(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("max_pool", largest<T>, blocks(y.size()), threads, 0, x.data<T>(), y.data<T>(), index.data<int64_t>(), y.size(), axis[0],
           axis[1], axis[2]);
  });
}

// y[o, i, k] = Σ_j weight[first[i] + j] x[o, start[i] + j, k].  One thread a result, at most 64 terms between float64 sums.
template <class T>
__global__ void band_rows(const T* x, T* y, int64_t size, int64_t n, int64_t m, int64_t inner, const int64_t* start,
                          const int64_t* first_weight, const double* weight) {
  using C = compute_t<T>;
  for (int64_t at = first(); at < size; at += stride()) {
    const int64_t k = at % inner, i = at / inner % m, o = at / inner / m, begin = first_weight[i], length = first_weight[i + 1] - begin;
    const T* from = x + (o * n + start[i]) * inner + k;
    double total = 0;
    for (int64_t j = 0; j < length; j += 64) {
      C lane = 0;
      for (int64_t l = j; l < length && l < j + 64; l++) lane += C(weight[begin + l]) * widen(from[l * inner]);
      total += double(lane);
    }
    y[at] = narrow<T>(C(total));
  }
}
void band_matmul(const Tensor& x, const Band& a, Tensor& y) {
  if (y.size() == 0) return;
  std::vector<int64_t> places = a.start;
  places.insert(places.end(), a.first.begin(), a.first.end());
  const Uploaded<int64_t> uploaded("band_matmul", places);
  const Uploaded<double> weights("band_matmul", a.weight);
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("band_matmul", band_rows<T>, blocks(y.size()), threads, 0, x.data<T>(), y.data<T>(), y.size(), x.dim(1), y.dim(1),
           y.dim(2), uploaded.get(), uploaded.get() + a.start.size(), weights.get());
  });
}

const Fill filled[] = {{kernel::max_pool, Device::cuda, max_pool}, {kernel::band_matmul, Device::cuda, band_matmul}};

}  // namespace
}  // namespace chainrule
