// y[b, i, j] = Σ_k left[b, i, k] right[b, k, j], whatever the factors are: matrices of any strides, or the windows of a
// convolution, which are never stored. Plain kernels that take any shape.
//
// A factor gives, for one of its rows (left) or columns (right), a Line of what does not depend on k, and its element k:
//   Line line(int64_t image, int64_t i) const;   C at(const Line&, int64_t k) const;   bool along_k() const;
// along_k: neighbours in k are neighbours in memory, so neighbouring threads take those. The result takes numbers:
//   void operator()(int64_t image, int64_t i, int64_t j, C sum) const;
#pragma once
#include <algorithm>

#include "cuda.cuh"
#include "strides.cuh"

namespace chainrule {

struct ProductSize { int64_t images, M, N, K, parts; };

// How a block of 256 threads covers an M x N tile of y: 16 x 16 threads with M/16 x N/16 sums each, K elements deep.
template <int m, int n, int k> struct Tile {
  static constexpr int M = m, N = n, K = k, down = m / 16, across = n / 16;
};
template <class C, class S> struct Pieces { C a[2][S::K][S::M + 4], b[2][S::K][S::N + 4]; };

// The i-th of a thread's rows (columns): groups of four, so that a warp reads whole lines of shared memory.
template <int count> __device__ int tile_place(int thread, int i) {
  if constexpr (count < 4) return thread * count + i;
  else return i / 4 * 64 + thread * 4 + i % 4;
}

// One side's share of a piece: `loads` elements a thread, of a side of `side` rows, K deep.
template <int side, int K, class C, class Factor> struct Loader {
  static constexpr int loads = side * K / threads;
  const Factor& factor;
  int64_t image, start, count, end;          // rows start ... of count; k below end
  bool along;
  typename Factor::Line own;                 // of the one row this thread has when neighbours are not along k
  C next[loads];

  __device__ Loader(const Factor& f, int64_t image, int64_t start, int64_t count, int64_t end)
      : factor(f), image(image), start(start), count(count), end(end), along(f.along_k()),
        own(f.line(image, start + threadIdx.x % side < count ? start + threadIdx.x % side : count - 1)) {}
  __device__ int k_of(int l) const { return along ? (l * threads + int(threadIdx.x)) % K : (l * threads + int(threadIdx.x)) / side; }
  __device__ int row_of(int l) const { return along ? (l * threads + int(threadIdx.x)) / K : int(threadIdx.x) % side; }
  __device__ void load(int64_t k0) {
#pragma unroll
    for (int l = 0; l < loads; l++) {
      const int64_t k = k0 + k_of(l), i = start + row_of(l);
      next[l] = C(0);
      if (i < count && k < end) next[l] = along ? C(factor.at(factor.line(image, i), k)) : C(factor.at(own, k));
    }
  }
  template <class Piece> __device__ void store(Piece& piece) const {
#pragma unroll
    for (int l = 0; l < loads; l++) piece[k_of(l)][row_of(l)] = next[l];
  }
};

// Each element of the left factor is read N / S::N times, of the right one M / S::M times; the next piece is loaded while
// this one is multiplied. With parts > 1 the sum over k is cut and its pieces go to `partial` (part, image, i, j).
template <class S, class C, class Left, class Right, class Out>
__global__ void __launch_bounds__(256) multiply_tiles(Left left, Right right, Out out, C* partial, ProductSize size) {
  auto& pieces = shared<Pieces<C, S>>();
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const int64_t tiles_n = (size.N + S::N - 1) / S::N, tiles = (size.M + S::M - 1) / S::M * tiles_n;
  const int64_t steps = (size.K + S::K - 1) / S::K, steps_a_part = (steps + size.parts - 1) / size.parts;
  for (int64_t task = blockIdx.x; task < tiles * size.images * size.parts; task += gridDim.x) {
    const int64_t tile = task % tiles, image = task / tiles % size.images, part = task / tiles / size.images;
    const int64_t i0 = tile / tiles_n * S::M, j0 = tile % tiles_n * S::N;
    const int64_t begin = part * steps_a_part * S::K, stop = begin + steps_a_part * S::K, end = stop < size.K ? stop : size.K;
    Loader<S::M, S::K, C, Left> a(left, image, i0, size.M, end);
    Loader<S::N, S::K, C, Right> b(right, image, j0, size.N, end);
    C sum[S::down][S::across] = {};
    a.load(begin);
    b.load(begin);
    a.store(pieces.a[0]);
    b.store(pieces.b[0]);
    __syncthreads();
    int side = 0;
    for (int64_t k0 = begin; k0 < end; k0 += S::K, side ^= 1) {
      const bool more = k0 + S::K < end;
      if (more) {
        a.load(k0 + S::K);
        b.load(k0 + S::K);
      }
#pragma unroll
      for (int k = 0; k < S::K; k++) {
        C row[S::down], column[S::across];
#pragma unroll
        for (int i = 0; i < S::down; i++) row[i] = pieces.a[side][k][tile_place<S::down>(ty, i)];
#pragma unroll
        for (int j = 0; j < S::across; j++) column[j] = pieces.b[side][k][tile_place<S::across>(tx, j)];
#pragma unroll
        for (int i = 0; i < S::down; i++)
#pragma unroll
          for (int j = 0; j < S::across; j++) sum[i][j] += row[i] * column[j];
      }
      if (more) {
        a.store(pieces.a[side ^ 1]);
        b.store(pieces.b[side ^ 1]);
      }
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < S::down; i++)
#pragma unroll
      for (int j = 0; j < S::across; j++) {
        const int64_t r = i0 + tile_place<S::down>(ty, i), c = j0 + tile_place<S::across>(tx, j);
        if (r >= size.M || c >= size.N) continue;
        if (size.parts > 1) partial[((part * size.images + image) * size.M + r) * size.N + c] = sum[i][j];
        else out(image, r, c, sum[i][j]);
      }
  }
}

// The parts of each number, added up in order.
template <class C, class Out> __global__ void add_parts(const C* partial, Out out, ProductSize size) {
  const int64_t n = size.images * size.M * size.N;
  for (int64_t i = first(); i < n; i += stride()) {
    C sum = partial[i];
    for (int64_t p = 1; p < size.parts; p++) sum += partial[p * n + i];
    out(i / size.N / size.M, i / size.N % size.M, i % size.N, sum);
  }
}

// One thread a number, for products with few rows: a tile of theirs would be mostly empty.
template <class C, class Left, class Right, class Out>
__global__ void multiply_rows(Left left, Right right, Out out, ProductSize size) {
  for (int64_t at = first(); at < size.images * size.M * size.N; at += stride()) {
    const int64_t j = at % size.N, i = at / size.N % size.M, image = at / size.N / size.M;
    const auto row = left.line(image, i);
    const auto column = right.line(image, j);
    C sum = 0;
    for (int64_t k = 0; k < size.K; k++) sum += C(left.at(row, k)) * C(right.at(column, k));
    out(image, i, j, sum);
  }
}

template <class S, class C, class Left, class Right, class Out>
void multiply(const char* op, const Left& left, const Right& right, const Out& out, ProductSize size) {
  if (size.images * size.M * size.N == 0) return;
  const int64_t tasks = (size.M + S::M - 1) / S::M * ((size.N + S::N - 1) / S::N) * size.images;
  // few tiles of long sums would leave most of the GPU idle: cut the sums, by shape alone
  size.parts = tasks < 128 ? std::clamp<int64_t>(size.K / 256, 1, 256 / tasks) : 1;
  C* none = nullptr;
  if (size.parts == 1)
    return launch(op, multiply_tiles<S, C, Left, Right, Out>, blocks(tasks, 1), threads, 0, left, right, out, none, size);
  const Scratch<C> partial(size.parts * size.images * size.M * size.N);
  launch(op, multiply_tiles<S, C, Left, Right, Out>, blocks(tasks * size.parts, 1), threads, 0, left, right, out, partial.get(), size);
  launch(op, add_parts<C, Out>, blocks(size.images * size.M * size.N), threads, 0, partial.get(), out, size);
}
// The tile that fits the shape.
template <class C, class Left, class Right, class Out>
void multiply_any(const char* op, const Left& left, const Right& right, const Out& out, const ProductSize& size) {
  const bool large = size.M >= 96 && size.N >= 96;
  if constexpr (std::is_integral_v<C>) multiply<Tile<32, 32, 16>, C>(op, left, right, out, size);
  else if constexpr (std::is_same_v<C, double>)
    large ? multiply<Tile<64, 64, 8>, C>(op, left, right, out, size) : multiply<Tile<32, 32, 16>, C>(op, left, right, out, size);
  else large ? multiply<Tile<128, 128, 8>, C>(op, left, right, out, size) : multiply<Tile<32, 32, 16>, C>(op, left, right, out, size);
}

}  // namespace chainrule
