// Kernels that pick and place elements by index. Where several elements go to one place they are first sorted by place
// and one thread adds them in their order: no atomics on floats, the same sum each time.
#include "reduce.cuh"
#include "sort.cuh"

namespace chainrule {
namespace {

// The widest unit, up to 16 bytes, that divides a row and its addresses.
template <class F> void each_unit(int64_t row_bytes, const void* x, const void* y, F&& f) {
  const auto fits = [&](int64_t size) { return row_bytes % size == 0 && aligned(x, size_t(size)) && aligned(y, size_t(size)); };
  if (fits(16)) f(type_tag<Pack<uint64_t, 2>>{});
  else if (fits(8)) f(type_tag<uint64_t>{});
  else if (fits(4)) f(type_tag<uint32_t>{});
  else if (fits(2)) f(type_tag<uint16_t>{});
  else f(type_tag<uint8_t>{});
}

// y[o, j, k] = x[o, index[j], k].  One thread a unit of a row: reads and writes each row once.
template <class U>
__global__ void take_units(const U* x, const int64_t* index, U* y, int64_t size, int64_t n, int64_t m, int64_t inner, Faults faults) {
  for (int64_t i = first(); i < size; i += stride()) {
    const int64_t row = i / inner, j = checked(index[row % m], n, "take", i, faults);
    y[i] = j < 0 ? U{} : x[(row / m * n + j) * inner + i % inner];
  }
}
void take(const Tensor& x, const Tensor& index, Tensor& y) {
  if (y.size() == 0) return;
  const int64_t bytes = x.dim(2) * itemsize(x.dtype());
  each_unit(bytes, x.bytes(), y.bytes(), [&](auto tag) {
    using U = typename decltype(tag)::type;
    const int64_t inner = bytes / int64_t(sizeof(U)), size = x.dim(0) * index.size() * inner;
    launch("take", take_units<U>, blocks(size), threads, 0, static_cast<const U*>(x.bytes()), index.data<int64_t>(),
           static_cast<U*>(y.bytes()), size, x.dim(1), index.size(), inner, faults());
  });
}

// y[o, j, k] = x[o, index[o, j, k], k]
template <class U>
__global__ void take_elements(const U* x, const int64_t* index, U* y, int64_t size, int64_t n, int64_t m, int64_t inner,
                              Faults faults) {
  for (int64_t i = first(); i < size; i += stride()) {
    const int64_t j = checked(index[i], n, "take_along_axis", i, faults);
    y[i] = j < 0 ? U{} : x[(i / inner / m * n + j) * inner + i % inner];
  }
}
void take_along_axis(const Tensor& x, const Tensor& index, Tensor& y) {
  if (y.size() == 0) return;
  each_size(x.dtype(), [&](auto tag) {
    using U = typename decltype(tag)::type;
    launch("take_along_axis", take_elements<U>, blocks(y.size()), threads, 0, static_cast<const U*>(x.bytes()),
           index.data<int64_t>(), static_cast<U*>(y.bytes()), y.size(), x.dim(1), y.dim(1), y.dim(2), faults());
  });
}

constexpr uint64_t nowhere = ~uint64_t(0);                 // the key of a refused index: sorted last, never written

// keys[(o inner + k) m + j] = index[o, j, k], a row of keys for each line
__global__ void place_keys(const int64_t* index, uint64_t* keys, int64_t size, int64_t n, int64_t m, int64_t inner, const char* op,
                           Faults faults) {
  for (int64_t i = first(); i < size; i += stride()) {
    const int64_t k = i % inner, j = i / inner % m, o = i / inner / m;
    keys[(o * inner + k) * m + j] = uint64_t(checked(index[i], n, op, i, faults));     // -1 is nowhere
  }
}

template <class C> struct Plus {
  using Total = std::conditional_t<std::is_integral_v<C>, int64_t, double>;
  __device__ static Total join(Total a, Total b) { return a + b; }
};
template <class C> struct Larger {
  using Total = C;
  __device__ static C join(C a, C b) { return b > a || b != b ? b : a; }
};

// y[o, key, k] = y joined with d[o, place, k] for the places of that key in their order.  The thread at the first of equal
// keys walks them; `own` says that every line (o, k) has keys of its own, else all share one row of keys.
template <template <class> class Kind, class T>
__global__ void join_places(const T* d, const uint64_t* keys, const int64_t* places, T* y, int64_t size, int64_t n, int64_t m,
                            int64_t inner, bool own, Faults faults) {
  using Join = Kind<compute_t<T>>;
  using Total = typename Join::Total;
  if (faults.any()) return;                  // nothing is changed by a call with a wrong index
  for (int64_t i = first(); i < size; i += stride()) {
    const int64_t k = i % inner, j = i / inner % m, o = i / inner / m;
    const int64_t row = own ? (o * inner + k) * m : 0;
    const uint64_t key = keys[row + j];
    if (key == nowhere || (j > 0 && keys[row + j - 1] == key)) continue;
    T* to = y + (o * n + int64_t(key)) * inner + k;
    Total total = Total(widen(*to));
    for (int64_t l = j; l < m && keys[row + l] == key; l++)
      total = Join::join(total, Total(widen(d[(o * m + places[row + l]) * inner + k])));
    *to = narrow<T>(compute_t<T>(total));
  }
}

template <template <class> class Kind> void join_at(const char* op, const Tensor& d, const Tensor& index, Tensor& y, bool own) {
  if (d.size() == 0) return;
  const int64_t outer = y.dim(0), n = y.dim(1), inner = y.dim(2), m = d.dim(1);
  Sorter sorter(own ? outer * inner : 1, m);
  launch(op, place_keys, blocks(index.size()), threads, 0, index.data<int64_t>(), sorter.keys(), index.size(), n, m,
         own ? inner : 1, op, faults());
  sorter.sort(op);
  const auto go = [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(op, join_places<Kind, T>, blocks(d.size()), threads, 0, d.data<T>(), sorter.keys(), sorter.places(), y.data<T>(),
           d.size(), n, m, inner, own, faults());
  };
  each_number(y.dtype(), go);
}
void index_add(const Tensor& d, const Tensor& index, Tensor& y) { join_at<Plus>("index_add", d, index, y, false); }
void index_max(const Tensor& d, const Tensor& index, Tensor& y) { join_at<Larger>("segment_max", d, index, y, false); }
void scatter_add_along_axis(const Tensor& d, const Tensor& index, Tensor& y) {
  check_cuda("scatter_add", cudaMemsetAsync(y.bytes(), 0, size_t(y.size() * itemsize(y.dtype())), stream()));
  join_at<Plus>("scatter_add", d, index, y, true);
}

// y[position] = value, for the last value of each position.
template <class U>
__global__ void put_elements(const U* values, const uint64_t* keys, const int64_t* places, U* y, int64_t m, Strided<1> axes,
                             Faults faults) {
  if (faults.any()) return;
  for (int64_t i = first(); i < m; i += stride()) {
    const uint64_t key = keys[i];
    if (key == nowhere || (i + 1 < m && keys[i + 1] == key)) continue;
    int64_t at[1];
    axes.at(int64_t(key), at);
    y[at[0]] = values[places[i]];
  }
}
void put(const Tensor& values, const Tensor& positions, Tensor& y) {
  const int64_t m = positions.size();
  if (m == 0) return;
  Sorter sorter(1, m);
  launch("put", place_keys, blocks(m), threads, 0, positions.data<int64_t>(), sorter.keys(), m, y.size(), m, int64_t(1), "put",
         faults());
  sorter.sort("put");
  each_size(y.dtype(), [&](auto tag) {
    using U = typename decltype(tag)::type;
    launch("put", put_elements<U>, blocks(m), threads, 0, static_cast<const U*>(values.bytes()), sorter.keys(), sorter.places(),
           static_cast<U*>(y.bytes()), m, Strided<1>(y.shape(), {y.strides()}), faults());
  });
}

// Positions of what is not zero, in order: chunks are counted, counts are added up, chunks are written.
constexpr int64_t chunk = 4096;
template <class T> __device__ bool set(const T* x, int64_t i, int64_t n) { return i < n && widen(x[i]) != compute_t<T>(0); }
struct Counts { int place[threads]; };
template <class T> __global__ void count_chunks(const T* x, int64_t n, int64_t* counts, int64_t chunks) {
  int* room = shared<Counts>().place;
  for (int64_t c = blockIdx.x; c < chunks; c += gridDim.x) {
    int mine = 0;
    for (int64_t i = c * chunk + threadIdx.x; i < (c + 1) * chunk; i += threads) mine += set(x, i, n);
    mine = join_threads(mine, room, threadIdx.x, threadIdx.x, threads, [](int a, int b) { return a + b; });
    if (threadIdx.x == 0) counts[c] = mine;
  }
}
struct Starts { int64_t place[threads]; };
__global__ void add_up(int64_t* counts, int64_t chunks) {              // exclusive, by one block
  int64_t* room = shared<Starts>().place;
  int64_t carried = 0;
  for (int64_t c = threadIdx.x; c - threadIdx.x < chunks; c += threads) {
    const int64_t own = c < chunks ? counts[c] : 0;
    int64_t total;
    const int64_t sum = scan_block(own, room, total, [](int64_t a, int64_t b) { return a + b; });
    if (c < chunks) counts[c] = carried + sum - own;
    carried += total;
  }
}
struct Axes { int ndim; int64_t shape[max_ndim]; };
template <class T>
__global__ void write_chunks(const T* x, int64_t n, const int64_t* starts, int64_t chunks, Axes axes, int64_t* y) {
  int* room = shared<Counts>().place;
  for (int64_t c = blockIdx.x; c < chunks; c += gridDim.x) {
    int64_t row = starts[c];
    for (int64_t k = c * chunk; k < (c + 1) * chunk && k < n; k += threads) {
      int64_t i = k + threadIdx.x;
      const int own = set(x, i, n);
      int total;
      const int sum = scan_block(own, room, total, [](int a, int b) { return a + b; });
      int64_t* to = y + (row + sum - 1) * axes.ndim;
      if (own)
        for (int a = axes.ndim - 1; a >= 0; a--) {
          to[a] = i % axes.shape[a];
          i /= axes.shape[a];
        }
      row += total;
    }
  }
}
void nonzero(const Tensor& x, Tensor& y) {
  if (y.size() == 0) return;
  const int64_t n = x.size(), chunks = (n + chunk - 1) / chunk;
  Axes axes{x.ndim(), {}};
  for (int a = 0; a < x.ndim(); a++) axes.shape[a] = x.dim(a);
  const Scratch<int64_t> counts(chunks);
  each_type(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("nonzero", count_chunks<T>, blocks(chunks, 1), threads, 0, x.data<T>(), n, counts.get(), chunks);
    launch("nonzero", add_up, 1, threads, 0, counts.get(), chunks);
    launch("nonzero", write_chunks<T>, blocks(chunks, 1), threads, 0, x.data<T>(), n, counts.get(), chunks, axes, y.data<int64_t>());
  });
}

const Fill filled[] = {{kernel::take, Device::cuda, take},
                       {kernel::take_along_axis, Device::cuda, take_along_axis},
                       {kernel::index_add, Device::cuda, index_add},
                       {kernel::index_max, Device::cuda, index_max},
                       {kernel::scatter_add_along_axis, Device::cuda, scatter_add_along_axis},
                       {kernel::put, Device::cuda, put}};
const Fill nonzero_filled(kernel::nonzero, Device::cuda, nonzero);

}  // namespace
}  // namespace chainrule
