// Sorting rows. An element and its position become one unsigned number, key above position, whose order is that wanted:
// no two are equal, so any sort is stable, and the first k can be selected. Long rows: radix sort, least byte first.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "core/kernels.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

template <class U> constexpr U sign_bit = U(1) << (8 * sizeof(U) - 1);
template <int bytes> using bits_t = std::conditional_t<bytes == 8, uint64_t, std::conditional_t<bytes == 4, uint32_t,
                                    std::conditional_t<bytes == 2, uint16_t, uint8_t>>>;

// Bits whose unsigned order is that of the values. A NaN is the largest in either direction; -0 is 0.
template <class T> bits_t<sizeof(T)> key_of(T value, bool descending) {
  using U = bits_t<sizeof(T)>;
  constexpr bool floating = !std::is_integral_v<T>;
  U u;
  std::memcpy(&u, &value, sizeof u);
  if constexpr (floating) {
    if (compute_t<T>(value) != compute_t<T>(value)) return U(~U(0));
    if (U(u << 1) == 0) u = 0;
    u = u & sign_bit<U> ? U(~u) : U(u | sign_bit<U>);
  } else if constexpr (std::is_signed_v<T>) {
    u ^= sign_bit<U>;
  }
  return descending ? U(~u) : u;
}

using Wide = unsigned __int128;
template <class P> constexpr int half = sizeof(P) * 4;          // bits of the key, and of the position

// Sorts a by its upper half; b is room for as many. Returns where the result lies.
template <class P> P* radix_sort(P* a, P* b, int64_t n, int key_bytes) {
  int64_t counts[8][256] = {};
  for (int64_t i = 0; i < n; i++)
    for (int byte = 0; byte < key_bytes; byte++) counts[byte][uint8_t(a[i] >> (half<P> + 8 * byte))]++;
  for (int byte = 0; byte < key_bytes; byte++) {
    const int shift = half<P> + 8 * byte;
    int64_t* next = counts[byte];
    if (next[uint8_t(a[0] >> shift)] == n) continue;            // all alike here
    for (int64_t digit = 0, at = 0; digit < 256; digit++) at += std::exchange(next[digit], at);
    for (int64_t i = 0; i < n; i++) b[next[uint8_t(a[i] >> shift)]++] = a[i];
    std::swap(a, b);
  }
  return a;
}

// The k smallest of n > k numbers in order, for small k: most lose against the largest kept and are never moved.
template <class P, class Number> void select_few(P* kept, int64_t k, int64_t n, Number&& number) {
  for (int64_t i = 0; i < k; i++) kept[i] = number(i);
  std::sort(kept, kept + k);
  for (int64_t i = k; i < n; i++) {
    const P p = number(i);
    if (p > kept[k - 1]) continue;
    int64_t at = k - 1;
    for (; at > 0 && kept[at - 1] > p; at--) kept[at] = kept[at - 1];
    kept[at] = p;
  }
}

template <class T, class P> void argsort_rows(const Tensor& x, bool descending, Tensor& y) {
  const int64_t n = x.dim(1), k = y.dim(1);
  parallel_for(x.dim(0), std::max<int64_t>(1, 4096 / n), [&](int64_t begin, int64_t end) {
    const std::unique_ptr<P[]> room(new P[size_t(2 * n)]);
    for (int64_t r = begin; r < end; r++) {
      const T* row = x.data<T>() + r * n;
      int64_t* to = y.data<int64_t>() + r * k;
      P* a = room.get();
      const auto number = [&](int64_t i) { return P(key_of(row[i], descending)) << half<P> | P(i); };
      if (k < n && k <= 32) {
        select_few(a, k, n, number);
      } else {
        for (int64_t i = 0; i < n; i++) a[i] = number(i);
        if (n >= 512 && k > n / 8) {
          a = radix_sort(a, a + n, n, sizeof(T));
        } else {
          if (k < n) std::nth_element(a, a + k, a + n);
          std::sort(a, a + k);
        }
      }
      for (int64_t i = 0; i < k; i++) to[i] = int64_t(a[i] & (~P(0) >> half<P>));
    }
  });
}

void argsort(const Tensor& x, bool descending, Tensor& y) {
  each_type(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (sizeof(T) < 8)
      if (x.dim(1) <= int64_t(UINT32_MAX)) return argsort_rows<T, uint64_t>(x, descending, y);
    argsort_rows<T, Wide>(x, descending, y);
  });
}

// The number of elements before v: a NaN lies after all numbers.
template <class T> bool before(T a, T b) { return a < b || (b != b && a == a); }

void searchsorted(const Tensor& sorted, const Tensor& values, bool right, Tensor& y) {
  const int64_t n = sorted.dim(1), m = values.dim(1);
  each_type(sorted.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const T *ps = sorted.data<T>(), *pv = values.data<T>();
    int64_t* py = y.data<int64_t>();
    parallel_for(y.size(), 1024, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        const T* row = ps + i / m * n;
        const C v = C(pv[i]);
        int64_t low = 0;
        for (int64_t length = n; length > 0;) {
          const int64_t middle = length / 2;
          const C s = C(row[low + middle]);
          const bool further = right ? !before(v, s) : before(s, v);
          low += further ? middle + 1 : 0;
          length = further ? length - middle - 1 : middle;
        }
        py[i] = low;
      }
    });
  });
}

const Fill argsort_filled(kernel::argsort, Device::cpu, argsort);
const Fill searchsorted_filled(kernel::searchsorted, Device::cpu, searchsorted);

}  // namespace
}  // namespace chainrule
