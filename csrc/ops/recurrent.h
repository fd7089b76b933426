// A layer of recurrent cells over a sequence, in one direction.   Book: §7.2, §7.3
#pragma once
#include <string>

#include "core/tensor.h"

namespace chainrule {

// The last one has no kernel: it needs two products a step.
enum class Cell { rnn_tanh, rnn_relu, rnn_sigmoid, rnn_identity, lstm, gru, gru_reset_first };
inline int gates_of(Cell cell) { return cell == Cell::lstm ? 4 : cell >= Cell::gru ? 3 : 1; }
// What a step keeps for the way back, in widths of the state: see cpu/simd/recurrent.inc.
inline int kept_by(Cell cell) { return cell == Cell::lstm ? 5 : cell == Cell::gru ? 4 : 0; }

// The tape of states: h before and after each step, (T + 1, B, m) in the order of time whichever way it runs, and of an LSTM
// a last row with its final c. x (T, B, n), the state (B, m), W_hx (gates m, n) and W_hh (gates m, m); the biases and
// `here` (T, B) may be missing: where that is false the state waits.
Tensor recurrent(const std::string& cell, const Tensor& x, const Tensor& h, const Tensor& c, const Tensor& w_hx, const Tensor& w_hh,
                 const Tensor& b_x, const Tensor& b_h, const Tensor& here, bool reverse);

}  // namespace chainrule
