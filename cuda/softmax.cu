// Softmax, its logarithm and cross entropy. A block of 256 threads takes `across` lines with `down` threads each; each thread
// keeps the largest element so far m and Σ e^(x - m), and pairs (m, sum) are joined:
//   (m, s) and (m', s')  ->  (M, s e^(m - M) + s' e^(m' - M)),  M = max(m, m')       Milakov, Gimelshein (2018)
// so x is read twice, the second time mostly from cache, and y is written once: bound by memory.
#include "collective.cuh"

namespace chainrule {
namespace {

template <class C> struct Norm { C m, sum; };
template <class C> __device__ Norm<C> joined(Norm<C> a, Norm<C> b) {
  if (b.m == C(-INFINITY) && b.sum == 0) return a;
  if (a.m == C(-INFINITY) && a.sum == 0) return b;
  const C m = a.m > b.m ? a.m : b.m;
  const C left = a.m == m ? a.sum : a.sum * std::exp(a.m - m), right = b.m == m ? b.sum : b.sum * std::exp(b.m - m);
  return {m, left + right};
}
template <class C> __device__ Norm<C> nothing() { return {C(-INFINITY), C(0)}; }

// log Σ eˣ = m + log sum. In a line of -∞ both are 0: then softmax is 0 and its logarithm x itself.
template <class C> struct Places { Norm<C> place[threads]; };
template <class T, class C = compute_t<T>>
__device__ Norm<C> norm_of(const T* x, int64_t n, int64_t step, int within, int down, Norm<C>* room) {
  Norm<C> own = nothing<C>();
  if (x)
    for (int64_t k = within; k < n; k += down) {
      const C v = widen(x[k * step]);
      if (v == C(-INFINITY)) continue;
      if (v > own.m) {
        own.sum = own.sum * std::exp(own.m - v) + C(1);
        own.m = v;
      } else own.sum += std::exp(v - own.m);               // a NaN comes here
    }
  const int base = threadIdx.x - (threadIdx.x % down);
  own = join_threads(own, room, threadIdx.x, within, down, [](Norm<C> a, Norm<C> b) { return joined(a, b); });
  if (within == 0) room[base] = own;
  __syncthreads();
  own = room[base];
  __syncthreads();
  if (own.m == C(-INFINITY) && own.sum == 0) own.m = 0;
  return own;
}

// Which line a thread works on, and its place there: the threads of a line are neighbours in the block.
struct Lines {
  int64_t count, n, inner;
  int down;                                                // threads a line, a power of two
  Lines(int64_t outer, int64_t n, int64_t inner) : count(outer * inner), n(n), inner(inner) {
    down = 1;
    while (down < n && down < threads) down *= 2;
    if (inner >= 32) down = std::min(down, 8);             // lines side by side: neighbouring threads would be far apart
  }
  int64_t across() const { return threads / down; }
};

template <bool logarithm, class T> __global__ void softmax_lines(const T* x, T* y, Lines lines) {
  using C = compute_t<T>;
  Norm<C>* room = shared<Places<C>>().place;
  const int across = threads / lines.down, t = threadIdx.x, within = t % lines.down;
  for (int64_t first_line = int64_t(blockIdx.x) * across; first_line < lines.count; first_line += int64_t(gridDim.x) * across) {
    const int64_t line = first_line + t / lines.down;
    const bool real = line < lines.count;
    const int64_t at = line / lines.inner * lines.n * lines.inner + line % lines.inner;
    const Norm<C> norm = norm_of(real ? x + at : nullptr, lines.n, lines.inner, within, lines.down, room);
    if (!real) continue;
    const C scale = norm.sum == 0 ? C(0) : C(1) / norm.sum, log_sum = norm.sum == 0 ? C(0) : std::log(norm.sum);
    for (int64_t k = within; k < lines.n; k += lines.down) {
      const C v = widen(x[at + k * lines.inner]);
      y[at + k * lines.inner] = narrow<T>(logarithm ? (v - norm.m) - log_sum : std::exp(v - norm.m) * scale);
    }
  }
}
template <bool logarithm> void lines_of(const char* op, const Tensor& x, Tensor& y) {
  if (y.size() == 0) return;
  const Lines lines(x.dim(0), x.dim(1), x.dim(2));
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(op, softmax_lines<logarithm, T>, blocks(lines.count, lines.across()), threads, 0, x.data<T>(), y.data<T>(), lines);
  });
}
void softmax(const Tensor& x, Tensor& y) { lines_of<false>("softmax", x, y); }
void log_softmax(const Tensor& x, Tensor& y) { lines_of<true>("log_softmax", x, y); }

