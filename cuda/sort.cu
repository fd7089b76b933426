// Sorting: tiles in shared memory, then runs merged in pairs.
#include "sort.cuh"

namespace chainrule {
namespace {

constexpr int tile = 512;                                  // elements sorted by a block
struct Item { uint64_t key; int64_t place; };
__device__ bool before(const Item& a, const Item& b) { return a.key < b.key || (a.key == b.key && a.place < b.place); }

// Bitonic sort of one tile of one row; `size` is the power of two that holds it.   Batcher (1968)
// size / 2 threads (at least a warp), log²(size) / 2 rounds between barriers; reads and writes each key once.
struct Tile { Item item[tile]; };
__global__ void sort_tiles(uint64_t* keys, int64_t* places, int64_t rows, int64_t n, int size) {
  Item* item = shared<Tile>().item;
  const int64_t tiles = (n + size - 1) / size;
  for (int64_t task = blockIdx.x; task < rows * tiles; task += gridDim.x) {
    const int64_t row = task / tiles, begin = task % tiles * size;
    for (int i = threadIdx.x; i < size; i += blockDim.x) {
      const bool real = begin + i < n;
      item[i] = {real ? keys[row * n + begin + i] : ~uint64_t(0), real ? begin + i : INT64_MAX};
    }
    __syncthreads();
    for (int run = 2; run <= size; run *= 2)
      for (int apart = run / 2; apart > 0; apart /= 2) {
        for (int i = threadIdx.x; i < size; i += blockDim.x) {
          const int other = i ^ apart;
          if (other > i && before(item[other], item[i]) == ((i & run) == 0)) {
            const Item moved = item[i];
            item[i] = item[other];
            item[other] = moved;
          }
        }
        __syncthreads();
      }
    for (int i = threadIdx.x; i < size && begin + i < n; i += blockDim.x) {
      keys[row * n + begin + i] = item[i].key;
      places[row * n + begin + i] = item[i].place;
    }
    __syncthreads();
  }
}

// Runs of `width` merged in pairs: an element's place is its own plus the count of those before it in the other run.
// One thread an element, a binary search each.
__global__ void merge_runs(const uint64_t* keys, const int64_t* places, uint64_t* keys_out, int64_t* places_out, int64_t rows,
                           int64_t n, int64_t width) {
  for (int64_t i = first(); i < rows * n; i += stride()) {
    const int64_t row = i / n * n, k = i - row, pair = k / (2 * width) * 2 * width;
    const bool left = k < pair + width;
    int64_t low = left ? pair + width : pair, high = left ? pair + 2 * width : pair + width;
    if (low > n) low = n;
    if (high > n) high = n;
    const int64_t start = low;
    const uint64_t key = keys[i];
    while (low < high) {                                   // the left run goes first among equals
      const int64_t middle = (low + high) / 2;
      const uint64_t there = keys[row + middle];
      if (left ? there < key : there <= key) low = middle + 1;
      else high = middle;
    }
    const int64_t to = row + pair + (left ? k - pair : k - pair - width) + (low - start);
    keys_out[to] = key;
    places_out[to] = places[i];
  }
}

template <class T> __global__ void make_keys(const T* x, uint64_t* keys, int64_t n, bool descending) {
  for (int64_t i = first(); i < n; i += stride()) keys[i] = ordered(x[i], descending);
}
__global__ void first_places(const int64_t* places, int64_t* y, int64_t rows, int64_t n, int64_t k) {
  for (int64_t i = first(); i < rows * k; i += stride()) y[i] = places[i / k * n + i % k];
}

void argsort(const Tensor& x, bool descending, Tensor& y) {
  if (y.size() == 0) return;
  const int64_t rows = x.dim(0), n = x.dim(1);
  Sorter sorter(rows, n);
  each_type(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("argsort", make_keys<T>, blocks(x.size()), threads, 0, x.data<T>(), sorter.keys(), x.size(), descending);
  });
  sorter.sort("argsort");
  launch("argsort", first_places, blocks(y.size()), threads, 0, sorter.places(), y.data<int64_t>(), rows, n, y.dim(1));
}

// y = the count of sorted elements before the value (at or before it, from the right).  One thread a value.
template <class T>
__global__ void search(const T* sorted, const T* values, int64_t* y, int64_t rows, int64_t n, int64_t m, bool right) {
  for (int64_t i = first(); i < rows * m; i += stride()) {
    const T* row = sorted + i / m * n;
    const uint64_t key = ordered(values[i], false);
    int64_t low = 0, high = n;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      const uint64_t there = ordered(row[middle], false);
      if (right ? there <= key : there < key) low = middle + 1;
      else high = middle;
    }
    y[i] = low;
  }
}
void searchsorted(const Tensor& sorted, const Tensor& values, bool right, Tensor& y) {
  if (y.size() == 0) return;
  each_type(sorted.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("searchsorted", search<T>, blocks(y.size()), threads, 0, sorted.data<T>(), values.data<T>(), y.data<int64_t>(),
           sorted.dim(0), sorted.dim(1), values.dim(1), right);
  });
}

const Fill argsort_filled(kernel::argsort, Device::cuda, argsort);
const Fill search_filled(kernel::searchsorted, Device::cuda, searchsorted);

}  // namespace

void Sorter::sort(const char* op) {
  if (rows * n == 0) return;
  int size = 2;
  while (size < n && size < tile) size *= 2;
  launch(op, sort_tiles, blocks(rows * ((n + size - 1) / size), 1), size < 64 ? 32 : size / 2, 0, keys(), places(), rows, n, size);
  for (int64_t width = size; width < n; width *= 2) {
    launch(op, merge_runs, blocks(rows * n), threads, 0, keys(), places(), keys_[1 - now].get(), places_[1 - now].get(), rows, n,
           width);
    now = 1 - now;
  }
}

}  // namespace chainrule
