// A stable merge sort of rows of 64-bit keys: every other order is one of keys.
#pragma once
#include <limits>

#include "cuda.cuh"

namespace chainrule {

// An unsigned number in the order of x, or in the opposite one; a NaN comes after everything in both.
template <class T> __device__ uint64_t ordered(T x, bool descending) {
  using C = compute_t<T>;
  const C v = widen(x);
  uint64_t key;
  if constexpr (std::is_floating_point_v<C>) {
    if (v != v) return ~uint64_t(0);
    const uint64_t u = uint64_t(__double_as_longlong(double(v) + 0.0));            // -0 is 0
    key = u >> 63 ? ~u : u | uint64_t(1) << 63;
  } else key = uint64_t(int64_t(v)) ^ uint64_t(1) << 63;
  return descending ? ~key : key;
}

// Keys (rows, n), filled by the caller, and after sort() in order with the place each came from.
class Sorter {
 public:
  Sorter(int64_t rows, int64_t n) : rows(rows), n(n), keys_{Scratch<uint64_t>(rows * n), Scratch<uint64_t>(rows * n)},
        places_{Scratch<int64_t>(rows * n), Scratch<int64_t>(rows * n)} {}
  uint64_t* keys() { return keys_[now].get(); }
  int64_t* places() { return places_[now].get(); }
  void sort(const char* op);

 private:
  int64_t rows, n;
  int now = 0;
  Scratch<uint64_t> keys_[2];
  Scratch<int64_t> places_[2];
};

}  // namespace chainrule
