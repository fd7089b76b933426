// Matrix products over a batch, any shape and any strides: the plain kernel, and tensor cores for what they can take.
#include "gemm_mma.cuh"

namespace chainrule {
namespace {

// Rows of a, or columns of b: one element every `along` for k, one line every `across`.
template <class T> struct Lines {
  const T* p;
  int64_t image, across, along;
  using Line = const T*;
  __device__ bool along_k() const { return along == 1 || across != 1; }
  __device__ Line line(int64_t b, int64_t i) const { return p + b * image + i * across; }
  __device__ compute_t<T> at(Line line, int64_t k) const { return widen(line[k * along]); }
};
template <class T> struct RowMajor {
  T* y;
  int64_t M, N;
  __device__ void operator()(int64_t b, int64_t i, int64_t j, compute_t<T> sum) const { y[(b * M + i) * N + j] = narrow<T>(sum); }
};

// Tensor cores want 16 bytes of neighbours on 16-byte boundaries, and enough to do.
template <class T> bool suits(const Lines<T>& f) {
  const int64_t step = f.along == 1 ? f.across : f.along;
  return (f.along == 1 || f.across == 1) && step % 8 == 0 && f.image % 8 == 0 && aligned(f.p, 16);
}
template <class T> Neighbours<T> neighbours(const Lines<T>& f, int64_t rows) {
  return {f.p, f.image, f.along == 1 ? f.across : f.along, rows};
}

void matmul(const Tensor& a, const Tensor& b, Tensor& y) {
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Lines<T> left{a.data<T>(), a.stride(0), a.stride(1), a.stride(2)};
    const Lines<T> right{b.data<T>(), b.stride(0), b.stride(2), b.stride(1)};
    const ProductSize size{y.dim(0), y.dim(1), y.dim(2), a.dim(2), 1};
    const RowMajor<T> out{y.data<T>(), y.dim(1), y.dim(2)};
    if constexpr (sizeof(T) == 2)
      if (size.images > 0 && std::min(size.M, size.N) >= 32 && size.K >= 16 && suits(left) && suits(right))
        return multiply_on_tensor_cores("matmul", neighbours(left, size.M), left.along == 1, neighbours(right, size.N),
                                        right.along == 1, out, size);
    multiply_any<compute_t<T>>("matmul", left, right, out, size);
  });
}

// The bias joins a sum on its way out.
template <class C> struct Biased {
  C* y;
  const C* bias;
  int64_t N;
  __device__ void operator()(int64_t, int64_t i, int64_t j, C sum) const { y[i * N + j] = sum + bias[j]; }
};
void linear(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& y) {
  const auto go = [&](auto zero) {
    using C = decltype(zero);
    multiply_any<C>("linear", Lines<C>{x.data<C>(), 0, x.stride(0), x.stride(1)}, Lines<C>{w.data<C>(), 0, w.stride(0), w.stride(1)},
                    Biased<C>{y.data<C>(), b.data<C>(), y.dim(1)}, ProductSize{1, y.dim(0), y.dim(1), x.dim(1), 1});
  };
  y.dtype() == DType::float64 ? go(double()) : go(float());
}

const Fill filled(kernel::matmul, Device::cuda, matmul);
const Fill linear_filled(kernel::linear, Device::cuda, linear);

}  // namespace
}  // namespace chainrule
