// Recurrent cells over a sequence: one product with W_hx for all times, then for each step one with W_hh and a launch for the
// gates, queued one after another on the stream without a word from the host.   Book: §7.2, §7.3
#include <cmath>

#include "gemm.cuh"
#include "ops/recurrent.h"

namespace chainrule {
namespace {

// Rows of the left factor, or columns of the right one: an element every `along` for k, a line every `across`.
template <class C> struct Spread {
  const C* p;
  int64_t across, along;
  using Line = const C*;
  __device__ bool along_k() const { return along == 1; }
  __device__ Line line(int64_t, int64_t i) const { return p + i * across; }
  __device__ C at(Line line, int64_t k) const { return line[k * along]; }
};
template <class C, bool add> struct Into {
  C* y;
  int64_t N;
  __device__ void operator()(int64_t, int64_t i, int64_t j, C sum) const { y[i * N + j] = add ? y[i * N + j] + sum : sum; }
};

// The arrays of one step: states and slopes (B, m), those of gates (B, gates m), kept (B, parts m).
template <class C> struct Step {
  int64_t B, m;
  const C *sums, *z, *bias, *h;
  C *c, *out, *kept;
  const bool* here;
};
template <class C> struct Slope {
  int64_t B, m;
  const C *kept, *h, *out, *d;
  C *dh, *dc, *dz, *dsums, *dlast;
  const bool* here;
};
template <class C> __device__ C sigmoid_of(C x) { return C(1) / (C(1) + std::exp(-x)); }

// h ← S(z).   Book: (7.2)
template <Cell cell> struct Rnn {
  template <class C> static __device__ void step(const Step<C>& s, int64_t at, int64_t, int64_t j) {
    const C z = s.sums[at] + s.z[at] + s.bias[j];
    s.out[at] = cell == Cell::rnn_tanh ? std::tanh(z) : cell == Cell::rnn_relu ? (z < 0 ? C(0) : z)
                : cell == Cell::rnn_sigmoid ? sigmoid_of(z) : z;
  }
  template <class C> static __device__ void slope(const Slope<C>& s, int64_t at, int64_t, int64_t) {
    const C y = s.out[at], d = s.dh[at];
    s.dz[at] = s.dsums[at] = cell == Cell::rnn_tanh ? d * (1 - y * y) : cell == Cell::rnn_relu ? (y > 0 ? d : C(0))
                             : cell == Cell::rnn_sigmoid ? d * (y * (1 - y)) : d;
    s.dh[at] = s.d[at];
  }
};

// c ← g_f c + g_i c̃,  h ← g_o tanh(c), gates in the order i, f, c̃, o; kept are these and the c before.   Book: (7.16), (7.17)
struct Lstm {
  template <class C> static __device__ void step(const Step<C>& s, int64_t at, int64_t b, int64_t j) {
    const int64_t m = s.m;
    const auto z = [&](int gate) { return s.sums[(4 * b + gate) * m + j] + s.z[(4 * b + gate) * m + j] + s.bias[gate * m + j]; };
    const C g_i = sigmoid_of(z(0)), g_f = sigmoid_of(z(1)), fresh = std::tanh(z(2)), g_o = sigmoid_of(z(3));
    const C before = s.c[at], c = g_f * before + g_i * fresh;
    s.c[at] = c;
    s.out[at] = g_o * std::tanh(c);
    if (!s.kept) return;
    const C all[5] = {g_i, g_f, fresh, g_o, before};
    for (int part = 0; part < 5; part++) s.kept[(5 * b + part) * m + j] = all[part];
  }
  template <class C> static __device__ void slope(const Slope<C>& s, int64_t at, int64_t b, int64_t j) {
    const int64_t m = s.m;
    const C* const kept = s.kept + 5 * b * m + j;
    const C g_i = kept[0], g_f = kept[m], fresh = kept[2 * m], g_o = kept[3 * m], before = kept[4 * m];
    const C y = std::tanh(g_f * before + g_i * fresh), d = s.dh[at], dc = s.dc[at] + d * (g_o * (1 - y * y));
    const C dz[4] = {dc * fresh * (g_i * (1 - g_i)), dc * before * (g_f * (1 - g_f)), dc * g_i * (1 - fresh * fresh),
                     d * y * (g_o * (1 - g_o))};
    for (int gate = 0; gate < 4; gate++) s.dz[(4 * b + gate) * m + j] = s.dsums[(4 * b + gate) * m + j] = dz[gate];
    s.dc[at] = dc * g_f;
    s.dh[at] = s.d[at];
  }
};

// h ← h̃ + g_z (h - h̃),  h̃ = tanh(z_h̃ + g_r u),  u = W_h h + b, order g_r, g_z, h̃; kept are these and u.   Book: (7.18), (7.19)
struct Gru {
  template <class C> static __device__ void step(const Step<C>& s, int64_t at, int64_t b, int64_t j) {
    const int64_t m = s.m;
    const auto sum = [&](int gate) { return s.sums[(3 * b + gate) * m + j]; };
    const auto z = [&](int gate) { return s.z[(3 * b + gate) * m + j] + s.bias[gate * m + j]; };
    const C g_r = sigmoid_of(sum(0) + z(0)), g_z = sigmoid_of(sum(1) + z(1)), u = sum(2) + s.bias[3 * m + j];
    const C fresh = std::tanh(z(2) + g_r * u);
    s.out[at] = fresh + g_z * (s.h[at] - fresh);
    if (!s.kept) return;
    const C all[4] = {g_r, g_z, fresh, u};
    for (int part = 0; part < 4; part++) s.kept[(4 * b + part) * m + j] = all[part];
  }
  template <class C> static __device__ void slope(const Slope<C>& s, int64_t at, int64_t b, int64_t j) {
    const int64_t m = s.m;
    const C* const kept = s.kept + 4 * b * m + j;
    const C g_r = kept[0], g_z = kept[m], fresh = kept[2 * m], u = kept[3 * m];
    const C d = s.dh[at], dfresh = d * (1 - g_z) * (1 - fresh * fresh), du = dfresh * g_r;
    const C slopes[3] = {dfresh * u * (g_r * (1 - g_r)), d * (s.h[at] - fresh) * (g_z * (1 - g_z)), dfresh};
    for (int gate = 0; gate < 3; gate++) {
      s.dz[(3 * b + gate) * m + j] = slopes[gate];
      s.dsums[(3 * b + gate) * m + j] = gate < 2 ? slopes[gate] : du;
    }
    s.dlast[at] = du;
    s.dh[at] = s.d[at] + d * g_z;
  }
};

// One thread an element of the state; its gates are m apart, so that neighbouring threads read neighbours.
template <class Kind, class C> __global__ void step_gates(Step<C> s, int parts) {
  for (int64_t at = first(); at < s.B * s.m; at += stride()) {
    const int64_t b = at / s.m, j = at % s.m;
    if (!s.here || s.here[b]) Kind::step(s, at, b, j);
    else {
      s.out[at] = s.h[at];
      for (int part = 0; s.kept && part < parts; part++) s.kept[(b * parts + part) * s.m + j] = 0;
    }
  }
}
template <class Kind, class C> __global__ void slope_gates(Slope<C> s, int gates) {
  for (int64_t at = first(); at < s.B * s.m; at += stride()) {
    const int64_t b = at / s.m, j = at % s.m;
    if (!s.here || s.here[b]) Kind::slope(s, at, b, j);
    else {
      s.dh[at] += s.d[at];
      for (int gate = 0; gate < gates; gate++) s.dz[(b * gates + gate) * s.m + j] = s.dsums[(b * gates + gate) * s.m + j] = 0;
      if (s.dlast) s.dlast[at] = 0;
    }
  }
}
template <class Visit> void each_kind(Cell cell, Visit&& visit) {
  switch (cell) {
    case Cell::rnn_tanh: return visit(Rnn<Cell::rnn_tanh>());
    case Cell::rnn_relu: return visit(Rnn<Cell::rnn_relu>());
    case Cell::rnn_sigmoid: return visit(Rnn<Cell::rnn_sigmoid>());
    case Cell::rnn_identity: return visit(Rnn<Cell::rnn_identity>());
    case Cell::lstm: return visit(Lstm());
    default: return visit(Gru());
  }
}

template <class C> __global__ void copy_numbers(const C* from, C* to, int64_t n) {
  for (int64_t i = first(); i < n; i += stride()) to[i] = from[i];
}
template <class C> void copy_state(const C* from, C* to, int64_t n) {
  launch("recurrent", copy_numbers<C>, blocks(n), threads, 0, from, to, n);
}
// y (rows, N) = or += a (rows, K) with w (N, K) transposed, or, `across`, with w (K, N) as it is.
template <bool add, class C> void product(const C* a, const C* w, C* y, int64_t rows, int64_t N, int64_t K, bool across) {
  multiply_any<C>("recurrent", Spread<C>{a, K, 1}, Spread<C>{w, across ? 1 : K, across ? N : 1}, Into<C, add>{y, N},
                  ProductSize{1, rows, N, K, 1});
}
template <class F> void in_precision(DType t, F&& f) { t == DType::float64 ? f(double()) : f(float()); }
template <class C> C* pointer(const Tensor& x) { return x ? x.data<C>() : nullptr; }

// The i-th step is that of time(i), from the state at before(i) on the tape to the one at before(i + 1).
struct Times {
  int64_t T;
  bool reverse;
  int64_t time(int64_t i) const { return reverse ? T - 1 - i : i; }
  int64_t before(int64_t i) const { return reverse ? T - i : i; }
};

void recurrent(Cell cell, const Tensor& x, const Tensor& w_hx, const Tensor& h, const Tensor& c, const Tensor& w, const Tensor& bias,
               const Tensor& here, bool reverse, Tensor& tape, Tensor& kept) {
  const int64_t T = x.dim(0), B = x.dim(1), m = w.dim(1), gates = gates_of(cell), parts = kept_by(cell), n = B * m;
  if (n == 0) return;
  const Times times{T, reverse};
  in_precision(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    C *const states = tape.data<C>(), *const last = c ? states + (T + 1) * n : nullptr;      // c runs in its place on the tape
    const Scratch<C> sums(n * gates), z(T * n * gates);
    product<false, C>(x.data<C>(), w_hx.data<C>(), z.get(), T * B, gates * m, x.dim(2), false);
    copy_state(h.data<C>(), states + times.before(0) * n, n);
    if (c) copy_state(c.data<C>(), last, n);
    for (int64_t i = 0; i < T; i++) {
      const int64_t t = times.time(i);
      const C* from = states + times.before(i) * n;
      product<false, C>(from, w.data<C>(), sums.get(), B, gates * m, m, false);
      const Step<C> step{B, m, sums.get(), z.get() + t * n * gates, bias.data<C>(), from, last, states + times.before(i + 1) * n,
                         kept ? kept.data<C>() + t * n * parts : nullptr, here ? here.data<bool>() + t * B : nullptr};
      each_kind(cell, [&](auto kind) { launch("recurrent", step_gates<decltype(kind), C>, blocks(n), threads, 0, step, int(parts)); });
    }
  });
}

void recurrent_pull(Cell cell, const Tensor& kept, const Tensor& tape, const Tensor& w_hx, const Tensor& w, const Tensor& here,
                    const Tensor& d, bool reverse, Tensor& dz, Tensor& dlast, Tensor& dx, Tensor& dh, Tensor& dc) {
  const int64_t T = dz.dim(0), B = dz.dim(1), m = w.dim(1), gates = gates_of(cell), parts = kept_by(cell), n = B * m;
  const Times times{T, reverse};
  in_precision(tape.dtype(), [&](auto zero) {
    using C = decltype(zero);
    const C *const states = tape.data<C>(), *const ds = d.data<C>();
    const Scratch<C> dsums(n * gates);
    if (n > 0) copy_state(ds + times.before(T) * n, dh.data<C>(), n);
    if (n > 0 && dc) copy_state(ds + (T + 1) * n, dc.data<C>(), n);
    for (int64_t i = T - 1; i >= 0 && n > 0; i--) {
      const int64_t t = times.time(i), from = times.before(i) * n;
      const Slope<C> slope{B, m, kept ? kept.data<C>() + t * n * parts : nullptr, states + from, states + times.before(i + 1) * n,
                           ds + from, dh.data<C>(), pointer<C>(dc), dz.data<C>() + t * n * gates, dsums.get(),
                           dlast ? dlast.data<C>() + t * n : nullptr, here ? here.data<bool>() + t * B : nullptr};
      each_kind(cell, [&](auto kind) { launch("recurrent", slope_gates<decltype(kind), C>, blocks(n), threads, 0, slope, int(gates)); });
      product<true, C>(dsums.get(), w.data<C>(), dh.data<C>(), B, m, gates * m, true);
    }
    if (dx) product<false, C>(dz.data<C>(), w_hx.data<C>(), dx.data<C>(), T * B, dx.dim(2), gates * m, true);
  });
}

const Fill filled(kernel::recurrent, Device::cuda, recurrent), pull_filled(kernel::recurrent_pull, Device::cuda, recurrent_pull);

}  // namespace
}  // namespace chainrule
