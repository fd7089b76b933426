// Recurrent cells over a whole sequence. The rows of a batch do not depend on each other: each task takes some of them through
// all steps, and no step waits for another task. Weights are laid out once as panels for the matrix products.
#include <optional>

#include "core/kernels.h"
#include "cpu/buffer.h"
#include "cpu/loops.h"
#include "cpu/tiles.h"
#include "ops/recurrent.h"

namespace chainrule {
namespace {

constexpr int64_t depth = 384;               // terms a sum of products has before it is added to others
constexpr int64_t enough = 8;                // rows for which W_hx, read again at each step, does not slow down its product

template <class C> const Cells<C>& cells();
template <> const Cells<float>& cells() { return simd().cells_f32; }
template <> const Cells<double>& cells() { return simd().cells_f64; }

template <class C> C* pointer(const Tensor& x) { return x ? x.data<C>() : nullptr; }

struct Sizes {
  int64_t T, B, n, m, gates;
  bool reverse;
  const bool* here;
  Sizes(Cell cell, const Tensor& tape, const Tensor& w_hx, const Tensor& here, bool reverse)
      : T(tape.dim(0) - (cell == Cell::lstm ? 2 : 1)), B(tape.dim(1)), n(w_hx.dim(1)), m(tape.dim(2)), gates(gates_of(cell)),
        reverse(reverse), here(pointer<bool>(here)) {}
  // Products with W_hx are made step by step, else for all times at once: by shape alone.
  bool in_steps() const { return B >= enough && n > 0; }

  // The i-th step is that of time(i), from the state at before(i) on the tape to the one at after(i).
  int64_t time(int64_t i) const { return reverse ? T - 1 - i : i; }
  int64_t before(int64_t i) const { return reverse ? T - i : i; }
  int64_t after(int64_t i) const { return before(i + 1); }
  int64_t first() const { return before(0); }
  int64_t last() const { return before(T); }

  // go(begin, end) for the rows of r0 <= r < r1 that have an entry at time t, wait(r) for the others.
  template <class Go, class Wait> void present(int64_t t, int64_t r0, int64_t r1, Go&& go, Wait&& wait) const {
    if (!here) return go(r0, r1);
    for (int64_t r = r0, end = r0; r < r1; r = end) {
      while (end < r1 && here[t * B + end] == here[t * B + r]) end++;
      if (here[t * B + r]) go(r, end);
      else for (int64_t k = r; k < end; k++) wait(k);
    }
  }
  // Rows that a task takes: at most two strips of tiles, fewer where there would be less than a task a thread.
  Cut tasks(int64_t strip) const {
    const int64_t each = std::max(std::min(B, enough), up(B, num_threads()));
    return Cut(B, up(each, up(each, 2 * strip)));
  }
};

// Where a pass over n things is at its q-th. Weights seldom fit into a core's cache: each step begins with those that the one before
// ended with.
int64_t to_and_fro(int64_t step, int64_t q, int64_t n) { return step % 2 ? n - 1 - q : q; }

// w (gates m, K) for products with rows of K numbers, or, `across`, of m numbers a gate, as panels that lie one after another.
template <class C> struct Weights {
  const Tile<C>& t = tile<C>();
  int64_t m, K, gates;
  bool across;
  Panels panels;
  Cut deep;
  Buffer<C> packed;

  Weights(const C* w, int64_t m, int64_t K, int64_t gates, bool across)
      : m(m), K(K), gates(gates), across(across), panels(across ? K : m, t.lanes), deep(across ? m : K, depth),
        packed(panels.count * gates * panels.width * deep.n) {
    parallel_for(panels.count * gates, 1 + grain / (1 + panels.width * deep.n), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; p++)
        pack_panel(t, Matrix<C>{w + p % gates * m * K, across ? K : 1, across ? 1 : K}, panels, p / gates, deep.n,
                   packed.p + p * panels.width * deep.n);
    });
  }
  // c = or += a w for one panel of one gate; `n` of its columns are wanted: fewer than it has are made beside c.
  void product(int64_t gate, int64_t panel, int64_t rows, int64_t n, const C* a, int64_t a_row, C* c, int64_t c_row, bool add) const {
    const Cut strips(rows, t.rows);
    const int64_t pitch = panels.pitch(panel);
    const C* const b = packed.p + (panel * gates + gate) * panels.width * deep.n;
    for (int64_t k = 0; k < deep.count; k++)
      for (int64_t s = 0; s < strips.count; s++) {
        const auto tile = t.in_place[pitch > t.lanes][strips.size(s) - 1];
        const C* const from = a + s * strips.part * a_row + k * deep.part;
        C* const to = c + s * strips.part * c_row;
        whole_panel(strips.size(s), n, pitch, to, c_row, add || k > 0, [&](C* out, int64_t row, bool sum) {
          tile(deep.size(k), from, a_row, 1, b + k * deep.part * pitch, pitch, out, row, sum);
        });
      }
  }
};

