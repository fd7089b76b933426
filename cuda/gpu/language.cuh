// What kernels use beyond plain C++, on hardware: launches, shared memory, narrow types.
// Its twin cuda/emu/language.cuh gives the same names on the CPU.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "core/dtype.h"

namespace chainrule {

inline constexpr const char* backend = "cuda";

template <class... P, class... A>
void start(void (*kernel)(P...), dim3 grid, dim3 block, size_t dynamic, cudaStream_t stream, A&&... args) {
  if (dynamic > 48 * 1024)
    cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, int(dynamic));
  kernel<<<grid, block, dynamic, stream>>>(static_cast<P>(args)...);
}

// The block's one object of this type, in shared memory.
template <class T> __device__ __forceinline__ T& shared() {
  __shared__ T object;
  return object;
}
// The dynamic shared memory that the launch asked for.
extern __shared__ __align__(16) unsigned char dynamic_bytes[];
template <class T> __device__ __forceinline__ T* dynamic_shared() { return reinterpret_cast<T*>(dynamic_bytes); }

// Runs f while no other thread runs one under this lock; threads of a warp take turns (compute capability 7.0).
template <class F> __device__ __forceinline__ void locked(unsigned* lock, F&& f) {
  while (atomicCAS(lock, 0u, 1u) != 0) {}
  __threadfence();
  f();
  __threadfence();
  atomicExch(lock, 0u);
}

// A value in the type it is computed in, and back.
template <class T> __device__ __forceinline__ compute_t<T> widen(T x) {
  if constexpr (std::is_same_v<T, float16>) return __half2float(__ushort_as_half(x.bits));
  else if constexpr (std::is_same_v<T, bfloat16>) return __bfloat162float(__ushort_as_bfloat16(x.bits));
  else return x;
}
template <class T, class C> __device__ __forceinline__ T narrow(C x) {
  if constexpr (std::is_same_v<T, float16>) {
    T y;
    y.bits = __half_as_ushort(__float2half_rn(float(x)));
    return y;
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    T y;
    y.bits = __bfloat16_as_ushort(__float2bfloat16_rn(float(x)));
    return y;
  } else return T(x);
}

}  // namespace chainrule
