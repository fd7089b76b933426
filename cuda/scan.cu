// Running sums and products along the middle axis of (outer, n, inner), row-major.
//
// Many lines: one thread a line, neighbours along inner. Few lines: one block a line or a chunk of one, 256 elements at a
// time by a scan over the block; chunks of a long line are scanned apart, then again with what came before.
#include "collective.cuh"

namespace chainrule {
namespace {

// y_k = x_1 + ... + x_k, in float64 or int64
template <class C> struct Sum {
  using State = std::conditional_t<std::is_integral_v<C>, int64_t, double>;
  __device__ static State start() { return 0; }
  __device__ static State merge(State a, State b) { return a + b; }
  __device__ static State value(State s) { return s; }
};
template <class C> struct Product {
  using State = typename Sum<C>::State;
  __device__ static State start() { return 1; }
  __device__ static State merge(State a, State b) { return a * b; }
  __device__ static State value(State s) { return s; }
};
// y_k = a_k y_(k-1) + b_k: the map y -> a y + b; maps joined in order are one again.
struct Affine { double a, b; };
template <class C> struct Recurrence {
  using State = Affine;
  __device__ static State start() { return {1, 0}; }
  __device__ static State merge(State first, State second) { return {second.a * first.a, second.a * first.b + second.b}; }
  __device__ static double value(State s) { return s.b; }
};

template <class T> struct Lines {
  const T *a, *b;                            // b only for the recurrence
  T* y;
  int64_t n, inner, count;
  __device__ int64_t line(int64_t i) const { return i / inner * n * inner + i % inner; }
};
template <class R, class T> __device__ typename R::State element(const Lines<T>& x, int64_t at) {
  if constexpr (std::is_same_v<typename R::State, Affine>) return {double(widen(x.a[at])), double(widen(x.b[at]))};
  else return typename R::State(widen(x.a[at]));
}

// One thread a line: reads x once, writes y once, one step after the other.
template <class R, class T> __global__ void scan_columns(Lines<T> x) {
  for (int64_t i = first(); i < x.count; i += stride()) {
    auto state = R::start();
    int64_t at = x.line(i);
    for (int64_t k = 0; k < x.n; k++, at += x.inner) {
      state = R::merge(state, element<R>(x, at));
      x.y[at] = narrow<T>(compute_t<T>(R::value(state)));
    }
  }
}

// One block a chunk of a line. Without `before` the chunk's total is written to `totals`; with it, y.
template <class S> struct Room { S place[threads]; };
template <class R, class T>
__global__ void scan_chunks(Lines<T> x, int64_t chunk, int64_t chunks, typename R::State* totals, bool last) {
  using S = typename R::State;
  S* room = shared<Room<S>>().place;
  const auto merge = [](S a, S b) { return R::merge(a, b); };
  for (int64_t task = blockIdx.x; task < x.count * chunks; task += gridDim.x) {
    const int64_t begin = task % chunks * chunk, end = begin + chunk < x.n ? begin + chunk : x.n, line = x.line(task / chunks);
    S carried = last && totals ? totals[task] : R::start();
    for (int64_t k = begin; k < end; k += threads) {
      const int64_t mine = k + threadIdx.x, at = line + mine * x.inner;
      S total;
      const S scanned = scan_block(mine < end ? element<R>(x, at) : R::start(), room, total, merge);
      if (last && mine < end) x.y[at] = narrow<T>(compute_t<T>(R::value(R::merge(carried, scanned))));
      carried = R::merge(carried, total);
    }
    if (!last && threadIdx.x == 0) totals[task] = carried;
  }
}
// totals[line, c] <- the join of totals[line, 0 ... c-1].  One thread a line of a few hundred chunks.
template <class R> __global__ void scan_totals(typename R::State* totals, int64_t chunks, int64_t lines) {
  for (int64_t i = first(); i < lines; i += stride()) {
    auto state = R::start();
    for (int64_t c = 0; c < chunks; c++) {
      const auto own = totals[i * chunks + c];
      totals[i * chunks + c] = state;
      state = R::merge(state, own);
    }
  }
}

template <class R, class T> void scan(const char* op, const Lines<T>& x) {
  constexpr int64_t chunk = 16384;
  if (x.inner >= 32 || x.n <= 32 || x.count >= 16384)
    return launch(op, scan_columns<R, T>, blocks(x.count), threads, 0, x);
  typename R::State* none = nullptr;
  const int64_t chunks = x.count < 256 ? (x.n + chunk - 1) / chunk : 1;
  if (chunks == 1) return launch(op, scan_chunks<R, T>, blocks(x.count, 1), threads, 0, x, x.n, chunks, none, true);
  const Scratch<typename R::State> totals(x.count * chunks);
  launch(op, scan_chunks<R, T>, blocks(x.count * chunks, 1), threads, 0, x, chunk, chunks, totals.get(), false);
  launch(op, scan_totals<R>, blocks(x.count), threads, 0, totals.get(), chunks, x.count);
  launch(op, scan_chunks<R, T>, blocks(x.count * chunks, 1), threads, 0, x, chunk, chunks, totals.get(), true);
}
template <class T> Lines<T> lines(const Tensor& a, const Tensor& b, Tensor& y) {
  return {a.data<T>(), b.data<T>(), y.data<T>(), y.dim(1), y.dim(2), y.dim(0) * y.dim(2)};
}

void cumsum(const Tensor& x, Tensor& y) {
  if (y.size() == 0) return;
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    scan<Sum<compute_t<T>>>("cumsum", lines<T>(x, x, y));
  });
}
void cumprod(const Tensor& x, Tensor& y) {
  if (y.size() == 0) return;
  each_number(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    scan<Product<compute_t<T>>>("cumprod", lines<T>(x, x, y));
  });
}
void linear_scan(const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.size() == 0) return;
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    scan<Recurrence<compute_t<T>>>("linear_scan", lines<T>(a, b, y));
  });
}

const Fill filled[] = {{kernel::cumsum, Device::cuda, cumsum}, {kernel::cumprod, Device::cuda, cumprod}};
const Fill scan_filled(kernel::linear_scan, Device::cuda, linear_scan);

}  // namespace
}  // namespace chainrule