template <class C>
void forward(Cell cell, const Sizes& size, const C* x, const C* w_hx, const C* h, const C* c, const C* w_hh, const C* bias, C* tape,
             C* kept) {
  const int64_t B = size.B, n = size.n, m = size.m, gates = size.gates, parts = kept_by(cell);
  const Weights<C> w(w_hh, m, m, gates, false);
  const std::optional<Weights<C>> w_x = size.in_steps() ? std::optional<Weights<C>>(std::in_place, w_hx, m, n, gates, false) : std::nullopt;
  const Buffer<C> all = w_x ? Buffer<C>() : Buffer<C>(size.T * B * gates * m);
  C* const z = all.p;
  if (z) gemm(size.T * B, gates * m, n, Matrix<C>{x, n, 1}, Matrix<C>{w_hx, 1, n}, z, gates * m);
  std::copy_n(h, B * m, tape + size.first() * B * m);
  const Cut tasks = size.tasks(w.t.rows);
  const int64_t width = w.panels.width, area = tasks.part * width;
  parallel_for(tasks.count, 1, [&](int64_t begin, int64_t end) {
    const Buffer<C> own(4 * area + tasks.part * m);
    C* const sums = own.p, * const state = sums + 4 * area;       // c
    for (int64_t task = begin; task < end; task++) {
      const int64_t r0 = task * tasks.part, rows = tasks.size(task);
      if (c) std::copy_n(c + r0 * m, rows * m, state);
      for (int64_t i = 0; i < size.T; i++) {
        const int64_t t = size.time(i);
        const C* from = tape + size.before(i) * B * m;
        C* to = tape + size.after(i) * B * m;
        for (int64_t q = 0; q < w.panels.count; q++) {
          const int64_t j = to_and_fro(i, q, w.panels.count), j0 = j * width, columns = w.panels.columns(j), pitch = w.panels.pitch(j);
          for (int64_t g = 0; g < gates; g++) {
            const bool apart = cell == Cell::gru && g == 2;
            C* const sum = sums + (apart ? 3 : g) * area;
            if (w_x) w_x->product(g, j, rows, pitch, x + (t * B + r0) * n, n, sum, width, false);
            else for (int64_t r = 0; r < rows; r++) std::copy_n(z + ((t * B + r0 + r) * gates + g) * m + j0, columns, sum + r * width);
            w.product(g, j, rows, pitch, from + r0 * m, m, sums + g * area, width, !apart);
          }
          size.present(t, r0, r0 + rows, [&](int64_t r, int64_t stop) {
            cells<C>().step[int(cell)]({stop - r, columns, m, sums + (r - r0) * width, area, width, bias + j0, from + r * m + j0,
                                        state + (r - r0) * m + j0, to + r * m + j0, kept ? kept + (t * B + r) * parts * m + j0 : nullptr});
          }, [&](int64_t r) {
            std::copy_n(from + r * m + j0, columns, to + r * m + j0);
            for (int64_t part = 0; kept && part < parts; part++) std::fill_n(kept + ((t * B + r) * parts + part) * m + j0, columns, C(0));
          });
        }
      }
      if (c) std::copy_n(state, rows * m, tape + ((size.T + 1) * B + r0) * m);
    }
  });
}

