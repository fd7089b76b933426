// Convolution and its two adjoints as products with windows that are never stored (implicit GEMM).   Book: §6.3, (6.14), (6.20)
//   z[n, o, p] = b[o] + Σ_c Σ_k w[o, c, k] x[n, c, p stride + k dilation - before]
// conv:           rows o, columns (n, p), sums over (c, k)
// conv_transpose: rows c, columns (n, i), sums over (o, k)
// conv_weight:    rows o, columns (c, k), sums over (n, p)
// One image of the product is one group. Each element of x is read once a tile of rows and a tap, mostly from cache.
#include "core/windows.h"
#include "gemm.cuh"
#include "reduce.cuh"

namespace chainrule {
namespace {

// Quotients that the host prepared, of numbers of any size.
struct Division {
  int64_t d = 1;
  Divider quick;
  bool fits = true;                          // the numbers divided are below 2³¹
  Division() = default;
  Division(int64_t d, int64_t most) : d(d < 1 ? 1 : d), quick(), fits(most < int64_t(1) << 31) {
    if (fits) quick = Divider(uint32_t(this->d));
  }
  __device__ int64_t operator()(int64_t i, int64_t& rest) const {
    const int64_t q = fits ? int64_t(quick.quotient(uint32_t(i))) : i / d;
    rest = i - q * d;
    return q;
  }
};
// A number as (outer, depth, height, width).
struct Space {
  Division plane, area, width;
  int64_t size = 1;
  Space(int64_t outer, int64_t depth, int64_t height, int64_t columns)
      : plane(depth * height * columns, outer * depth * height * columns), area(height * columns, depth * height * columns),
        width(columns, height * columns), size(depth * height * columns) {}
  __device__ int64_t split(int64_t i, int64_t (&at)[3]) const {
    int64_t rest, outer = plane(i, rest);
    at[0] = area(rest, rest);
    at[1] = width(rest, at[2]);
    return outer;
  }
};

struct Geometry {
  WindowAxis axis[3];
  int64_t groups, N, C, O;                   // of x (N, C, ...) and z (N, O, ...)
  Space taps, input, output;                 // (channel, tap), (sample, place in x), (sample, place in z)
  Geometry(const Windows& w, int64_t N, int64_t C, int64_t O)
      : axis{w.axis[0], w.axis[1], w.axis[2]}, groups(w.groups), N(N), C(C), O(O),
        taps(std::max(C, O) / w.groups, axis[0].size, axis[1].size, axis[2].size), input(N, axis[0].in, axis[1].in, axis[2].in),
        output(N, axis[0].out, axis[1].out, axis[2].out) {}
  // Where window p, tap k reads x, or -1 for a zero outside.
  __device__ int64_t reads(const int64_t (&p)[3], const int64_t (&k)[3]) const {
    int64_t at = 0;
    for (int a = 0; a < 3; a++) {
      const int64_t i = p[a] * axis[a].stride + k[a] * axis[a].dilation - axis[a].before;
      if (i < 0 || i >= axis[a].in) return -1;
      at = at * axis[a].in + i;
    }
    return at;
  }
  // The window whose tap k reads place i of x, or -1 for none.
  __device__ int64_t read_by(const int64_t (&i)[3], const int64_t (&k)[3]) const {
    int64_t at = 0;
    for (int a = 0; a < 3; a++) {
      const int64_t q = i[a] + axis[a].before - k[a] * axis[a].dilation, p = q / axis[a].stride;
      if (q < 0 || p * axis[a].stride != q || p >= axis[a].out) return -1;
      at = at * axis[a].out + p;
    }
    return at;
  }
};

// w[(g O' + o), c, k] as rows o of (c, k), and as rows c of (o, k)
template <class T> struct Kernel {
  const T* w;
  int64_t M, K;
  using Line = const T*;
  __device__ bool along_k() const { return true; }
  __device__ Line line(int64_t g, int64_t o) const { return w + (g * M + o) * K; }
  __device__ compute_t<T> at(Line line, int64_t k) const { return widen(line[k]); }
};
template <class T> struct KernelByInput {
  const T* w;
  int64_t out, in, taps;                     // channels of a group
  Division tap;
  using Line = const T*;
  __device__ bool along_k() const { return true; }
  __device__ Line line(int64_t g, int64_t c) const { return w + (g * out * in + c) * taps; }
  __device__ compute_t<T> at(Line line, int64_t k) const {
    int64_t rest;
    const int64_t o = tap(k, rest);
    return widen(line[o * in * taps + rest]);
  }
};

struct Point { int64_t base, at[3]; };       // the first channel of its sample and group, and the place
// Columns (n, p) of (c, k): what the windows read.
template <class T> struct WindowsOf {
  const T* x;
  Geometry g;
  using Line = Point;
  __device__ bool along_k() const { return false; }
  __device__ Point line(int64_t group, int64_t j) const {
    Point p;
    p.base = (g.output.split(j, p.at) * g.C + group * (g.C / g.groups)) * g.input.size;
    return p;
  }
  __device__ compute_t<T> at(const Point& p, int64_t k) const {
    int64_t tap[3];
    const int64_t c = g.taps.split(k, tap), i = g.reads(p.at, tap);
    return i < 0 ? compute_t<T>(0) : widen(x[p.base + c * g.input.size + i]);
  }
};
// Columns (n, i) of (o, k): the windows that read a place.
template <class T> struct ReadersOf {
  const T* z;
  Geometry g;
  using Line = Point;
  __device__ bool along_k() const { return false; }
  __device__ Point line(int64_t group, int64_t j) const {
    Point p;
    p.base = (g.input.split(j, p.at) * g.O + group * (g.O / g.groups)) * g.output.size;
    return p;
  }
  __device__ compute_t<T> at(const Point& p, int64_t k) const {
    int64_t tap[3];
    const int64_t o = g.taps.split(k, tap), i = g.read_by(p.at, tap);
    return i < 0 ? compute_t<T>(0) : widen(z[p.base + o * g.output.size + i]);
  }
};
// Rows o of (n, p), and columns (c, k) of (n, p).
template <class T> struct Results {
  const T* z;
  Geometry g;
  using Line = const T*;
  __device__ bool along_k() const { return true; }
  __device__ Line line(int64_t group, int64_t o) const { return z + (group * (g.O / g.groups) + o) * g.output.size; }
  __device__ compute_t<T> at(Line line, int64_t k) const {
    int64_t p;
    const int64_t n = g.output.plane(k, p);
    return widen(line[n * g.O * g.output.size + p]);
  }
};
template <class T> struct TapsOf {
  const T* x;
  Geometry g;
  using Line = Point;
  __device__ bool along_k() const { return true; }
  __device__ Point line(int64_t group, int64_t j) const {
    Point p;
    p.base = (group * (g.C / g.groups) + g.taps.split(j, p.at)) * g.input.size;
    return p;
  }
  __device__ compute_t<T> at(const Point& tap, int64_t k) const {
    int64_t window[3];
    const int64_t n = g.output.split(k, window), i = g.reads(window, tap.at);
    return i < 0 ? compute_t<T>(0) : widen(x[tap.base + n * g.C * g.input.size + i]);
  }
};

// Row i of column (n, p) goes to channel i of the group, with its bias.
template <class T> struct Channels {
  T* y;
  const T* bias;
  int64_t M, channels;
  Division plane;
  __device__ void operator()(int64_t g, int64_t i, int64_t j, compute_t<T> sum) const {
    int64_t p;
    const int64_t n = plane(j, p), channel = g * M + i;
    y[(n * channels + channel) * plane.d + p] = narrow<T>(sum + (bias ? widen(bias[channel]) : compute_t<T>(0)));
  }
};
template <class T> struct Weights {
  T* w;
  int64_t M, N;
  __device__ void operator()(int64_t g, int64_t i, int64_t j, compute_t<T> sum) const { w[(g * M + i) * N + j] = narrow<T>(sum); }
};

constexpr int64_t few = 4;                   // rows: depthwise convolutions, above all

template <class C, class Left, class Right, class Out>
void product(const char* op, const Left& left, const Right& right, const Out& out, const ProductSize& size) {
  if (size.images * size.M * size.N == 0) return;
  if (size.M > few) multiply_any<C>(op, left, right, out, size);
  else launch(op, multiply_rows<C, Left, Right, Out>, blocks(size.images * size.M * size.N), threads, 0, left, right, out, size);
}

template <class T> const T* pointer(const Tensor& t) { return t ? t.data<T>() : nullptr; }

void conv(const Tensor& x, const Tensor& w, const Tensor& b, Tensor& z, const Windows& windows) {
  const Geometry g(windows, x.dim(0), x.dim(1), z.dim(1));
  each_float(z.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const int64_t M = g.O / g.groups, K = g.C / g.groups * g.taps.size;
    product<compute_t<T>>("conv", Kernel<T>{w.data<T>(), M, K}, WindowsOf<T>{x.data<T>(), g},
                          Channels<T>{z.data<T>(), pointer<T>(b), M, g.O, g.output.plane},
                          {g.groups, M, g.N * g.output.size, K, 1});
  });
}
void conv_transpose(const Tensor& z, const Tensor& w, const Tensor& b, Tensor& x, const Windows& windows) {
  const Geometry g(windows, x.dim(0), x.dim(1), z.dim(1));
  each_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const int64_t M = g.C / g.groups, out = g.O / g.groups, K = out * g.taps.size;
    product<compute_t<T>>("conv_transpose", KernelByInput<T>{w.data<T>(), out, M, g.taps.size, Division(g.taps.size, K)},
                          ReadersOf<T>{z.data<T>(), g}, Channels<T>{x.data<T>(), pointer<T>(b), M, g.C, g.input.plane},
                          {g.groups, M, g.N * g.input.size, K, 1});
  });
}

