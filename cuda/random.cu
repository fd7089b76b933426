// Random numbers: element i of a draw is a function of i and the key alone, the same one as on the CPU.
#include "graph.cuh"
#include "ops/random.h"

namespace chainrule {
namespace {

// Each element of a block of four words: f(words, out) gives `width` values.  One thread a block of words.
template <int width, class T, class F> __global__ void draw(T* y, int64_t n, RandomKey key, DrawnBefore before, F f) {
  const int64_t blocks = (n + width - 1) / width;
  key.position += before.blocks();
  for (int64_t b = first(); b < blocks; b += stride()) {
    T out[width];
    f(philox(key, uint64_t(b)), out);
    for (int k = 0; k < width && b * width + k < n; k++) y[b * width + k] = out[k];
  }
}

struct Uniform {
  __device__ void operator()(const RandomBlock& r, double* out) const {
    for (int k = 0; k < 2; k++) out[k] = uniform_double(r.word[2 * k], r.word[2 * k + 1]);
  }
  template <class T> __device__ void operator()(const RandomBlock& r, T* out) const {
    for (int k = 0; k < 4; k++) out[k] = narrow<T>(uniform_float(r.word[k]));
  }
};

// Box and Muller: √(-2 log u) (cos 2πv, sin 2πv) for u in (0, 1].   Book: §2.3
template <class C> __device__ void gaussian_pair(C u, C v, C* out) {
  const C radius = std::sqrt(C(-2) * std::log(C(1) - u)), angle = C(6.283185307179586476925) * v;
  out[0] = radius * std::cos(angle);
  out[1] = radius * std::sin(angle);
}
struct Normal {
  __device__ void operator()(const RandomBlock& r, double* out) const {
    gaussian_pair(uniform_double(r.word[0], r.word[1]), uniform_double(r.word[2], r.word[3]), out);
  }
  template <class T> __device__ void operator()(const RandomBlock& r, T* out) const {
    float four[4];
    gaussian_pair(uniform_float(r.word[0]), uniform_float(r.word[1]), four);
    gaussian_pair(uniform_float(r.word[2]), uniform_float(r.word[3]), four + 2);
    for (int k = 0; k < 4; k++) out[k] = narrow<T>(four[k]);
  }
};

// The high half of word times n lies in 0 ... n-1, with a bias below n / 2^64.
struct Integers {
  uint64_t range;
  __device__ void operator()(const RandomBlock& r, int64_t* out) const {
    for (int k = 0; k < 2; k++) {
      const uint64_t w = uint64_t(r.word[2 * k]) << 32 | r.word[2 * k + 1];
      out[k] = int64_t(range ? __umul64hi(w, range) : w);
    }
  }
};

template <class F> void floats(const char* op, Tensor& y, RandomKey key) {
  if (y.size() == 0) return;
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int width = sizeof(T) == 8 ? 2 : 4;
    const int64_t count = (y.size() + width - 1) / width;
    launch(op, draw<width, T, F>, blocks(count), threads, 0, y.data<T>(), y.size(), key, drawn_before(key, int64_t(random_blocks(y.size()))), F{});
  });
}
void uniform(Tensor& y, RandomKey key) { floats<Uniform>("uniform", y, key); }
void normal(Tensor& y, RandomKey key) { floats<Normal>("normal", y, key); }
void integers(Tensor& y, int64_t range, RandomKey key) {
  if (y.size() == 0) return;
  launch("randint", draw<2, int64_t, Integers>, blocks((y.size() + 1) / 2), threads, 0, y.data<int64_t>(), y.size(), key,
         drawn_before(key, int64_t(random_blocks(y.size()))), Integers{uint64_t(range)});
}

const Fill filled[] = {{kernel::random_uniform, Device::cuda, uniform}, {kernel::random_normal, Device::cuda, normal}};
const Fill integers_filled(kernel::random_integers, Device::cuda, integers);

}  // namespace
}  // namespace chainrule
