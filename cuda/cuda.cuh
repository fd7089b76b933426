// What every CUDA file needs: launch sizes, checks, and strided access to a tensor inside a kernel.
#pragma once
#include <cuda_runtime.h>

#include "core/check.h"
#include "core/kernels.h"

namespace chainrule {

// Everything runs on one stream; values are waited for only where they are read.
inline cudaStream_t stream() { return cudaStreamPerThread; }

inline void check_cuda(const char* op, cudaError_t error) {
  if (error == cudaSuccess) return;
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    fail<OutOfMemory>(op, "the GPU has no more memory");
  }
  fail<DeviceError>(op, "CUDA: ", cudaGetErrorString(error));
}
inline void check_launch(const char* op) { check_cuda(op, cudaGetLastError()); }

constexpr int threads = 256;
// Blocks for n elements; the kernels stride over the rest, so a bounded grid serves any size.
inline unsigned blocks(int64_t n) {
  const int64_t wanted = (n + threads - 1) / threads;
  return unsigned(wanted < 65536 ? wanted : 65536);
}

// Shape and strides by value: an element's offset from its row-major number.
struct Strided {
  int ndim;
  int64_t shape[max_ndim], strides[max_ndim];
  explicit Strided(const Tensor& t) : ndim(t.ndim()) {
    for (int i = 0; i < ndim; i++) { shape[i] = t.dim(i); strides[i] = t.stride(i); }
  }
  __device__ int64_t at(int64_t i) const {
    int64_t offset = 0;
    for (int a = ndim - 1; a >= 0; a--) {
      offset += i % shape[a] * strides[a];
      i /= shape[a];
    }
    return offset;
  }
};

}  // namespace chainrule
