// Attention in tiles of queries by keys that stay on the chip, forward and backward: Dao et al. (2022), FlashAttention.
// The T x S weights are never stored. A block of 256 threads, 16 x 16 of them, takes B rows of its side and walks over the
// other side B rows at a time: weights (or slopes of scores) of the two tiles go to shared memory and are multiplied with
// B columns of what they weigh. No sum is shared between blocks, so all are added in one order. Wider heads are cut into
// columns of B, each of which makes the weights again.
#include <cmath>

#include "collective.cuh"

namespace chainrule {
namespace {

template <class C> constexpr int side = sizeof(C) == 8 ? 32 : 64;       // B
constexpr int depth = 16;
template <class C> struct alignas(16) Pieces {
  static constexpr int B = side<C>;
  C a[depth][B + 4], b[depth][B + 4];        // of the rows that are multiplied to scores
  C weight[B][B + 1], x[B][B];
};
template <class C> constexpr int each = side<C> / 16;                   // rows, and columns, of a tile that a thread has
template <class C> __device__ int row_of(int i) { return int(threadIdx.x) / 16 * each<C> + i; }
template <class C> __device__ int column_of(int j) { return int(threadIdx.x) % 16 * each<C> + j; }

// sum[i, j] = ⟨a[i], b[j]⟩ of row-major rows of that width; those from `rows` and `columns` on count as 0.
template <class T, class C = compute_t<T>>
__device__ void products(const T* a, int64_t rows, const T* b, int64_t columns, int64_t width, Pieces<C>& pieces,
                         C (&sum)[each<C>][each<C>]) {
  constexpr int B = side<C>;
#pragma unroll
  for (int i = 0; i < each<C>; i++)
#pragma unroll
    for (int j = 0; j < each<C>; j++) sum[i][j] = 0;
  for (int64_t k0 = 0; k0 < width; k0 += depth) {
#pragma unroll
    for (int load = 0; load < B * depth / threads; load++) {            // neighbours along a row
      const int k = int(threadIdx.x) % depth, r = (load * threads + int(threadIdx.x)) / depth;
      const bool inside = k0 + k < width;
      pieces.a[k][r] = inside && r < rows ? widen(a[r * width + k0 + k]) : C(0);
      pieces.b[k][r] = inside && r < columns ? widen(b[r * width + k0 + k]) : C(0);
    }
    __syncthreads();
#pragma unroll 4
    for (int k = 0; k < depth; k++) {
      C left[each<C>], right[each<C>];
#pragma unroll
      for (int i = 0; i < each<C>; i++) left[i] = pieces.a[k][row_of<C>(i)];
#pragma unroll
      for (int j = 0; j < each<C>; j++) right[j] = pieces.b[k][column_of<C>(j)];
#pragma unroll
      for (int i = 0; i < each<C>; i++)
#pragma unroll
        for (int j = 0; j < each<C>; j++) sum[i][j] += left[i] * right[j];
    }
    __syncthreads();
  }
}

// total[i, c] += Σ_j weight[i, j] x[j, c0 + c] over `rows` rows of x; the weights are in their place already, but not waited for.
template <class T, class C = compute_t<T>>
__device__ void weigh(const T* x, int64_t rows, int64_t width, int64_t c0, Pieces<C>& pieces, C (&total)[each<C>][each<C>]) {
  constexpr int B = side<C>;
  for (int l = threadIdx.x; l < B * B; l += threads) {
    const int c = l % B, r = l / B;
    pieces.x[r][c] = r < rows && c0 + c < width ? widen(x[r * width + c0 + c]) : C(0);
  }
  __syncthreads();
#pragma unroll 4
  for (int k = 0; k < B; k++) {
    C left[each<C>], right[each<C>];
#pragma unroll
    for (int i = 0; i < each<C>; i++) left[i] = pieces.weight[row_of<C>(i)][k];
#pragma unroll
    for (int j = 0; j < each<C>; j++) right[j] = pieces.x[k][column_of<C>(j)];
#pragma unroll
    for (int i = 0; i < each<C>; i++)
#pragma unroll
      for (int j = 0; j < each<C>; j++) total[i][j] += left[i] * right[j];
  }
  __syncthreads();
}

// The same over the 16 threads of a row.
template <class C> __device__ C row_max(C v) {
  for (int d = 8; d > 0; d /= 2) {
    const C other = __shfl_xor_sync(everyone, v, d, 16);
    v = other > v ? other : v;
  }
  return v;
}
template <class C> __device__ C row_sum(C v) {
  for (int d = 8; d > 0; d /= 2) v += __shfl_xor_sync(everyone, v, d, 16);
  return v;
}

struct Sizes {
  int64_t heads, T, S, m, n;
  double scale;
  bool causal;
  __device__ bool sees(int64_t query, int64_t key) const { return query < T && key < S && (!causal || key <= query); }
  __device__ int64_t keys(int64_t queries) const { return causal && queries < S ? queries : S; }   // seen by the first so many
};
__device__ int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t tiles_of(int64_t n, int64_t B) { return (n + B - 1) / B; }

// The part of a launch that a block takes at a time: B rows of its side, B columns of the result.
struct Task {
  int64_t head, row, column;
  __device__ Task(int64_t task, int64_t B, int64_t tiles, int64_t cuts)
      : head(task / cuts / tiles), row(task / cuts % tiles * B), column(task % cuts * B) {}
};

// A row's largest score so far `top`, and Σ e^(score - top) of a thread's own keys.   Milakov, Gimelshein (2018)
template <class T, class C = compute_t<T>>
__global__ void __launch_bounds__(256) attend(const T* q, const T* k, const T* v, Sizes size, int64_t tiles, int64_t cuts, T* y,
                                              C* log_sum) {
  constexpr int B = side<C>;
  auto& pieces = shared<Pieces<C>>();
  for (int64_t at = blockIdx.x; at < size.heads * tiles * cuts; at += gridDim.x) {
    const Task task(at, B, tiles, cuts);
    const int64_t rows = least(B, size.T - task.row), all = size.keys(task.row + rows);
    const T *qs = q + (task.head * size.T + task.row) * size.m, *ks = k + task.head * size.S * size.m,
            *vs = v + task.head * size.S * size.n;
    C total[each<C>][each<C>] = {}, top[each<C>], own[each<C>];
#pragma unroll
    for (int i = 0; i < each<C>; i++) {
      top[i] = C(-INFINITY);
      own[i] = 0;
    }
    for (int64_t key = 0; key < all; key += B) {
      C s[each<C>][each<C>];
      products(qs, rows, ks + key * size.m, size.S - key, size.m, pieces, s);
#pragma unroll
      for (int i = 0; i < each<C>; i++) {
        const int64_t query = task.row + row_of<C>(i);
        C most = C(-INFINITY);
#pragma unroll
        for (int j = 0; j < each<C>; j++) {
          s[i][j] = size.sees(query, key + column_of<C>(j)) ? s[i][j] * C(size.scale) : C(-INFINITY);
          most = s[i][j] > most ? s[i][j] : most;
        }
        most = row_max(most);
        most = most > top[i] ? most : top[i];
        const C shift = most == C(-INFINITY) ? C(0) : most, less = std::exp(top[i] - shift);
        top[i] = most;
        own[i] *= less;
#pragma unroll
        for (int j = 0; j < each<C>; j++) {
          total[i][j] *= less;
          const C weight = std::exp(s[i][j] - shift);
          own[i] += weight;
          pieces.weight[row_of<C>(i)][column_of<C>(j)] = weight;
        }
      }
      weigh(vs + key * size.n, size.S - key, size.n, task.column, pieces, total);
    }
#pragma unroll
    for (int i = 0; i < each<C>; i++) {
      const int64_t query = task.row + row_of<C>(i);
      const C sum = row_sum(own[i]);
      if (query >= size.T) continue;
      const int64_t to = task.head * size.T + query;
      if (task.column == 0 && threadIdx.x % 16 == 0)
        log_sum[to] = (top[i] == C(-INFINITY) ? C(0) : top[i]) + (sum == 0 ? C(0) : std::log(sum));
#pragma unroll
      for (int j = 0; j < each<C>; j++) {
        const int64_t c = task.column + column_of<C>(j);
        if (c < size.n) y[to * size.n + c] = narrow<T>(sum == 0 ? C(0) : total[i][j] / sum);
      }
    }
  }
}
void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, bool causal, Tensor& y, Tensor& log_sum) {
  if (log_sum.size() == 0) return;
  const Sizes size{q.dim(0), q.dim(1), k.dim(1), q.dim(2), v.dim(2), scale, causal};
  each_float(q.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const int64_t tiles = tiles_of(size.T, side<C>), cuts = std::max<int64_t>(1, tiles_of(size.n, side<C>));
    launch("attention", attend<T>, blocks(size.heads * tiles * cuts, 1), threads, 0, q.data<T>(), k.data<T>(), v.data<T>(), size,
           tiles, cuts, y.data<T>(), log_sum.data<C>());
  });
}