// The sum of one weight over samples and windows, for few rows.
template <class C> struct Sum {
  using Total = double;
  using Lane = C;
  __device__ static double start() { return 0; }
  __device__ static C lane() { return 0; }
  __device__ static C join(C a, C v, int64_t) { return a + v; }
  __device__ static double merge(double a, double b) { return a + b; }
  __device__ static double result(double a) { return a; }
};
template <class T> struct WeightTerms {
  Results<T> z;
  TapsOf<T> x;
  int64_t M, N;
  __device__ compute_t<T> operator()(int64_t, int64_t i, int64_t k) const {
    const int64_t group = i / N / M;
    return z.at(z.line(group, i / N % M), k) * x.at(x.line(group, i % N), k);
  }
};
void conv_weight(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  if (w.size() == 0) return;
  const Geometry g(windows, x.dim(0), x.dim(1), z.dim(1));
  each_float(w.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = Sum<compute_t<T>>;
    const int64_t M = g.O / g.groups, N = g.C / g.groups * g.taps.size, K = g.N * g.output.size;
    const Results<T> results{z.data<T>(), g};
    const TapsOf<T> taps{x.data<T>(), g};
    if (M > few) multiply_any<compute_t<T>>("conv_weight", results, taps, Weights<T>{w.data<T>(), M, N}, {g.groups, M, N, K, 1});
    else
      reduce<R>("conv_weight", WeightTerms<T>{results, taps, M, N}, Store<R, T>{w.data<T>()},
                Nest{Strided<2>({w.size()}, {{0}, {1}}), Strided<1>({K}, {{1}}), true});
  });
}

const Fill conv_filled(kernel::conv, Device::cuda, conv);
const Fill transpose_filled(kernel::conv_transpose, Device::cuda, conv_transpose);
const Fill weight_filled(kernel::conv_weight, Device::cuda, conv_weight);

}  // namespace
}  // namespace chainrule
