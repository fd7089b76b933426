// Normalisation of rows and of channels.
#include <cmath>

#include "reduce.cuh"

namespace chainrule {
namespace {

template <class T> const T* pointer(const Tensor& t) { return t ? t.data<T>() : nullptr; }
template <class T> T* place(Tensor& t) { return t ? t.data<T>() : nullptr; }

// ---- rows.  `down` neighbouring threads take a row and a block 256 / down of them, so loads are whole cache lines.
struct Rows {
  int64_t count, n;
  int down = 1;
  Rows(int64_t count, int64_t n) : count(count), n(n) {
    while (down < n && down < threads) down *= 2;
  }
  int64_t across() const { return threads / down; }
};
// The sum over the threads of a row, known to all of them.
__device__ double row_sum(double own, double* room, int within, int down) {
  const int base = threadIdx.x - within;
  own = join_threads(own, room, threadIdx.x, within, down, [](double a, double b) { return a + b; });
  if (within == 0) room[base] = own;
  __syncthreads();
  own = room[base];
  __syncthreads();
  return own;
}

// y = γ (x - μ) s + β,  s = 1 / √(σ² + ε); without a centre μ = 0.
// Reads x three times (the last two mostly from cache), writes y once: bound by memory.
template <class T>
__global__ void rows_forward(const T* x, const T* weight, const T* bias, double eps, bool centred, T* y, compute_t<T>* mean,
                             compute_t<T>* scale, Rows rows) {
  using C = compute_t<T>;
  double* room = shared<Room<double>>().place;
  const int within = threadIdx.x % rows.down, across = threads / rows.down;
  for (int64_t start = int64_t(blockIdx.x) * across; start < rows.count; start += int64_t(gridDim.x) * across) {
    const int64_t row = start + threadIdx.x / rows.down, n = row < rows.count ? rows.n : 0;
    const T* from = x + row * rows.n;
    C own = 0;
    for (int64_t k = within; centred && k < n; k += rows.down) own += widen(from[k]);
    const C m = centred ? C(row_sum(own, room, within, rows.down) / double(rows.n)) : C(0);
    own = 0;
    for (int64_t k = within; k < n; k += rows.down) own += (widen(from[k]) - m) * (widen(from[k]) - m);
    const C s = C(1 / std::sqrt(row_sum(own, room, within, rows.down) / double(rows.n) + eps));
    if (n && within == 0) {
      mean[row] = m;
      scale[row] = s;
    }
    for (int64_t k = within; k < n; k += rows.down) {
      C v = (widen(from[k]) - m) * s;
      if (weight) v *= widen(weight[k]);
      if (bias) v += widen(bias[k]);
      y[row * rows.n + k] = narrow<T>(v);
    }
  }
}
void rows(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, bool centred, Tensor& y, Tensor& mean,
          Tensor& scale) {
  if (x.size() == 0) return;
  const Rows split(x.dim(0), x.dim(1));
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    launch("normalize_rows", rows_forward<T>, blocks(split.count, split.across()), threads, 0, x.data<T>(), pointer<T>(weight),
           pointer<T>(bias), eps, centred, y.data<T>(), mean.data<C>(), scale.data<C>(), split);
  });
}

// With g = γ d and x̂ = (x - μ) s:  dx = s (g - mean(g) - x̂ mean(g x̂)).  The same work split; reads x and d twice.
template <class T>
__global__ void rows_backward(const T* x, const T* weight, const compute_t<T>* mean, const compute_t<T>* scale, const T* d,
                              bool centred, T* dx, Rows rows) {
  using C = compute_t<T>;
  double* room = shared<Room<double>>().place;
  const int within = threadIdx.x % rows.down, across = threads / rows.down;
  for (int64_t start = int64_t(blockIdx.x) * across; start < rows.count; start += int64_t(gridDim.x) * across) {
    const int64_t row = start + threadIdx.x / rows.down, at = row * rows.n, n = row < rows.count ? rows.n : 0;
    const C m = n ? mean[row] : C(0), s = n ? scale[row] : C(0);
    const auto slope = [&](int64_t k) { return widen(d[at + k]) * (weight ? widen(weight[k]) : C(1)); };
    C sum = 0, product = 0;
    for (int64_t k = within; k < n; k += rows.down) {
      const C g = slope(k);
      sum += g;
      product += g * (widen(x[at + k]) - m);
    }
    const C a = C(row_sum(sum, room, within, rows.down) / double(rows.n)), first_term = centred ? a : C(0);
    const C second = C(row_sum(product, room, within, rows.down) / double(rows.n)) * s * s;
    for (int64_t k = within; k < n; k += rows.down)
      dx[at + k] = narrow<T>(s * (slope(k) - first_term - (widen(x[at + k]) - m) * second));
  }
}

