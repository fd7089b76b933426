// Recurrent cells over a whole sequence. The rows of a batch do not depend on each other: each task takes some of them through
// all steps, and no step waits for another task. W_hh is laid out once as panels for the matrix product.
#include "core/kernels.h"
#include "cpu/loops.h"
#include "cpu/tiles.h"
#include "ops/recurrent.h"

namespace chainrule {
namespace {

constexpr int64_t depth = 384;               // terms a sum of products has before it is added to others

template <class C> const Cells<C>& cells();
template <> const Cells<float>& cells() { return simd().cells_f32; }
template <> const Cells<double>& cells() { return simd().cells_f64; }

template <class C> C* scratch(Ref<Storage>& storage, int64_t n) {
  storage = allocate(Device::cpu, size_t(n) * sizeof(C));
  return static_cast<C*>(storage->data);
}
template <class C> C* pointer(const Tensor& x) { return x ? x.data<C>() : nullptr; }

struct Sizes {
  int64_t T, B, m, gates;
  bool reverse;
  const bool* here;
  Sizes(Cell cell, const Tensor& tape, const Tensor& here, bool reverse)
      : T(tape.dim(0) - (cell == Cell::lstm ? 2 : 1)), B(tape.dim(1)), m(tape.dim(2)), gates(gates_of(cell)), reverse(reverse),
        here(pointer<bool>(here)) {}

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
  // Rows that a task takes: two strips of tiles, fewer where every thread would not get as many.
  Cut tasks(int64_t strip) const {
    const int64_t each = up(B, num_threads());
    return Cut(B, up(each, up(each, 2 * strip)));
  }
};

template <class C> struct Runner {
  const Tile<C>& t = tile<C>();
  // c (rows, n) = or += a b for the panel `b` of k rows, n <= pitch columns of which are there
  void product(int64_t rows, int64_t n, int64_t pitch, int64_t k, const C* a, int64_t a_row, const C* b, C* c, int64_t c_row, bool add) const {
    const Cut strips(rows, t.rows);
    for (int64_t s = 0; s < strips.count; s++)
      one_tile<C>(t.in_place[pitch > t.lanes][strips.size(s) - 1], strips.size(s), n, pitch, k, a + s * strips.part * a_row, a_row, 1, b,
                  pitch, c + s * strips.part * c_row, c_row, add);
  }
};

template <class C>
void forward(Cell cell, const Sizes& size, const C* z, const C* h, const C* c, const C* w, const C* bias, C* tape, C* kept) {
  const Runner<C> run;
  const int64_t m = size.m, B = size.B, gates = size.gates, parts = kept_by(cell);
  const Panels panels(m, run.t.lanes);
  const int64_t width = panels.width;
  const Cut deep(m, depth);
  Ref<Storage> shared;
  C* const packed = scratch<C>(shared, panels.count * gates * width * m + width);
  parallel_for(panels.count * gates, 1 + grain / (1 + width * m), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++)
      pack_panel(run.t, Matrix<C>{w + p % gates * m * m, 1, m}, panels, p / gates, m, packed + p * width * m);
  });
  std::copy_n(h, B * m, tape + size.first() * B * m);
  const Cut tasks = size.tasks(run.t.rows);
  parallel_for(tasks.count, 1, [&](int64_t begin, int64_t end) {
    Ref<Storage> own;
    C* const sums = scratch<C>(own, gates * tasks.part * width + tasks.part * m);
    C* const state = sums + gates * tasks.part * width;                  // c
    for (int64_t task = begin; task < end; task++) {
      const int64_t r0 = task * tasks.part, rows = tasks.size(task);
      if (c) std::copy_n(c + r0 * m, rows * m, state);
      for (int64_t i = 0; i < size.T; i++) {
        const int64_t t = size.time(i);
        const C* from = tape + size.before(i) * B * m;
        C* to = tape + size.after(i) * B * m;
        for (int64_t j = 0; j < panels.count; j++) {
          const int64_t j0 = j * width, n = panels.columns(j), pitch = panels.pitch(j);
          for (int64_t g = 0; g < gates; g++)
            for (int64_t k = 0; k < deep.count; k++)
              run.product(rows, pitch, pitch, deep.size(k), from + r0 * m + k * deep.part, m,
                          packed + (j * gates + g) * width * m + k * deep.part * pitch, sums + g * tasks.part * width, width, k > 0);
          size.present(t, r0, r0 + rows, [&](int64_t r, int64_t stop) {
            C* const keep = kept ? kept + (t * B + r) * parts * m + j0 : nullptr;
            cells<C>().step[int(cell)]({stop - r, n, m, sums + (r - r0) * width, tasks.part * width, width, z + (t * B + r) * gates * m + j0,
                                        bias + j0, from + r * m + j0, state + (r - r0) * m + j0, to + r * m + j0, keep});
          }, [&](int64_t r) {
            std::copy_n(from + r * m + j0, n, to + r * m + j0);
            for (int64_t part = 0; kept && part < parts; part++) std::fill_n(kept + ((t * B + r) * parts + part) * m + j0, n, C(0));
          });
        }
      }
      if (c) std::copy_n(state, rows * m, tape + ((size.T + 1) * B + r0) * m);
    }
  });
}