// mean[i] = ⟨d[i], y[i]⟩.  One warp a row.
template <class T> __global__ void row_products(const T* d, const T* y, int64_t rows, int64_t n, compute_t<T>* mean) {
  for (int64_t i = first() / 32; i < rows; i += stride() / 32) {
    compute_t<T> sum = 0;
    for (int64_t j = threadIdx.x % 32; j < n; j += 32) sum += widen(d[i * n + j]) * widen(y[i * n + j]);
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) mean[i] = sum;
  }
}

// With p the weights and ds = scale p (d vᵀ - mean) the slopes of scores, made again from log Σ e^score:
//   dq = ds k, a block's side are queries;   dk = dsᵀ q and dv = pᵀ d, its side are keys.
enum class Slope { q, k, v };
template <Slope of, class T, class C = compute_t<T>>
__global__ void __launch_bounds__(256) attend_back(const T* q, const T* k, const T* v, const T* d, const C* log_sum, const C* mean,
                                                   Sizes size, int64_t tiles, int64_t cuts, T* slope) {
  constexpr int B = side<C>;
  constexpr bool queries = of == Slope::q;
  auto& pieces = shared<Pieces<C>>();
  const int64_t count = queries ? size.T : size.S, width = of == Slope::v ? size.n : size.m;
  for (int64_t at = blockIdx.x; at < size.heads * tiles * cuts; at += gridDim.x) {
    const Task task(at, B, tiles, cuts);
    const int64_t rows = least(B, count - task.row), query0 = task.head * size.T, key0 = task.head * size.S;
    const int64_t begin = !queries && size.causal ? task.row : 0, end = queries ? size.keys(task.row + rows) : size.T;
    C total[each<C>][each<C>] = {};
    for (int64_t other = begin; other < end; other += B) {
      const int64_t query = queries ? task.row : other, key = queries ? other : task.row;
      const int64_t left = (queries ? size.S : size.T) - other;
      const T *qs = q + (query0 + query) * size.m, *ks = k + (key0 + key) * size.m;
      const T *ds = d + (query0 + query) * size.n, *vs = v + (key0 + key) * size.n;
      C s[each<C>][each<C>], e[each<C>][each<C>];
      products(queries ? qs : ks, rows, queries ? ks : qs, left, size.m, pieces, s);
      if constexpr (of != Slope::v) products(queries ? ds : vs, rows, queries ? vs : ds, left, size.n, pieces, e);
#pragma unroll
      for (int i = 0; i < each<C>; i++)
#pragma unroll
        for (int j = 0; j < each<C>; j++) {
          const int64_t from = query + (queries ? row_of<C>(i) : column_of<C>(j)), to = key + (queries ? column_of<C>(j) : row_of<C>(i));
          C weight = 0;
          if (size.sees(from, to)) {
            weight = std::exp(s[i][j] * C(size.scale) - log_sum[query0 + from]);
            if constexpr (of != Slope::v) weight *= (e[i][j] - mean[query0 + from]) * C(size.scale);
          }
          pieces.weight[row_of<C>(i)][column_of<C>(j)] = weight;
        }
      weigh(of == Slope::q ? ks : of == Slope::k ? qs : ds, left, width, task.column, pieces, total);
    }
#pragma unroll
    for (int i = 0; i < each<C>; i++)
#pragma unroll
      for (int j = 0; j < each<C>; j++) {
        const int64_t r = row_of<C>(i), c = task.column + column_of<C>(j);
        if (r < rows && c < width) slope[(task.head * count + task.row + r) * width + c] = narrow<T>(total[i][j]);
      }
  }
}
void attention_pull(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& y, const Tensor& log_sum, const Tensor& d,
                    double scale, bool causal, Tensor& dq, Tensor& dk, Tensor& dv) {
  const Sizes size{q.dim(0), q.dim(1), k.dim(1), q.dim(2), v.dim(2), scale, causal};
  const int64_t lines = size.heads * size.T;
  each_float(q.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const Scratch<C> mean(lines);
    if (lines > 0)
      launch("attention_pull", row_products<T>, blocks(lines, threads / 32), threads, 0, d.data<T>(), y.data<T>(), lines, size.n,
             mean.get());
    const auto go = [&](auto kernel, int64_t count, Tensor& slope) {
      if (slope.size() == 0) return;
      const int64_t tiles = tiles_of(count, side<C>), cuts = tiles_of(slope.dim(2), side<C>);
      launch("attention_pull", kernel, blocks(size.heads * tiles * cuts, 1), threads, 0, q.data<T>(), k.data<T>(), v.data<T>(),
             d.data<T>(), log_sum.data<C>(), mean.get(), size, tiles, cuts, slope.data<T>());
    };
    go(attend_back<Slope::q, T>, size.T, dq);
    go(attend_back<Slope::k, T>, size.S, dk);
    go(attend_back<Slope::v, T>, size.S, dv);
  });
}

const Fill filled(kernel::attention, Device::cuda, attention), pull_filled(kernel::attention_pull, Device::cuda, attention_pull);

}  // namespace
}  // namespace chainrule
