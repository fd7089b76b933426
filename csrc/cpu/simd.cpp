#include "cpu/simd.h"

#include <unistd.h>

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

int64_t last_cache() {
#if defined(__x86_64__) && defined(_SC_LEVEL3_CACHE_SIZE)
  static const int64_t bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
  if (bytes > 0) return bytes;
#endif
  return INT64_MAX;                            // stores that go past the caches are only written for x86
}

}  // namespace chainrule