template <class C>
void backward(Cell cell, const Sizes& size, const C* kept, const C* tape, const C* w, const C* d, C* dz, C* dlast, C* dh, C* dc) {
  const Runner<C> run;
  const int64_t m = size.m, B = size.B, gates = size.gates, parts = kept_by(cell);
  const Panels panels(m, run.t.lanes);
  const int64_t width = panels.width;
  const Cut deep(m, depth);
  Ref<Storage> shared;
  C* const packed = scratch<C>(shared, panels.count * gates * width * m + width);
  parallel_for(panels.count * gates, 1 + grain / (1 + width * m), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++)
      pack_panel(run.t, Matrix<C>{w + p / panels.count * m * m, m, 1}, panels, p % panels.count, m, packed + p * width * m);
  });
  std::copy_n(d + size.last() * B * m, B * m, dh);
  if (dc) std::copy_n(d + (size.T + 1) * B * m, B * m, dc);
  const Cut tasks = size.tasks(run.t.rows);
  parallel_for(tasks.count, 1, [&](int64_t begin, int64_t end) {
    Ref<Storage> own;
    C* const slopes = scratch<C>(own, gates * tasks.part * m);
    for (int64_t task = begin; task < end; task++) {
      const int64_t r0 = task * tasks.part, rows = tasks.size(task);
      for (int64_t i = size.T - 1; i >= 0; i--) {
        const int64_t t = size.time(i), from = size.before(i) * B, to = size.after(i) * B;
        size.present(t, r0, r0 + rows, [&](int64_t r, int64_t stop) {
          cells<C>().slope[int(cell)]({stop - r, m, m, kept ? kept + (t * B + r) * parts * m : nullptr, tape + (from + r) * m,
                                       tape + (to + r) * m, d + (from + r) * m, dh + r * m, dc ? dc + r * m : nullptr,
                                       dz + (t * B + r) * gates * m, slopes + (r - r0) * m, tasks.part * m,
                                       dlast ? dlast + (t * B + r) * m : nullptr});
        }, [&](int64_t r) {
          for (int64_t k = 0; k < m; k++) dh[r * m + k] += d[(from + r) * m + k];
          std::fill_n(dz + (t * B + r) * gates * m, gates * m, C(0));
          for (int64_t g = 0; g < gates; g++) std::fill_n(slopes + (g * tasks.part + r - r0) * m, m, C(0));
          if (dlast) std::fill_n(dlast + (t * B + r) * m, m, C(0));
        });
        for (int64_t g = 0; g < gates; g++)
          for (int64_t k = 0; k < deep.count; k++)
            for (int64_t j = 0; j < panels.count; j++)
              run.product(rows, panels.columns(j), panels.pitch(j), deep.size(k), slopes + g * tasks.part * m + k * deep.part, m,
                          packed + (g * panels.count + j) * width * m + k * deep.part * panels.pitch(j), dh + r0 * m + j * width, m, true);
      }
    }
  });
}

template <class F> void in_precision(DType t, F&& f) { t == DType::float64 ? f(double()) : f(float()); }

void recurrent(Cell cell, const Tensor& z, const Tensor& h, const Tensor& c, const Tensor& w, const Tensor& bias, const Tensor& here,
               bool reverse, Tensor& tape, Tensor& kept) {
  if (tape.size() == 0) return;
  in_precision(z.dtype(), [&](auto zero) {
    using C = decltype(zero);
    forward<C>(cell, Sizes(cell, tape, here, reverse), z.data<C>(), h.data<C>(), pointer<C>(c), w.data<C>(), bias.data<C>(),
               tape.data<C>(), pointer<C>(kept));
  });
}
void recurrent_pull(Cell cell, const Tensor& kept, const Tensor& tape, const Tensor& w, const Tensor& here, const Tensor& d, bool reverse,
                    Tensor& dz, Tensor& dlast, Tensor& dh, Tensor& dc) {
  if (tape.size() == 0) return;
  in_precision(tape.dtype(), [&](auto zero) {
    using C = decltype(zero);
    backward<C>(cell, Sizes(cell, tape, here, reverse), pointer<C>(kept), tape.data<C>(), w.data<C>(), d.data<C>(), dz.data<C>(),
                pointer<C>(dlast), dh.data<C>(), pointer<C>(dc));
  });
}

const Fill filled(kernel::recurrent, Device::cpu, recurrent), pull_filled(kernel::recurrent_pull, Device::cpu, recurrent_pull);

}  // namespace
}  // namespace chainrule
