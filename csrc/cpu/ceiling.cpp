#include "cpu/ceiling.h"

#include <atomic>

#include "cpu/loops.h"
#include "cpu/simd.h"

namespace chainrule {

int64_t run_multiply_adds(int64_t rounds) {
  const int n = num_threads();
  std::atomic<float> sink{0};
  parallel_for(n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) sink = simd().multiply_adds(rounds);
  });
  return n * rounds * simd().peak_flops;
}

void triad(const Tensor& b, const Tensor& c, float s, Tensor& a) {
  const auto dense = [](const Tensor& t) { return t.contiguous() && t.dtype() == DType::float32; };
  require(dense(a) && dense(b) && dense(c) && b.shape() == a.shape() && c.shape() == a.shape(), "triad",
          "needs three row-major float32 tensors of one shape");
  const float *pb = b.data<float>(), *pc = c.data<float>();
  float* pa = a.data<float>();
  parallel_for(a.size(), 1 << 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) pa[i] = pb[i] + s * pc[i];
  });
}

}  // namespace chainrule
