// Products of a matrix in compressed rows. Every product first checks the pattern: no index is read past its end.
#include "core/kernels.h"
#include "cpu/loops.h"
#include "cpu/simd.h"

namespace chainrule {
namespace {

// indptr climbs from 0 to nnz, and every column lies in 0 ... n - 1.
void check_pattern(const char* op, const Tensor& indptr, const Tensor& indices, int64_t n) {
  const int64_t *ptr = indptr.data<int64_t>(), *column = indices.data<int64_t>(), nnz = indices.size(), rows = indptr.size() - 1;
  require<ValueError>(ptr[0] == 0 && ptr[rows] == nnz, op, "indptr must go from 0 to the number of values, ", nnz, ", got ", ptr[0],
                      " to ", ptr[rows]);
  for (int64_t i = 0; i < rows; i++)
    require<ValueError>(ptr[i] <= ptr[i + 1], op, "indptr must not fall, got ", ptr[i], " before ", ptr[i + 1], " at row ", i);
  for (int64_t k = 0; k < nnz; k++)
    require<IndexError>(column[k] >= 0 && column[k] < n, op, "index ", column[k], " is out of range for ", n, " rows of x");
}
// Tasks of some rows each: as many as hold the usual number of multiply-adds.
int64_t rows_a_task(const Tensor& indptr, const Tensor& indices, int64_t inner) {
  const int64_t rows = indptr.size() - 1, work = std::max<int64_t>(1, indices.size() * std::max<int64_t>(inner, 1));
  return std::max<int64_t>(1, grain * rows / work);
}

// y[i] = Σ values[k] x[indices[k]], k in row i
template <class T> void rows_times(const Tensor& indptr, const Tensor& indices, const Tensor& values, const Tensor& x, Tensor& y) {
  const int64_t inner = x.dim(1);
  const auto rows = [] { if constexpr (std::is_same_v<T, float>) return simd().rows_f32; else return simd().rows_f64; }();
  parallel_for(y.dim(0), rows_a_task(indptr, indices, inner), [&](int64_t begin, int64_t end) {
    rows(end - begin, indptr.data<int64_t>() + begin, indices.data<int64_t>(), values.data<T>(), x.data<T>(), inner,
         y.data<T>() + begin * inner);
  });
}
void csr_matmul(const Tensor& indptr, const Tensor& indices, const Tensor& values, const Tensor& x, Tensor& y) {
  check_pattern("csr_matmul", indptr, indices, x.dim(0));
  if (y.dtype() == DType::float64) rows_times<double>(indptr, indices, values, x, y);
  else if (y.dtype() == DType::float32) rows_times<float>(indptr, indices, values, x, y);
  else fail<DTypeError>("csr_matmul", "needs float32 or float64, got ", y.dtype());
}

// y[k] = ⟨a[i], b[indices[k]]⟩, k in row i
void csr_dot(const Tensor& indptr, const Tensor& indices, const Tensor& a, const Tensor& b, Tensor& y) {
  check_pattern("csr_dot", indptr, indices, b.dim(0));
  const int64_t *ptr = indptr.data<int64_t>(), *column = indices.data<int64_t>(), inner = a.dim(1);
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *pa = a.data<T>(), *pb = b.data<T>();
    parallel_for(a.dim(0), rows_a_task(indptr, indices, inner), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++)
        for (int64_t k = ptr[i]; k < ptr[i + 1]; k++) {
          const T *u = pa + i * inner, *v = pb + column[k] * inner;
          double sums[4] = {};
          int64_t j = 0;
          for (; j + 4 <= inner; j += 4)
            for (int lane = 0; lane < 4; lane++) sums[lane] += double(compute_t<T>(u[j + lane])) * double(compute_t<T>(v[j + lane]));
          for (; j < inner; j++) sums[0] += double(compute_t<T>(u[j])) * double(compute_t<T>(v[j]));
          y.data<T>()[k] = T(compute_t<T>((sums[0] + sums[1]) + (sums[2] + sums[3])));
        }
    });
  });
}

const Fill matmul_filled(kernel::csr_matmul, Device::cpu, csr_matmul), dot_filled(kernel::csr_dot, Device::cpu, csr_dot);

}  // namespace
}  // namespace chainrule