template <class C>
void backward(Cell cell, const Sizes& size, const C* kept, const C* tape, const C* w_hx, const C* w_hh, const C* d, C* dz, C* dlast, C* dx,
              C* dh, C* dc) {
  const int64_t B = size.B, n = size.n, m = size.m, gates = size.gates, parts = kept_by(cell);
  const bool inside = dx && size.in_steps();
  const Weights<C> w(w_hh, m, m, gates, true);
  const std::optional<Weights<C>> w_x = inside ? std::optional<Weights<C>>(std::in_place, w_hx, m, n, gates, true) : std::nullopt;
  std::copy_n(d + size.last() * B * m, B * m, dh);
  if (dc) std::copy_n(d + (size.T + 1) * B * m, B * m, dc);
  const Cut tasks = size.tasks(w.t.rows);
  const int64_t area = tasks.part * m, width = w.panels.width;
  parallel_for(tasks.count, 1, [&](int64_t begin, int64_t end) {
    const Buffer<C> slopes(gates * area);
    for (int64_t task = begin; task < end; task++) {
      const int64_t r0 = task * tasks.part, rows = tasks.size(task);
      for (int64_t i = size.T - 1; i >= 0; i--) {
        const int64_t t = size.time(i), from = size.before(i) * B, to = size.after(i) * B;
        size.present(t, r0, r0 + rows, [&](int64_t r, int64_t stop) {
          cells<C>().slope[int(cell)]({stop - r, m, m, kept ? kept + (t * B + r) * parts * m : nullptr, tape + (from + r) * m,
                                       tape + (to + r) * m, d + (from + r) * m, dh + r * m, dc ? dc + r * m : nullptr,
                                       dz + (t * B + r) * gates * m, slopes.p + (r - r0) * m, area,
                                       dlast ? dlast + (t * B + r) * m : nullptr});
        }, [&](int64_t r) {
          for (int64_t k = 0; k < m; k++) dh[r * m + k] += d[(from + r) * m + k];
          std::fill_n(dz + (t * B + r) * gates * m, gates * m, C(0));
          for (int64_t g = 0; g < gates; g++) std::fill_n(slopes.p + g * area + (r - r0) * m, m, C(0));
          if (dlast) std::fill_n(dlast + (t * B + r) * m, m, C(0));
        });
        const int64_t at = t * B + r0, count = w.panels.count, all = count + (w_x ? w_x->panels.count : 0);
        for (int64_t q = 0; q < all; q++) {
          const int64_t j = to_and_fro(i, q, all), k = j - count;
          for (int64_t g = 0; g < gates; g++) {
            const C* const a = slopes.p + g * area;
            if (k < 0) w.product(g, j, rows, w.panels.columns(j), a, m, dh + r0 * m + j * width, m, true);
            else if (cell == Cell::gru && g == 2)            // where the slopes of the two products differ
              w_x->product(g, k, rows, w_x->panels.columns(k), dz + (at * gates + g) * m, gates * m, dx + at * n + k * width, n, true);
            else w_x->product(g, k, rows, w_x->panels.columns(k), a, m, dx + at * n + k * width, n, g > 0);
          }
        }
      }
    }
  });
  if (dx && !w_x) gemm(size.T * B, n, gates * m, Matrix<C>{dz, gates * m, 1}, Matrix<C>{w_hx, n, 1}, dx, n);
}

template <class F> void in_precision(DType t, F&& f) { t == DType::float64 ? f(double()) : f(float()); }

void recurrent(Cell cell, const Tensor& x, const Tensor& w_hx, const Tensor& h, const Tensor& c, const Tensor& w_hh, const Tensor& bias,
               const Tensor& here, bool reverse, Tensor& tape, Tensor& kept) {
  if (tape.size() == 0) return;
  in_precision(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    forward<C>(cell, Sizes(cell, tape, w_hx, here, reverse), x.data<C>(), w_hx.data<C>(), h.data<C>(), pointer<C>(c), w_hh.data<C>(),
               bias.data<C>(), tape.data<C>(), pointer<C>(kept));
  });
}
void recurrent_pull(Cell cell, const Tensor& kept, const Tensor& tape, const Tensor& w_hx, const Tensor& w_hh, const Tensor& here,
                    const Tensor& d, bool reverse, Tensor& dz, Tensor& dlast, Tensor& dx, Tensor& dh, Tensor& dc) {
  in_precision(tape.dtype(), [&](auto zero) {
    using C = decltype(zero);
    if (tape.size() > 0)
      backward<C>(cell, Sizes(cell, tape, w_hx, here, reverse), pointer<C>(kept), tape.data<C>(), w_hx.data<C>(), w_hh.data<C>(),
                  d.data<C>(), dz.data<C>(), pointer<C>(dlast), pointer<C>(dx), dh.data<C>(), pointer<C>(dc));
    else if (dx) std::fill_n(dx.data<C>(), dx.size(), C(0));             // a state without width
  });
}

const Fill filled(kernel::recurrent, Device::cpu, recurrent), pull_filled(kernel::recurrent_pull, Device::cpu, recurrent_pull);

}  // namespace
}  // namespace chainrule
