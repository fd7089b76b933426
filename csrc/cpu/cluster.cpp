// K-means in one pass: the points of a block are still near when they are added to the sums of their clusters.
#include <algorithm>
#include <vector>

#include "core/kernels.h"
#include "cpu/parallel.h"
#include "cpu/simd.h"

namespace chainrule {
namespace {

template <class T> const Nearest<T>& nearest();
template <> const Nearest<float>& nearest() { return simd().nearest_f32; }
template <> const Nearest<double>& nearest() { return simd().nearest_f64; }

// What a piece of the points adds to the clusters. Pieces do not depend on the number of threads, and are added in order.
struct Part {
  std::vector<double> sums;
  std::vector<int64_t> counts;
  int64_t changed = 0;
};

template <class T> void cluster(const Tensor& x, const Tensor& centres, const int64_t* earlier, Tensor& labels, Tensor& distances,
                                double* sums, int64_t* counts, int64_t* changed) {
  const int64_t n = x.dim(0), p = x.dim(1), K = centres.dim(0);
  const Nearest<T>& kernel = nearest<T>();
  // no more pieces than their sums, K p each, stay smaller than the points
  const int64_t piece = std::max({int64_t(4096), n / 256 + 1, K}), pieces = (n + piece - 1) / piece;
  std::vector<Part> parts{size_t(pieces)};
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    std::vector<T> room(size_t((kernel.features + K) * kernel.points));
    for (int64_t i = begin; i < end; i++) {
      Part& part = parts[size_t(i)];
      part.sums.assign(size_t(K * p), 0);
      part.counts.assign(size_t(K), 0);
      for (int64_t r = i * piece, stop = std::min(n, r + piece); r < stop; r += kernel.points) {
        const int64_t m = std::min<int64_t>(kernel.points, stop - r);
        const T* point = x.data<T>() + r * p;
        int64_t* label = labels.data<int64_t>() + r;
        kernel.find(m, p, K, point, centres.data<T>(), room.data(), label, distances.data<T>() + r);
        for (int64_t q = 0; q < m; q++, point += p) {
          const int64_t l = label[q];
          part.changed += l != earlier[r + q];
          part.counts[size_t(l)]++;
          double* sum = part.sums.data() + l * p;
          for (int64_t j = 0; j < p; j++) sum[j] += double(point[j]);
        }
      }
    }
  });
  std::fill_n(sums, K * p, 0.0);
  std::fill_n(counts, K, int64_t(0));
  *changed = 0;
  for (const Part& part : parts) {
    for (int64_t j = 0; j < K * p; j++) sums[j] += part.sums[size_t(j)];
    for (int64_t k = 0; k < K; k++) counts[k] += part.counts[size_t(k)];
    *changed += part.changed;
  }
}

void nearest_centres(const Tensor& x, const Tensor& centres, const Tensor& earlier, Tensor& labels, Tensor& distances, Tensor& sums,
                     Tensor& counts, Tensor& changed) {
  const auto run = x.dtype() == DType::float32 ? cluster<float> : cluster<double>;
  run(x, centres, earlier.data<int64_t>(), labels, distances, sums.data<double>(), counts.data<int64_t>(), changed.data<int64_t>());
}

const Fill filled(kernel::nearest_centres, Device::cpu, nearest_centres);

}  // namespace
}  // namespace chainrule
