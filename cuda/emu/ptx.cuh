// Tensor-core and asynchronous-copy instructions on the CPU; the twin of cuda/gpu/ptx.cuh, where they are described.
#pragma once
#include "language.cuh"

namespace chainrule {

template <class T> void multiply_add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  struct Lane { float* d; const uint32_t *a, *b; } mine{d, a, b};
  emu::collective(~0u, &mine, [](void** lanes, uint32_t mask) {
    if (mask != ~0u) return emu::misuse("a matrix instruction without a full warp");
    const auto value = [](uint32_t word, int half) {
      T t;
      t.bits = uint16_t(half ? word >> 16 : word);
      return float(t);
    };
    float left[16][16], right[16][8];
    for (int l = 0; l < 32; l++) {
      const auto* lane = static_cast<Lane*>(lanes[l]);
      for (int h = 0; h < 2; h++) {
        const int row = l / 4, pair = 2 * (l % 4) + h;
        for (int i = 0; i < 4; i++) left[row + 8 * (i % 2)][pair + 8 * (i / 2)] = value(lane->a[i], h);
        for (int i = 0; i < 2; i++) right[pair + 8 * i][row] = value(lane->b[i], h);
      }
    }
    for (int l = 0; l < 32; l++)
      for (int i = 0; i < 4; i++) {
        const int row = l / 4 + 8 * (i / 2), column = 2 * (l % 4) + i % 2;
        for (int k = 0; k < 16; k++) static_cast<Lane*>(lanes[l])->d[i] += left[row][k] * right[k][column];
      }
  });
}

struct MatrixRow { uint32_t* r; const void* row; };
// Row `row` of matrix i, as lane 8 i + row names it.
inline const uint16_t* matrix_row(void** lanes, int i, int row) {
  return static_cast<const uint16_t*>(static_cast<MatrixRow*>(lanes[8 * i + row])->row);
}
template <bool transposed> void load_matrices_as(uint32_t (&r)[4], const void* row) {
  MatrixRow mine{r, row};
  emu::collective(~0u, &mine, [](void** lanes, uint32_t mask) {
    if (mask != ~0u) return emu::misuse("a matrix instruction without a full warp");
    for (int l = 0; l < 32; l++)
      for (int i = 0; i < 4; i++) {
        const int at = l / 4, pair = 2 * (l % 4);
        const uint32_t low = transposed ? matrix_row(lanes, i, pair)[at] : matrix_row(lanes, i, at)[pair];
        const uint32_t high = transposed ? matrix_row(lanes, i, pair + 1)[at] : matrix_row(lanes, i, at)[pair + 1];
        static_cast<MatrixRow*>(lanes[l])->r[i] = low | high << 16;
      }
  });
}
inline void load_matrices(uint32_t (&r)[4], const void* row) { load_matrices_as<false>(r, row); }
inline void load_matrices_transposed(uint32_t (&r)[4], const void* row) { load_matrices_as<true>(r, row); }

inline void copy_16(void* to, const void* from, int bytes) { emu::copy_async(to, from, size_t(bytes)); }
inline void commit_copies() { emu::commit_copies(); }
template <int pending> void await_copies() { emu::await_copies(pending); }

}  // namespace chainrule
