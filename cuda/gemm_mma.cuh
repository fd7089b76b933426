// Products of float16 and bfloat16 matrices on tensor cores (mma.sync, compute capability 8.0 and newer), sums in float32.
#pragma once
#include <ptx.cuh>

#include "gemm.cuh"

namespace chainrule {

// A factor whose elements are neighbours along k (by_k) or along its rows; `step` elements from one line of neighbours to
// the next, lines start on 16 bytes.
template <class T> struct Neighbours {
  const T* p;
  int64_t image, step, rows;
};

// A block of 8 warps covers 128 x 128 of y, 32 of k at a time; a warp 64 x 32. Tiles come by asynchronous copies, the next
// one while this one is multiplied; their rows are padded so that the eight rows of a matrix lie in different banks.
struct MmaTile {
  static constexpr int M = 128, N = 128, K = 32, padded_k = K + 8, padded_rows = 128 + 8;
  static constexpr int room = 128 * padded_k > K * padded_rows ? 128 * padded_k : K * padded_rows;
};
template <class T> struct alignas(16) MmaPieces { T a[2][MmaTile::room], b[2][MmaTile::room]; };

// The tile of rows i0 ..., k0 ... in pieces of 8 numbers, two a thread; zero beyond the ends.
template <bool by_k, class T> __device__ void copy_tile(T* to, const Neighbours<T>& f, int64_t image, int64_t i0, int64_t k0, int64_t end) {
  for (int c = threadIdx.x; c < 512; c += threads) {
    const int line = by_k ? c / 4 : c / 16, at = by_k ? c % 4 * 8 : c % 16 * 8;
    const int64_t i = by_k ? i0 + line : i0 + at, k = by_k ? k0 + at : k0 + line;
    int64_t left = by_k ? end - k : f.rows - i;
    if ((by_k ? i >= f.rows : k >= end) || left < 0) left = 0;
    const T* from = f.p + image * f.image + (by_k ? i * f.step + k : k * f.step + i);
    copy_16(to + line * (by_k ? MmaTile::padded_k : MmaTile::padded_rows) + at, left ? from : f.p, int(left < 8 ? left : 8) * 2);
  }
}
// Four 8 x 8 matrices of the tile: rows `row`, + 8 and columns k, + 8, rows first or columns first.
template <bool by_k, bool rows_first, class T> __device__ void fragment(uint32_t (&r)[4], const T* tile, int row, int k) {
  const int l = threadIdx.x % 32, matrix = l / 8, along = l % 8;
  const int i = row + (rows_first ? matrix % 2 : matrix / 2) * 8, kk = k + (rows_first ? matrix / 2 : matrix % 2) * 8;
  if constexpr (by_k) load_matrices(r, tile + (i + along) * MmaTile::padded_k + kk);
  else load_matrices_transposed(r, tile + (kk + along) * MmaTile::padded_rows + i);
}

template <class T, bool a_by_k, bool b_by_k, class Out>
__global__ void __launch_bounds__(256) multiply_mma(Neighbours<T> a, Neighbours<T> b, Out out, float* partial, ProductSize size) {
  using S = MmaTile;
  auto& pieces = shared<MmaPieces<T>>();
  const int warp = threadIdx.x / 32, l = threadIdx.x % 32, row = warp / 4 * 64, column = warp % 4 * 32;
  const int64_t tiles_n = (size.N + S::N - 1) / S::N, tiles = (size.M + S::M - 1) / S::M * tiles_n;
  const int64_t steps = (size.K + S::K - 1) / S::K, steps_a_part = (steps + size.parts - 1) / size.parts;
  for (int64_t task = blockIdx.x; task < tiles * size.images * size.parts; task += gridDim.x) {
    const int64_t tile = task % tiles, image = task / tiles % size.images, part = task / tiles / size.images;
    const int64_t i0 = tile / tiles_n * S::M, j0 = tile % tiles_n * S::N;
    const int64_t begin = part * steps_a_part * S::K, stop = begin + steps_a_part * S::K, end = stop < size.K ? stop : size.K;
    float sum[4][4][4] = {};
    const auto copy = [&](int side, int64_t k) {
      copy_tile<a_by_k>(pieces.a[side], a, image, i0, k, end);
      copy_tile<b_by_k>(pieces.b[side], b, image, j0, k, end);
      commit_copies();
    };
    copy(0, begin);
    int side = 0;
    for (int64_t k0 = begin; k0 < end; k0 += S::K, side ^= 1) {
      copy(side ^ 1, k0 + S::K);                           // beyond the end it is a tile of zeros
      await_copies<1>();
      __syncthreads();
#pragma unroll
      for (int k = 0; k < S::K; k += 16) {
        uint32_t left[4][4], right[4][2];
#pragma unroll
        for (int i = 0; i < 4; i++) fragment<a_by_k, true>(left[i], pieces.a[side], row + 16 * i, k);
#pragma unroll
        for (int j = 0; j < 2; j++) {
          uint32_t r[4];
          fragment<b_by_k, false>(r, pieces.b[side], column + 16 * j, k);
          right[2 * j][0] = r[0];
          right[2 * j][1] = r[1];
          right[2 * j + 1][0] = r[2];
          right[2 * j + 1][1] = r[3];
        }
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
          for (int j = 0; j < 4; j++) multiply_add<T>(sum[i][j], left[i], right[j]);
      }
      __syncthreads();
    }
    await_copies<0>();
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
      for (int j = 0; j < 4; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
          const int64_t r = i0 + row + 16 * i + l / 4 + e / 2 * 8, c = j0 + column + 8 * j + 2 * (l % 4) + e % 2;
          if (r >= size.M || c >= size.N) continue;
          if (size.parts > 1) partial[((part * size.images + image) * size.M + r) * size.N + c] = sum[i][j][e];
          else out(image, r, c, sum[i][j][e]);
        }
  }
}

template <class T, class Out>
void multiply_on_tensor_cores(const char* op, const Neighbours<T>& a, bool a_by_k, const Neighbours<T>& b, bool b_by_k, const Out& out,
                              ProductSize size) {
  const int64_t tasks = (size.M + MmaTile::M - 1) / MmaTile::M * ((size.N + MmaTile::N - 1) / MmaTile::N) * size.images;
  size.parts = tasks < 128 ? std::clamp<int64_t>(size.K / 512, 1, 256 / tasks) : 1;
  const Scratch<float> partial(size.parts > 1 ? size.parts * size.images * size.M * size.N : 1);
  const auto go = [&](auto kernel) { launch(op, kernel, blocks(tasks * size.parts, 1), threads, 0, a, b, out, partial.get(), size); };
  if (a_by_k && b_by_k) go(multiply_mma<T, true, true, Out>);
  else if (a_by_k) go(multiply_mma<T, true, false, Out>);
  else if (b_by_k) go(multiply_mma<T, false, true, Out>);
  else go(multiply_mma<T, false, false, Out>);
  if (size.parts > 1) launch(op, add_parts<float, Out>, blocks(size.images * size.M * size.N), threads, 0, partial.get(), out, size);
}

}  // namespace chainrule