// Two sums at once, each float lane of at most 64 terms.
template <class C> struct Two { C a, b; };
template <class C> struct Sums {
  using Total = Two<double>;
  using Lane = Two<C>;
  __device__ static Total start() { return {0, 0}; }
  __device__ static Lane lane() { return {0, 0}; }
  __device__ static Lane join(Lane l, Two<C> v, int64_t) { return {l.a + v.a, l.b + v.b}; }
  __device__ static Total merge(Total x, Total y) { return {x.a + y.a, x.b + y.b}; }
  template <class L> __device__ static Total merge(Total x, L y) { return {x.a + double(y.a), x.b + double(y.b)}; }
};
// dγ = Σ d x̂,  dβ = Σ d, the sums over rows
template <class T> struct RowTerms {
  using C = compute_t<T>;
  const T *x, *d;
  const C *mean, *scale;
  __device__ Two<C> operator()(int64_t at, int64_t, int64_t row) const {
    const C v = widen(d[at]);
    return {v * ((widen(x[at]) - mean[row]) * scale[row]), v};
  }
};
template <class T> struct StoreTwo {
  T *weight, *bias;
  __device__ void operator()(int64_t i, int64_t, const Two<double>& total) const {
    if (weight) weight[i] = narrow<T>(compute_t<T>(total.a));
    if (bias) bias[i] = narrow<T>(compute_t<T>(total.b));
  }
};
void rows_pull(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& scale, const Tensor& d, bool centred,
               Tensor& dx, Tensor& dweight, Tensor& dbias) {
  const Rows split(x.dim(0), x.dim(1));
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    if (x.size())
      launch("normalize_rows_pull", rows_backward<T>, blocks(split.count, split.across()), threads, 0, x.data<T>(),
             pointer<T>(weight), mean.data<C>(), scale.data<C>(), d.data<T>(), centred, dx.data<T>(), split);
    if (split.n && (dweight || dbias))
      reduce<Sums<C>>("normalize_rows_pull", RowTerms<T>{x.data<T>(), d.data<T>(), mean.data<C>(), scale.data<C>()},
                      StoreTwo<T>{place<T>(dweight), place<T>(dbias)}, Nest::middle(1, split.count, split.n));
  });
}

// ---- channels of (N, C, inner)
// Mean and Σ (x - mean)², from sums about a lane's first element k, which is one of the data: no digits are lost to a large mean.
// Two sets join by  mean = (n₁ m₁ + n₂ m₂) / n,  q = q₁ + q₂ + (m₁ - m₂)² n₁ n₂ / n.   Chan, Golub, LeVeque (1983)
struct Spread { double n, mean, q; };
template <class C> struct Moments {
  using Total = Spread;
  struct Lane {
    C n, k, sum, square;
    __device__ operator Spread() const {
      if (n == 0) return {0, 0, 0};
      const double average = double(sum) / double(n), q = double(square) - double(sum) * average;
      return {double(n), double(k) + average, q > 0 ? q : q - q};           // rounding may go below 0; a NaN stays
    }
  };
  __device__ static Total start() { return {0, 0, 0}; }
  __device__ static Lane lane() { return {0, 0, 0, 0}; }
  __device__ static Lane join(Lane l, C v, int64_t) {
    if (l.n == 0) return {1, v, v - v, v - v};             // an infinity or a NaN shows
    const C u = v - l.k;
    return {l.n + 1, l.k, l.sum + u, l.square + u * u};
  }
  __device__ static Total merge(Total a, Total b) {
    if (a.n == 0) return b;
    if (b.n == 0) return a;
    const double n = a.n + b.n, apart = b.mean - a.mean;
    return {n, a.mean + apart * (b.n / n), a.q + b.q + apart * apart * (a.n * b.n / n)};
  }
};
template <class C> struct StoreMoments {
  C *mean, *var;
  __device__ void operator()(int64_t i, int64_t, const Spread& s) const {
    mean[i] = C(s.mean);
    var[i] = C(s.q / s.n);
  }
};
Nest of_channels(const Tensor& x) {
  const int64_t N = x.dim(0), C = x.dim(1), inner = x.dim(2);
  return {Strided<2>({C}, {{inner}, {1}}), Strided<1>({N, inner}, {{C * inner, 1}}), inner >= 32 || C == 1};
}

