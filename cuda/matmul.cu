// Matrix products over a batch, any shape and any strides: the plain kernel, and the reference of faster ones.
#include "cuda.cuh"

namespace chainrule {
namespace {

template <class T> struct Matrix { const T* p; int64_t batch, row, column; };

// How a block of 256 threads covers an M x N tile of y: 16 x 16 threads with M/16 x N/16 sums each, K elements deep.
template <int m, int n, int k> struct Tile {
  static constexpr int M = m, N = n, K = k, down = m / 16, across = n / 16;
};
template <class C, class S> struct Pieces { C a[2][S::K][S::M + 4], b[2][S::K][S::N + 4]; };

// The i-th of a thread's rows (columns): groups of four, so that a warp reads whole lines of shared memory.
template <int count> __device__ int place(int thread, int i) {
  if constexpr (count < 4) return thread * count + i;
  else return i / 4 * 64 + thread * 4 + i % 4;
}

// y[b, i, j] = Σ_k a[b, i, k] b[b, k, j], sums in C.
// Each element of a is read N / S::N times, of b M / S::M times; the next piece is loaded while this one is multiplied.
// With parts > 1 the sum over k is cut and its pieces go to `partial` (part, b, i, j).
template <class S, class T, class C = compute_t<T>>
__global__ void __launch_bounds__(256) matmul_tiles(Matrix<T> a, Matrix<T> b, T* y, C* partial, int64_t batch, int64_t M, int64_t N,
                                                    int64_t K, int64_t parts) {
  constexpr int loads_a = S::M * S::K / threads, loads_b = S::N * S::K / threads;
  auto& pieces = shared<Pieces<C, S>>();
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  const int64_t tiles_m = (M + S::M - 1) / S::M, tiles_n = (N + S::N - 1) / S::N, tiles = tiles_m * tiles_n;
  const int64_t steps = (K + S::K - 1) / S::K, steps_a_part = (steps + parts - 1) / parts;
  const bool a_along_k = a.column == 1 || a.row != 1, b_along_k = b.row == 1 && b.column != 1;   // neighbours in memory

  for (int64_t task = blockIdx.x; task < tiles * batch * parts; task += gridDim.x) {
    const int64_t tile = task % tiles, image = task / tiles % batch, part = task / tiles / batch;
    const int64_t i0 = tile / tiles_n * S::M, j0 = tile % tiles_n * S::N;
    const int64_t begin = part * steps_a_part * S::K, stop = begin + steps_a_part * S::K, end = stop < K ? stop : K;
    const T* pa = a.p + image * a.batch;
    const T* pb = b.p + image * b.batch;
    C next_a[loads_a], next_b[loads_b], sum[S::down][S::across] = {};

    const auto spot = [t](int l, int side, bool along_k, int& k, int& i) {
      const int e = l * threads + t;
      k = along_k ? e % S::K : e / side;
      i = along_k ? e / S::K : e % side;
    };
    const auto load = [&](int64_t k0) {
#pragma unroll
      for (int l = 0; l < loads_a; l++) {
        int k, i;
        spot(l, S::M, a_along_k, k, i);
        const bool inside = i0 + i < M && k0 + k < end;
        next_a[l] = inside ? widen(pa[(i0 + i) * a.row + (k0 + k) * a.column]) : C(0);
      }
#pragma unroll
      for (int l = 0; l < loads_b; l++) {
        int k, j;
        spot(l, S::N, b_along_k, k, j);
        const bool inside = j0 + j < N && k0 + k < end;
        next_b[l] = inside ? widen(pb[(k0 + k) * b.row + (j0 + j) * b.column]) : C(0);
      }
    };
    const auto store = [&](int side) {
#pragma unroll
      for (int l = 0; l < loads_a; l++) {
        int k, i;
        spot(l, S::M, a_along_k, k, i);
        pieces.a[side][k][i] = next_a[l];
      }
#pragma unroll
      for (int l = 0; l < loads_b; l++) {
        int k, j;
        spot(l, S::N, b_along_k, k, j);
        pieces.b[side][k][j] = next_b[l];
      }
    };

    load(begin);
    store(0);
    __syncthreads();
    int side = 0;
    for (int64_t k0 = begin; k0 < end; k0 += S::K, side ^= 1) {
      const bool more = k0 + S::K < end;
      if (more) load(k0 + S::K);
#pragma unroll
      for (int k = 0; k < S::K; k++) {
        C row[S::down], column[S::across];
#pragma unroll
        for (int i = 0; i < S::down; i++) row[i] = pieces.a[side][k][place<S::down>(ty, i)];
#pragma unroll
        for (int j = 0; j < S::across; j++) column[j] = pieces.b[side][k][place<S::across>(tx, j)];
#pragma unroll
        for (int i = 0; i < S::down; i++)
#pragma unroll
          for (int j = 0; j < S::across; j++) sum[i][j] += row[i] * column[j];
      }
      if (more) store(side ^ 1);
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < S::down; i++)
#pragma unroll
      for (int j = 0; j < S::across; j++) {
        const int64_t r = i0 + place<S::down>(ty, i), c = j0 + place<S::across>(tx, j);
        if (r >= M || c >= N) continue;
        const int64_t at = (image * M + r) * N + c;
        if (parts > 1) partial[part * batch * M * N + at] = sum[i][j];
        else y[at] = narrow<T>(sum[i][j]);
      }
  }
}

// y[i] = Σ_p partial[p, i], in order
template <class T> __global__ void add_parts(const compute_t<T>* partial, T* y, int64_t n, int64_t parts) {
  for (int64_t i = first(); i < n; i += stride()) {
    compute_t<T> sum = partial[i];
    for (int64_t p = 1; p < parts; p++) sum += partial[p * n + i];
    y[i] = narrow<T>(sum);
  }
}

template <class S, class T> void run(const Tensor& a, const Tensor& b, Tensor& y) {
  using C = compute_t<T>;
  const int64_t batch = y.dim(0), M = y.dim(1), N = y.dim(2), K = a.dim(2);
  const int64_t tasks = (M + S::M - 1) / S::M * ((N + S::N - 1) / S::N) * batch;
  // few tiles of long sums would leave most of the GPU idle: cut the sums, by shape alone
  const int64_t parts = tasks < 128 ? std::clamp<int64_t>(K / 256, 1, 256 / tasks) : 1;
  const Matrix<T> left{a.data<T>(), a.stride(0), a.stride(1), a.stride(2)}, right{b.data<T>(), b.stride(0), b.stride(1), b.stride(2)};
  C* none = nullptr;
  if (parts == 1)
    return launch("matmul", matmul_tiles<S, T>, blocks(tasks, 1), threads, 0, left, right, y.data<T>(), none, batch, M, N, K, parts);
  const Scratch<C> partial(parts * y.size());
  launch("matmul", matmul_tiles<S, T>, blocks(tasks * parts, 1), threads, 0, left, right, y.data<T>(), partial.get(), batch, M, N, K,
         parts);
  launch("matmul", add_parts<T>, blocks(y.size()), threads, 0, partial.get(), y.data<T>(), y.size(), parts);
}

void matmul(const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.size() == 0) return;
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool large = y.dim(1) >= 96 && y.dim(2) >= 96;
    if constexpr (std::is_integral_v<T>) run<Tile<32, 32, 16>, T>(a, b, y);
    else if constexpr (std::is_same_v<T, double>) large ? run<Tile<64, 64, 8>, T>(a, b, y) : run<Tile<32, 32, 16>, T>(a, b, y);
    else large ? run<Tile<128, 128, 8>, T>(a, b, y) : run<Tile<32, 32, 16>, T>(a, b, y);
  });
}

const Fill filled(kernel::matmul, Device::cuda, matmul);

}  // namespace
}  // namespace chainrule
