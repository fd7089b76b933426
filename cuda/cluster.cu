// K-means in one step: the nearest centre of each point, then the sums of each cluster's points. No atomics: pieces of the
// points, cut by shape alone, are summed one thread a column and added up in order, the same sum each time.
#include <algorithm>

#include "collective.cuh"

namespace chainrule {
namespace {

struct Points { int64_t n, p, K; };

// The first of the nearest centres. `down` threads of a warp take a point: reads x and the centres from cache K times.
template <class T>
__global__ void find_nearest(const T* x, const T* centres, Points size, int down, int64_t* labels, T* distances) {
  const int within = int(threadIdx.x) % down;
  for (int64_t start = first() / 32 * 32; start < size.n * down; start += stride()) {    // a warp goes on as one
    const int64_t i = (start + threadIdx.x % 32) / down, own = i < size.n ? i : size.n - 1;
    T least = 0;
    int64_t label = 0;
    for (int64_t l = 0; l < size.K; l++) {
      T sum = 0;
      for (int64_t j = within; j < size.p; j += down) {
        const T d = x[own * size.p + j] - centres[l * size.p + j];
        sum += d * d;
      }
      for (int d = down / 2; d > 0; d /= 2) sum += __shfl_xor_sync(everyone, sum, d);
      if (l == 0 || sum < least) {
        least = sum;
        label = l;
      }
    }
    if (i < size.n && within == 0) {
      labels[i] = label;
      distances[i] = least;
    }
  }
}

// What a piece of the points adds, a thread each column of x; the first column counts as well.
template <class T>
__global__ void sum_pieces(const T* x, const int64_t* labels, const int64_t* earlier, Points size, int64_t piece, int64_t pieces,
                           double* sums, int64_t* counts, int64_t* changed) {
  const int64_t columns = size.p > 0 ? size.p : 1;
  for (int64_t at = first(); at < pieces * columns; at += stride()) {
    const int64_t part = at / columns, j = at % columns, stop = (part + 1) * piece < size.n ? (part + 1) * piece : size.n;
    double* sum = sums + part * size.K * size.p + j;
    int64_t *count = counts + part * size.K, news = 0;
    for (int64_t l = 0; l < size.K; l++) {
      if (size.p > 0) sum[l * size.p] = 0;
      if (j == 0) count[l] = 0;
    }
    for (int64_t i = part * piece; i < stop; i++) {
      const int64_t l = labels[i];
      if (size.p > 0) sum[l * size.p] += double(x[i * size.p + j]);
      if (j == 0) {
        count[l]++;
        news += l != earlier[i];
      }
    }
    if (j == 0) changed[part] = news;
  }
}
// y[i] = Σ parts[part, i], one thread a number.
template <class C> __global__ void add_pieces(const C* parts, int64_t pieces, int64_t n, C* y) {
  for (int64_t i = first(); i < n; i += stride()) {
    C sum = 0;
    for (int64_t part = 0; part < pieces; part++) sum += parts[part * n + i];
    y[i] = sum;
  }
}

void nearest_centres(const Tensor& x, const Tensor& centres, const Tensor& earlier, Tensor& labels, Tensor& distances, Tensor& sums,
                     Tensor& counts, Tensor& changed) {
  const char* op = "nearest_centres";
  const Points size{x.dim(0), x.dim(1), centres.dim(0)};
  int down = 1;
  while (down < size.p && down < 32) down *= 2;
  // no more pieces than their sums, K p each, stay smaller than the points
  const int64_t piece = std::max({int64_t(1024), size.n / 4096 + 1, size.K}), pieces = (size.n + piece - 1) / piece;
  const Scratch<double> part_sums(pieces * size.K * size.p);
  const Scratch<int64_t> part_counts(pieces * size.K), part_changed(pieces);
  const auto go = [&](auto zero) {
    using T = decltype(zero);
    launch(op, find_nearest<T>, blocks(size.n * down), threads, 0, x.data<T>(), centres.data<T>(), size, down,
           labels.data<int64_t>(), distances.data<T>());
    launch(op, sum_pieces<T>, blocks(pieces * std::max<int64_t>(size.p, 1)), threads, 0, x.data<T>(), labels.data<int64_t>(),
           earlier.data<int64_t>(), size, piece, pieces, part_sums.get(), part_counts.get(), part_changed.get());
  };
  if (size.n > 0) x.dtype() == DType::float32 ? go(float()) : go(double());
  const auto add = [&](const auto& parts, auto& y) {
    using C = std::remove_pointer_t<decltype(parts.get())>;
    if (y.size() > 0)
      launch(op, add_pieces<C>, blocks(y.size()), threads, 0, parts.get(), pieces, y.size(), y.template data<C>());
  };
  add(part_sums, sums);
  add(part_counts, counts);
  add(part_changed, changed);
}

const Fill filled(kernel::nearest_centres, Device::cuda, nearest_centres);

}  // namespace
}  // namespace chainrule
