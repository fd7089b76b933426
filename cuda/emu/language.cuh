// The CUDA language as plain C++: keywords, built-in variables, launches, shared memory, warp operations, atomics.
// The twin of cuda/gpu/language.cuh: the same names, found first on the include path of an emulator build.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "block.h"
#include "core/dtype.h"
#include "cuda_runtime.h"
#include "sanitize.h"

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define threadIdx (::emu::self().index)
#define blockIdx (::emu::geometry().index)
#define blockDim (::emu::geometry().dim)
#define gridDim (::emu::geometry().grid)

namespace chainrule {

inline constexpr const char* backend = "cuda-emulator";

// kernel<<<grid, block, dynamic, stream>>>(args...)
template <class... P, class... A>
void start(void (*kernel)(P...), dim3 grid, dim3 block, size_t dynamic, cudaStream_t, A&&... args) {
  emu::enqueue(grid, block, dynamic, [=] { kernel(static_cast<P>(args)...); });
}

// The block's one object of this type, in shared memory.
template <class T> T& shared() {
  static const char site = 0;
  return *static_cast<T*>(emu::shared_at(&site, sizeof(T)));
}
// The dynamic shared memory that the launch asked for.
template <class T> T* dynamic_shared() { return static_cast<T*>(emu::dynamic_shared()); }

// Runs f while no other thread runs one under this lock: threads change only where they wait, and f does not wait.
template <class F> void locked(unsigned* lock, F&& f) {
  emu::acquire(lock);
  f();
  emu::release(lock);
}

// A value in the type it is computed in, and back.
template <class T> compute_t<T> widen(T x) { return compute_t<T>(x); }
template <class T, class C> T narrow(C x) { return T(compute_t<T>(x)); }

}  // namespace chainrule

inline void __syncthreads(std::source_location where = std::source_location::current()) { emu::barrier(where); }
inline void __threadfence() {}
inline void __syncwarp(uint32_t mask = ~0u) { emu::collective(mask, nullptr, [](void**, uint32_t) {}); }

namespace emu {
template <class T> struct Passed { T value; int from; T got; };
template <class T> T pass(uint32_t mask, T value, int from) {
  Passed<T> mine{value, from, value};
  collective(mask, &mine, [](void** all, uint32_t mask) {
    for (int i = 0; i < 32; i++) {
      if (!(mask >> i & 1)) continue;
      auto* p = static_cast<Passed<T>*>(all[i]);
      if (mask >> p->from & 1) p->got = static_cast<Passed<T>*>(all[p->from])->value;
      else misuse("a shuffle from a lane outside the mask");
    }
  });
  return mine.got;
}
}  // namespace emu
template <class T> T __shfl_sync(uint32_t mask, T v, int from, int width = 32) {
  return emu::pass(mask, v, (emu::lane() & ~(width - 1)) | (from & (width - 1)));
}
template <class T> T __shfl_xor_sync(uint32_t mask, T v, int bits, int width = 32) {
  const int lane = emu::lane(), from = lane ^ bits;
  return emu::pass(mask, v, from > (lane | (width - 1)) ? lane : from);
}
template <class T> T __shfl_down_sync(uint32_t mask, T v, unsigned by, int width = 32) {
  const int lane = emu::lane(), from = lane + int(by);
  return emu::pass(mask, v, from > (lane | (width - 1)) ? lane : from);
}
template <class T> T __shfl_up_sync(uint32_t mask, T v, unsigned by, int width = 32) {
  const int lane = emu::lane(), from = lane - int(by);
  return emu::pass(mask, v, from < (lane & ~(width - 1)) ? lane : from);
}
inline uint32_t __ballot_sync(uint32_t mask, int predicate) {
  struct Vote { int predicate; uint32_t all; } mine{predicate, 0};
  emu::collective(mask, &mine, [](void** all, uint32_t mask) {
    uint32_t votes = 0;
    for (int i = 0; i < 32; i++)
      if ((mask >> i & 1) && static_cast<Vote*>(all[i])->predicate) votes |= 1u << i;
    for (int i = 0; i < 32; i++)
      if (mask >> i & 1) static_cast<Vote*>(all[i])->all = votes;
  });
  return mine.all;
}

template <class T> T atomicAdd(T* p, T v) requires std::is_integral_v<T> { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
template <class T> T atomicCAS(T* p, T expected, T wanted) {
  __atomic_compare_exchange_n(p, &expected, wanted, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
template <class T> T atomicMax(T* p, T v) {
  T old = __atomic_load_n(p, __ATOMIC_RELAXED);
  while (old < v && !__atomic_compare_exchange_n(p, &old, v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {}
  return old;
}

inline int __popc(uint32_t x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(uint32_t(x)); }
inline uint32_t __umulhi(uint32_t a, uint32_t b) { return uint32_t(uint64_t(a) * b >> 32); }
inline uint64_t __umul64hi(uint64_t a, uint64_t b) { return uint64_t((unsigned __int128)a * b >> 64); }
inline uint32_t __float_as_uint(float x) { return std::bit_cast<uint32_t>(x); }
inline float __uint_as_float(uint32_t x) { return std::bit_cast<float>(x); }
inline long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }
template <class T> T __ldg(const T* p) { return *p; }
