#include "ops/recurrent.h"

#include <algorithm>

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/activation.h"
#include "ops/create.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/views.h"

namespace chainrule {
namespace {

const char* const names[] = {"rnn_tanh", "rnn_relu", "rnn_sigmoid", "rnn_identity", "lstm", "gru", "gru_reset_first"};

Cell cell_named(const std::string& name) {
  const auto at = std::find(std::begin(names), std::end(names), name);
  require<ValueError>(at != std::end(names), "recurrent", "cell '", name, "' is unknown");
  return Cell(at - std::begin(names));
}

Tensor plus(const Tensor& z, const Tensor& b) { return b ? z + b : z; }
// n elements of an axis, from `begin` on.
Tensor piece(const Tensor& x, int axis, int64_t begin, int64_t n) {
  Shape start = Shape::filled(x.ndim(), 0), size = x.shape();
  start[axis] = begin;
  size[axis] = n;
  return slice(x, start, size, Shape::filled(x.ndim(), 1));
}
Tensor gates(const Tensor& z, int64_t m, int64_t first, int64_t n = 1) { return piece(z, z.ndim() - 1, first * m, n * m); }

// ---- the composite: one step, (inputs' share, state, W_hh transposed, b_h) -> state
struct State { Tensor h, c; };

// h ← S(W_hx x + W_hh h + b).   Book: (7.2)
State rnn_step(Cell cell, const Tensor& z_x, const State& s, const Tensor& w, const Tensor& b) {
  const Tensor z = plus(z_x + matmul(s.h, w), b);
  return {cell == Cell::rnn_tanh ? tanh(z) : cell == Cell::rnn_relu ? relu(z, 0) : cell == Cell::rnn_sigmoid ? sigmoid(z) : z, {}};
}

// c ← g_f c + g_i c̃,  h ← g_o tanh(c), gates in the order i, f, c̃, o.   Book: (7.16), (7.17)
State lstm_step(const Tensor& z_x, const State& s, const Tensor& w, const Tensor& b) {
  const int64_t m = s.h.dim(-1);
  const Tensor z = plus(z_x + matmul(s.h, w), b), g = sigmoid(z);        // of c̃ too, unused: one op over 4 m is less than three
  const Tensor c = gates(g, m, 1) * s.c + gates(g, m, 0) * tanh(gates(z, m, 2));
  return {gates(g, m, 3) * tanh(c), c};
}

// h ← (1 - g_z) h̃ + g_z h,  h̃ = tanh(W_x x + g_r (W_h h + b)), order g_r, g_z, h̃; the book has W_h (g_r h) + b.   Book: (7.18), (7.19)
State gru_step(Cell cell, const Tensor& z_x, const State& s, const Tensor& w, const Tensor& b) {
  const int64_t m = s.h.dim(-1);
  Tensor g, z_h;
  if (cell == Cell::gru_reset_first) {
    g = sigmoid(plus(gates(z_x, m, 0, 2) + matmul(s.h, gates(w, m, 0, 2)), b ? gates(b, m, 0, 2) : b));
    z_h = plus(matmul(gates(g, m, 0) * s.h, gates(w, m, 2)), b ? gates(b, m, 2) : b);
  } else {
    const Tensor z = plus(matmul(s.h, w), b);
    g = sigmoid(gates(z_x, m, 0, 2) + gates(z, m, 0, 2));
    z_h = gates(g, m, 0) * gates(z, m, 2);
  }
  const Tensor fresh = tanh(gates(z_x, m, 2) + z_h);
  return {fresh + gates(g, m, 1) * (s.h - fresh), {}};
}

// x[0], x[1], ..., by halves: so the pull of T slices costs T log T, not T².
void times(const Tensor& x, std::vector<Tensor>& out) {
  const int64_t T = x.dim(0), half = T / 2;
  if (T == 0) return;
  if (T == 1) return out.push_back(select(x, 0, 0));
  times(piece(x, 0, 0, half), out);
  times(piece(x, 0, half, T - half), out);
}

struct Inputs {
  enum { x, h, c, w_hx, w_hh, b_x, b_h };
};
Tensor steps(Cell cell, const std::vector<Tensor>& in, const Tensor& here, bool reverse) {
  std::vector<Tensor> inputs, present;
  times(plus(matmul(in[Inputs::x], transpose(in[Inputs::w_hx], 0, 1)), in[Inputs::b_x]), inputs);
  if (here) times(expand_dims(here, -1), present);
  const Tensor w = transpose(in[Inputs::w_hh], 0, 1), b = in[Inputs::b_h];
  State state{in[Inputs::h], in[Inputs::c]};
  std::vector<Tensor> tape{state.h};
  for (size_t i = 0; i < inputs.size(); i++) {
    const size_t t = reverse ? inputs.size() - 1 - i : i;
    State next = cell == Cell::lstm ? lstm_step(inputs[t], state, w, b)
                 : cell < Cell::lstm ? rnn_step(cell, inputs[t], state, w, b) : gru_step(cell, inputs[t], state, w, b);
    if (here) {
      next.h = where(present[t], next.h, state.h);
      if (next.c) next.c = where(present[t], next.c, state.c);
    }
    state = next;
    tape.push_back(state.h);
  }
  if (reverse) std::reverse(tape.begin(), tape.end());
  if (state.c) tape.push_back(state.c);
  return stack(tape, 0);
}

// ---- the kernels
Tensor bare(const Tensor& x) { return x ? contiguous(x.detached()) : x; }
Tensor rows(const Tensor& x) { return reshape(x, {-1, x.dim(-1)}); }
Tensor over_rows(const Tensor& x) { return sum(rows(x), Shape{0}, drop); }

// Both biases in one, but for a GRU's third gate, where the second is inside the reset.
Tensor joined_bias(Cell cell, const Tensor& w, const Tensor& b_x, const Tensor& b_h) {
  const Tensor none = b_x && b_h ? Tensor() : zeros({w.dim(0)}, w.dtype(), w.device());
  const Tensor x = b_x ? b_x.detached() : none, h = b_h ? b_h.detached() : none;
  if (cell != Cell::gru) return contiguous(x + h);
  const int64_t m = w.dim(1);
  return concat({gates(x, m, 0, 2) + gates(h, m, 0, 2), gates(x, m, 2), gates(h, m, 2)}, 0);
}

Tensor fused(Cell cell, const std::vector<Tensor>& in, const Tensor& here, bool reverse) {
  const Tensor x = bare(in[Inputs::x]), h = bare(in[Inputs::h]), c = bare(in[Inputs::c]), w_hx = bare(in[Inputs::w_hx]),
               w = bare(in[Inputs::w_hh]);
  const int64_t T = x.dim(0), B = x.dim(1), m = w.dim(1);
  std::vector<Tensor> given;
  for (const Tensor& t : in) if (t) given.push_back(t);
  const auto fresh = [type = x.dtype(), device = x.device()](bool wanted, const Shape& shape) {
    return wanted ? empty(shape, type, device) : Tensor();
  };
  Tensor tape = output("recurrent", {T + 1 + (c ? 1 : 0), B, m}, x.dtype(), given);
  Tensor kept = fresh(tape.node() && kept_by(cell) > 0, {T, B, kept_by(cell) * m});
  kernel::recurrent(x.device(), cell, x, w_hx, h, c, w, joined_bias(cell, w, in[Inputs::b_x], in[Inputs::b_h]), here, reverse, tape, kept);

  const auto varies = [=](int i) { return bool(in[i].node()); };
  link_composite(tape, in, [=](const std::vector<Tensor>& in) { return steps(cell, in, here, reverse); },
                 [=, tape = tape.detached(), of_x = varies(Inputs::x), of_hx = varies(Inputs::w_hx), of_hh = varies(Inputs::w_hh)](
                     const Tensor& d) {
    Tensor dz = fresh(true, {T, B, w.dim(0)}), last = fresh(cell == Cell::gru, {T, B, m});
    Tensor dx = fresh(of_x, x.shape()), dh = fresh(true, {B, m}), dc = fresh(bool(c), {B, m});
    kernel::recurrent_pull(d.device(), cell, kept, tape, w_hx, w, here, contiguous(d.detached()), reverse, dz, last, dx, dh, dc);
    // with dz the slopes of products, rows of all times: dW_hx = dzᵀ x, dW_hh = dzᵀ h before, db = Σ dz
    const auto weight = [](const Tensor& dz, const Tensor& x) { return matmul(transpose(rows(dz), 0, 1), rows(x)); };
    const Tensor before = piece(tape, 0, reverse ? 1 : 0, T), both = last ? gates(dz, m, 0, 2) : dz;
    const Tensor dw_hx = of_hx ? weight(dz, x) : Tensor();
    const Tensor dw_hh = !of_hh ? Tensor() : last ? concat({weight(both, before), weight(last, before)}, 0) : weight(dz, before);
    const Tensor db_x = over_rows(dz), db_h = last ? concat({gates(db_x, m, 0, 2), over_rows(last)}, 0) : db_x;
    return std::vector<Tensor>{dx, dh, dc, dw_hx, dw_hh, db_x, db_h};
  });
  return tape;
}

}  // namespace

Tensor recurrent(const std::string& name, const Tensor& x, const Tensor& h, const Tensor& c, const Tensor& w_hx, const Tensor& w,
                 const Tensor& b_x, const Tensor& b_h, const Tensor& here, bool reverse) {
  const char* op = "recurrent";
  const Cell cell = cell_named(name);
  const int64_t m = w.ndim() == 2 ? w.dim(1) : 0, n = x.ndim() == 3 ? x.dim(2) : 0;
  require(x.ndim() == 3 && w.ndim() == 2 && w.shape() == Shape{gates_of(cell) * m, m} && w_hx.shape() == Shape{w.dim(0), n}, op, "x ",
          x.shape(), ", w_hx ", w_hx.shape(), " and w_hh ", w.shape(), " need shapes (T, B, n), (", gates_of(cell), " m, n) and (",
          gates_of(cell), " m, m)");
  const Shape state{x.dim(1), m}, bias{w.dim(0)}, times{x.dim(0), x.dim(1)};
  require(bool(c) == (cell == Cell::lstm), op, "an lstm has a state c, others have none");
  require(h.shape() == state && (!c || c.shape() == state), op, "state ", h.shape(), " needs shape ", state);
  require((!b_x || b_x.shape() == bias) && (!b_h || b_h.shape() == bias), op, "a bias needs shape ", bias);
  require(!here || (here.shape() == times && here.dtype() == DType::boolean), op, "here needs booleans of shape ", times);

  std::vector<Tensor> in{x, h, c, w_hx, w, b_x, b_h};
  DType type = as_float(x).dtype();
  for (const Tensor& t : in) if (t) type = promote(type, as_float(t).dtype());
  const bool plain = cell == Cell::gru_reset_first || !kernel::recurrent.column[int(x.device())];
  const DType computed = plain || type == DType::float64 ? type : DType::float32;       // narrow ones are rounded once, at the end
  for (Tensor& t : in) if (t) t = astype(t, computed);
  return astype(plain ? steps(cell, in, here, reverse) : fused(cell, in, here ? contiguous(here) : here, reverse), type);
}

}  // namespace chainrule
