// Sums and scans over the threads of a warp and of a block, in an order that depends on nothing but the thread numbers.
#pragma once
#include "cuda.cuh"

namespace chainrule {

constexpr unsigned everyone = 0xffffffffu;                 // all lanes of a warp

// Joins the values of `count` neighbouring threads (a power of two that divides the block), the first of which gets the
// whole; `room` has one place a thread. A barrier on each side: the room is free again afterwards.
template <class T, class Merge> __device__ T join_threads(T value, T* room, int rank, int within, int count, Merge merge) {
  room[rank] = value;
  for (int half = count / 2; half > 0; half /= 2) {
    __syncthreads();
    if (within < half) {
      value = merge(value, room[rank + half]);
      room[rank] = value;
    }
  }
  __syncthreads();
  return value;
}

template <class T> __device__ T warp_sum(T v) {
  for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(everyone, v, d);
  return v;
}
template <class T> __device__ T warp_max(T v) {
  for (int d = 16; d > 0; d /= 2) {
    const T other = __shfl_xor_sync(everyone, v, d);
    v = other > v || other != other ? other : v;           // a NaN is taken
  }
  return v;
}

// The inclusive scan of one value a thread of a 256-thread block; `total` becomes the join of all.
template <class T, class Merge> __device__ T scan_block(T value, T* room, T& total, Merge merge) {
  const int t = threadIdx.x;
  room[t] = value;
  __syncthreads();
  for (int d = 1; d < threads; d *= 2) {                   // each round joins what lies d before
    T before = value;
    if (t >= d) before = room[t - d];
    __syncthreads();
    if (t >= d) {
      value = merge(before, value);
      room[t] = value;
    }
    __syncthreads();
  }
  total = room[threads - 1];
  __syncthreads();
  return value;
}

}  // namespace chainrule
