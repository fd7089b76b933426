// Philox 4x32-10: a block of four random words as a function of a counter and a key, so that element i of a draw has the
// same value on any device, in any launch shape.   Salmon, Moraes, Dror, Shaw: Parallel random numbers (2011)
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define CHAINRULE_BOTH __host__ __device__
#else
#define CHAINRULE_BOTH
#endif

namespace chainrule {

struct RandomKey {
  uint64_t seed, stream, position;       // position counts blocks
};
struct RandomBlock { uint32_t word[4]; };

CHAINRULE_BOTH inline RandomBlock philox(const RandomKey& key, uint64_t block) {
  const uint64_t at = key.position + block;
  uint32_t c[4] = {uint32_t(at), uint32_t(at >> 32), uint32_t(key.stream), uint32_t(key.stream >> 32)};
  uint32_t k0 = uint32_t(key.seed), k1 = uint32_t(key.seed >> 32);
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = uint64_t(0xD2511F53u) * c[0], p1 = uint64_t(0xCD9E8D57u) * c[2];
    const uint32_t next[4] = {uint32_t(p1 >> 32) ^ c[1] ^ k0, uint32_t(p1), uint32_t(p0 >> 32) ^ c[3] ^ k1, uint32_t(p0)};
    for (int i = 0; i < 4; i++) c[i] = next[i];
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c[0], c[1], c[2], c[3]}};
}

// Uniform in [0, 1): 24 and 53 bits.
CHAINRULE_BOTH inline float uniform_float(uint32_t w) { return float(w >> 8) * 0x1p-24f; }
CHAINRULE_BOTH inline double uniform_double(uint32_t hi, uint32_t lo) {
  return double((uint64_t(hi) << 32 | lo) >> 11) * 0x1p-53;
}

}  // namespace chainrule