// What a row of scores is compared with: t = (1 - smoothing) e_class + smoothing / K.
struct Target {
  const int64_t* classes;
  double smoothing;
  int64_t ignored;
  bool ignores;
};
constexpr const char* name = "softmax_cross_entropy";

// y = log Σ eᶻ - (1 - s) z_class - s mean z;  slope g = (softmax(z) - t) d.   Book: (3.29)-(3.31), (5.20)
// The same work split as softmax over rows; `slope` writes K values a row, else one.
template <bool slope, class T>
__global__ void cross_entropy_rows(const T* z, const T* d, T* y, Target target, Lines lines, Faults faults) {
  using C = compute_t<T>;
  Norm<C>* room = shared<Places<C>>().place;
  const int across = threads / lines.down, t = threadIdx.x, within = t % lines.down;
  const int64_t K = lines.n;
  for (int64_t first_row = int64_t(blockIdx.x) * across; first_row < lines.count; first_row += int64_t(gridDim.x) * across) {
    const int64_t row = first_row + t / lines.down;
    const bool real = row < lines.count;
    const T* scores = z + row * K;
    const Norm<C> norm = norm_of(real ? scores : nullptr, K, int64_t(1), within, lines.down, room);
    C mean = 0;
    if (!slope && target.smoothing > 0) {                  // Σ (z - m) / K, by the same threads
      C own = 0;
      for (int64_t k = within; real && k < K; k += lines.down) own += widen(scores[k]) - norm.m;
      const Norm<C> sum = join_threads(Norm<C>{0, own}, room, t, within, lines.down,
                                       [](Norm<C> a, Norm<C> b) { return Norm<C>{0, a.sum + b.sum}; });
      mean = sum.sum / C(K);
    }
    if (!real) continue;
    const int64_t label = target.classes[row];
    const bool skipped = target.ignores && label == target.ignored, wrong = !skipped && (label < 0 || label >= K);
    if (wrong) report(faults, Fault::label, name, row, label, K);
    const C log_sum = norm.sum == 0 ? C(0) : std::log(norm.sum), scale = norm.sum == 0 ? C(0) : C(1) / norm.sum;
    const C on = C(1 - target.smoothing);
    if constexpr (slope) {
      const C off = C(target.smoothing / double(K)), weight = skipped || wrong ? C(0) : widen(d[row]);
      for (int64_t k = within; k < K; k += lines.down) {
        const C a = std::exp(widen(scores[k]) - norm.m) * scale;
        y[row * K + k] = narrow<T>(skipped ? C(0) : (k == label ? a - off - on : a - off) * weight);
      }
    } else if (within == 0) {
      C loss = skipped || wrong ? C(0) : log_sum - (widen(scores[label]) - norm.m);
      if (target.smoothing > 0 && !skipped) loss = on * loss + C(target.smoothing) * (log_sum - mean);
      y[row] = narrow<T>(loss);
    }
  }
}
Target target(const Tensor& classes, double smoothing, const int64_t* ignored) {
  return {classes.data<int64_t>(), smoothing, ignored ? *ignored : 0, ignored != nullptr};
}
template <bool slope> void rows(const Tensor& z, const Tensor& d, Tensor& y, const Target& target, int64_t count) {
  if (y.size() == 0) return;
  const Lines lines(count, z.shape().back(), 1);
  each_float(z.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch(name, cross_entropy_rows<slope, T>, blocks(lines.count, lines.across()), threads, 0, z.data<T>(), d.data<T>(),
           y.data<T>(), target, lines, faults());
  });
}
void cross_entropy(const Tensor& z, const Tensor& classes, double smoothing, const int64_t* ignored, Tensor& y) {
  rows<false>(z, z, y, target(classes, smoothing, ignored), classes.size());
}
void cross_entropy_slope(const Tensor& z, const Tensor& classes, const Tensor& d, double smoothing, const int64_t* ignored,
                         Tensor& y) {
  rows<true>(z, d, y, target(classes, smoothing, ignored), classes.size());
}

const Fill filled[] = {{kernel::softmax, Device::cuda, softmax}, {kernel::log_softmax, Device::cuda, log_softmax}};
const Fill loss_filled(kernel::softmax_cross_entropy, Device::cuda, cross_entropy);
const Fill slope_filled(kernel::softmax_cross_entropy_slope, Device::cuda, cross_entropy_slope);

}  // namespace
}  // namespace chainrule
