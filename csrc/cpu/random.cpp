// Random numbers: element i of a draw is a function of i and the key alone.
#include <cmath>

#include "core/kernels.h"
#include "core/rng.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// f(block, words) fills the elements of one block: four float32, or two of 64 bits.
template <class F> void each_block(int64_t n, int width, const RandomKey& key, F&& f) {
  parallel_for((n + width - 1) / width, grain / 8, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) f(b * width, philox(key, uint64_t(b)));
  });
}

void uniform(Tensor& y, RandomKey key) {
  const int64_t n = y.size();
  if (y.dtype() == DType::float64) {
    double* p = y.data<double>();
    return each_block(n, 2, key, [=](int64_t i, const RandomBlock& r) {
      for (int k = 0; k < 2 && i + k < n; k++) p[i + k] = uniform_double(r.word[2 * k], r.word[2 * k + 1]);
    });
  }
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* p = y.data<T>();
    each_block(n, 4, key, [=](int64_t i, const RandomBlock& r) {
      for (int k = 0; k < 4 && i + k < n; k++) p[i + k] = T(uniform_float(r.word[k]));
    });
  });
}

// Box and Muller: √(-2 log u) (cos 2πv, sin 2πv) for u in (0, 1].   Book: §2.3
template <class C> void gaussian_pair(C u, C v, C* out) {
  const C radius = std::sqrt(C(-2) * std::log(C(1) - u)), angle = C(6.283185307179586476925) * v;
  out[0] = radius * std::cos(angle);
  out[1] = radius * std::sin(angle);
}
void normal(Tensor& y, RandomKey key) {
  const int64_t n = y.size();
  if (y.dtype() == DType::float64) {
    double* p = y.data<double>();
    return each_block(n, 2, key, [=](int64_t i, const RandomBlock& r) {
      double pair[2];
      gaussian_pair(uniform_double(r.word[0], r.word[1]), uniform_double(r.word[2], r.word[3]), pair);
      for (int k = 0; k < 2 && i + k < n; k++) p[i + k] = pair[k];
    });
  }
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* p = y.data<T>();
    each_block(n, 4, key, [=](int64_t i, const RandomBlock& r) {
      float four[4];
      gaussian_pair(uniform_float(r.word[0]), uniform_float(r.word[1]), four);
      gaussian_pair(uniform_float(r.word[2]), uniform_float(r.word[3]), four + 2);
      for (int k = 0; k < 4 && i + k < n; k++) p[i + k] = T(four[k]);
    });
  });
}

// The high half of word times n lies in 0 ... n-1, with a bias below n / 2^64.
void integers(Tensor& y, int64_t range, RandomKey key) {
  const int64_t n = y.size();
  int64_t* p = y.data<int64_t>();
  each_block(n, 2, key, [=](int64_t i, const RandomBlock& r) {
    for (int k = 0; k < 2 && i + k < n; k++) {
      const uint64_t w = uint64_t(r.word[2 * k]) << 32 | r.word[2 * k + 1];
      p[i + k] = range ? int64_t((unsigned __int128)(w) * uint64_t(range) >> 64) : int64_t(w);
    }
  });
}

const Fill filled[] = {{kernel::random_uniform, Device::cpu, uniform}, {kernel::random_normal, Device::cpu, normal}};
const Fill integers_filled(kernel::random_integers, Device::cpu, integers);

}  // namespace
}  // namespace chainrule
