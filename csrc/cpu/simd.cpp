#include "cpu/simd.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstdlib>
#include <cstring>

namespace chainrule {

#if defined(__x86_64__)
extern const SimdTable simd_v2, simd_v3, simd_v4;

static const SimdTable& choose() {
  const char* wish = std::getenv("CHAINRULE_ISA");
  const int most = !wish ? 4 : !std::strcmp(wish, "v2") ? 2 : !std::strcmp(wish, "v3") ? 3 : 4;
  __builtin_cpu_init();
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
  return v4 && most >= 4 ? simd_v4 : v3 && most >= 3 ? simd_v3 : simd_v2;
}
#else
extern const SimdTable simd_native;
static const SimdTable& choose() { return simd_native; }
#endif

const SimdTable& simd() {
  static const SimdTable& chosen = choose();
  return chosen;
}

const Tile<float>* pair_tile() {
#if defined(__x86_64__)
  static const bool there = simd().tile_pairs.rows > 0 && __builtin_cpu_supports("avx512bf16");
  return there ? &simd().tile_pairs : nullptr;
#else
  return nullptr;
#endif
}

#if defined(__x86_64__)
// The last cache that the processor lists, which is that of these cores; sysconf may tell that of all of them.
static int64_t ask_last_cache() {
  int64_t bytes = 0;
  unsigned vendor = 0, a = 0, b = 0, c = 0, d = 0;
  __get_cpuid(0, &a, &vendor, &c, &d);
  const unsigned leaf = vendor == 0x68747541 ? 0x8000001d : 4;             // "Auth", of AuthenticAMD
  for (unsigned i = 0; i < 8 && __get_cpuid_count(leaf, i, &a, &b, &c, &d) && (a & 31); i++)
    bytes = int64_t((b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) * (int64_t(c) + 1);
  return bytes ? bytes : INT64_MAX;
}
int64_t last_cache() {
  static const int64_t bytes = ask_last_cache();
  return bytes;
}
#else
int64_t last_cache() { return INT64_MAX; }     // nothing goes past the caches here
#endif

}  // namespace chainrule