// y = (x - μ) γ s + β.  One thread an element.
template <class T>
__global__ void channels_forward(const T* x, const T* weight, const T* bias, const compute_t<T>* mean, const compute_t<T>* var,
                                 double eps, T* y, int64_t size, int64_t channels, int64_t inner) {
  using C = compute_t<T>;
  for (int64_t i = first(); i < size; i += stride()) {
    const int64_t c = i / inner % channels;
    const C s = C(1) / std::sqrt(var[c] + C(eps)) * (weight ? widen(weight[c]) : C(1));
    y[i] = narrow<T>((widen(x[i]) - mean[c]) * s + (bias ? widen(bias[c]) : C(0)));
  }
}
void channels(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Tensor& y, Tensor& mean, Tensor& var) {
  if (x.size() == 0) return;
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    reduce<Moments<C>>("normalize_channels", Elements<T>{x.data<T>()}, StoreMoments<C>{mean.data<C>(), var.data<C>()}, of_channels(x));
    launch("normalize_channels", channels_forward<T>, blocks(x.size()), threads, 0, x.data<T>(), pointer<T>(weight),
           pointer<T>(bias), mean.data<C>(), var.data<C>(), eps, y.data<T>(), x.size(), x.dim(1), x.dim(2));
  });
}

// dx = γ s (d - mean(d) - x̂ mean(d x̂)),  dγ = Σ d x̂,  dβ = Σ d
template <class T> struct ChannelTerms {
  using C = compute_t<T>;
  const T *x, *d;
  const C* mean;
  __device__ Two<C> operator()(int64_t at, int64_t c, int64_t) const {
    const C v = widen(d[at]);
    return {v * (widen(x[at]) - mean[c]), v};
  }
};
template <class T> struct StoreSlopes {
  using C = compute_t<T>;
  const C* var;
  double eps, n;
  T *weight, *bias;
  Two<C>* slopes;                                          // mean(d (x - μ)) s², mean(d)
  __device__ void operator()(int64_t c, int64_t, const Two<double>& total) const {
    const double s = 1 / std::sqrt(double(var[c]) + eps);
    if (weight) weight[c] = narrow<T>(C(total.a * s));
    if (bias) bias[c] = narrow<T>(C(total.b));
    slopes[c] = {C(total.a / n * s * s), C(total.b / n)};
  }
};
template <class T>
__global__ void channels_backward(const T* x, const T* weight, const compute_t<T>* mean, const compute_t<T>* var,
                                  const Two<compute_t<T>>* slopes, const T* d, double eps, T* dx, int64_t size, int64_t channels,
                                  int64_t inner) {
  using C = compute_t<T>;
  for (int64_t i = first(); i < size; i += stride()) {
    const int64_t c = i / inner % channels;
    const C s = C(1) / std::sqrt(var[c] + C(eps)) * (weight ? widen(weight[c]) : C(1));
    dx[i] = narrow<T>(s * (widen(d[i]) - slopes[c].b - (widen(x[i]) - mean[c]) * slopes[c].a));
  }
}
void channels_pull(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& var, const Tensor& d, double eps,
                   Tensor& dx, Tensor& dweight, Tensor& dbias) {
  if (x.size() == 0) return;
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const Scratch<Two<C>> slopes(x.dim(1));
    reduce<Sums<C>>("normalize_channels_pull", ChannelTerms<T>{x.data<T>(), d.data<T>(), mean.data<C>()},
                    StoreSlopes<T>{var.data<C>(), eps, double(x.dim(0) * x.dim(2)), place<T>(dweight), place<T>(dbias), slopes.get()},
                    of_channels(x));
    launch("normalize_channels_pull", channels_backward<T>, blocks(x.size()), threads, 0, x.data<T>(), pointer<T>(weight),
           mean.data<C>(), var.data<C>(), slopes.get(), d.data<T>(), eps, dx.data<T>(), x.size(), x.dim(1), x.dim(2));
  });
}

const Fill rows_filled(kernel::normalize_rows, Device::cuda, rows);
const Fill rows_pull_filled(kernel::normalize_rows_pull, Device::cuda, rows_pull);
const Fill channels_filled(kernel::normalize_channels, Device::cuda, channels);
const Fill channels_pull_filled(kernel::normalize_channels_pull, Device::cuda, channels_pull);

}  // namespace
}  // namespace chainrule
