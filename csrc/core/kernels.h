// The kernel slots: one named place a kernel, one column a device. An empty column is an error in the user's words.
// Inputs are `const Tensor&`, outputs `Tensor&` or, where bytes are changed in place, `Tensor&` as well.
#pragma once
#include <algorithm>
#include <typeinfo>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/rng.h"
#include "core/tensor.h"

namespace chainrule {

struct SgdStep;
struct AdamStep;
struct Windows;
struct PoolAxis;
struct Band;
enum class Cell;

using Tensors = std::vector<Tensor>;
using AnyFunction = void (*)();

struct SlotBase {
  const char* name;
  const char* signature;                       // guards the copy from a plugin
  AnyFunction column[device_count] = {};
  SlotBase(const char* name, const char* signature);
};
// All slots of this library, in the order they were made.
CHAINRULE_PUBLIC std::vector<SlotBase*>& slots();
// Load the CUDA library and copy its filled columns; returns why that failed, or nothing.
const char* load_cuda();
const char* cuda_backend();                    // "cuda", or "cuda-emulator" for its kernels on the CPU
[[noreturn]] void no_kernel(const SlotBase& slot, Device device);

extern bool debug_nans;
void forbid_nan(const char* op, const Tensor& y);
bool has_nan(const Tensor& x);

namespace detail {
// Only an argument of type Tensor& is an output.
template <class A> struct nan_check {
  template <class B> static bool input(const B&) { return false; }
  template <class B> static void output(const char*, const B&) {}
};
template <> struct nan_check<const Tensor&> {
  static bool input(const Tensor& x) { return has_nan(x); }
  static void output(const char*, const Tensor&) {}
};
template <> struct nan_check<Tensor&> {
  static bool input(const Tensor&) { return false; }
  static void output(const char* op, const Tensor& y) { forbid_nan(op, y); }
};
template <> struct nan_check<const Tensors&> {
  static bool input(const Tensors& xs) { return std::any_of(xs.begin(), xs.end(), has_nan); }
  static void output(const char*, const Tensors&) {}
};
template <> struct nan_check<Tensors&> {
  static bool input(const Tensors&) { return false; }
  static void output(const char* op, const Tensors& ys) { for (const Tensor& y : ys) forbid_nan(op, y); }
};
}  // namespace detail

template <class... A> struct Slot : SlotBase {
  using Function = void (*)(A...);
  explicit Slot(const char* name) : SlotBase(name, typeid(Function).name()) {}

  void operator()(Device device, A... args) const {
    const auto f = reinterpret_cast<Function>(column[int(device)]);
    if (__builtin_expect(!f, 0)) no_kernel(*this, device);
    const bool watch = debug_nans && !(detail::nan_check<A>::input(args) || ...);
    f(std::forward<A>(args)...);
    if (__builtin_expect(watch, 0)) (detail::nan_check<A>::output(name, args), ...);
  }
};

// Plugs a function into a slot's column when the library is loaded.
struct Fill {
  template <class... A> Fill(Slot<A...>& slot, Device device, void (*f)(A...)) {
    slot.column[int(device)] = reinterpret_cast<AnyFunction>(f);
  }
};

namespace kernel {

using Unary = Slot<const Tensor&, Tensor&>;                             // x -> y
using Binary = Slot<const Tensor&, const Tensor&, Tensor&>;             // a, b -> y

// memory
inline Slot<size_t, void**> allocate{"allocate"};
inline Slot<void*, size_t> release{"release"};
inline Slot<void*, const void*, size_t, int> copy_bytes{"copy_bytes"};   // 0: host to device, 1: back, 2: within
inline Slot<> synchronize{"synchronize"};
inline Slot<int*> count_devices{"count_devices"};
inline Slot<MemoryStatistics*> memory{"memory"};
inline Slot<> reset_peak{"reset_peak"}, empty_cache{"empty_cache"};
inline Slot<DeviceProperties*> device_properties{"device_properties"};
// work captured once and replayed as one launch
inline Slot<> begin_capture{"begin_capture"};
inline Slot<void**> end_capture{"end_capture"};
inline Slot<void*> replay_graph{"replay_graph"}, release_graph{"release_graph"};

// Copies x into y, of the same shape and any strides and types, converting elements.
inline Unary copy{"copy"};
inline Slot<Tensor&, double, int64_t> fill{"fill"};                      // the value as a float and as an integer
inline Slot<Tensor&, double, double> arange{"arange"};                   // start + i * step

// pointwise: all of one shape, any strides; y row-major
inline Binary add{"add"}, subtract{"subtract"}, multiply{"multiply"}, divide{"divide"};
inline Binary floor_divide{"floor_divide"}, remainder{"remainder"}, power{"power"};
inline Binary maximum{"maximum"}, minimum{"minimum"};
inline Binary equal{"equal"}, not_equal{"not_equal"}, less{"less"}, less_equal{"less_equal"};   // y is boolean
inline Binary bitwise_and{"bitwise_and"}, bitwise_or{"bitwise_or"}, bitwise_xor{"bitwise_xor"};  // integers, booleans
using Ternary = Slot<const Tensor&, const Tensor&, const Tensor&, Tensor&>;
inline Ternary where{"where"};                                          // condition, a, b -> y
inline Ternary clip{"clip"};                                            // x, low, high -> y = min(max(x, low), high)
inline Unary abs{"abs"}, sign{"sign"}, bitwise_invert{"bitwise_invert"}, negative{"negative"};
// the rest of the elementwise functions: floating types only
inline Unary floor{"floor"}, ceil{"ceil"}, round{"round"}, trunc{"trunc"};                      // round: half to even
inline Unary exp{"exp"}, expm1{"expm1"}, log{"log"}, log1p{"log1p"}, log2{"log2"}, log10{"log10"};
inline Unary sqrt{"sqrt"}, rsqrt{"rsqrt"};
inline Unary sin{"sin"}, cos{"cos"}, tan{"tan"}, asin{"asin"}, acos{"acos"}, atan{"atan"};
inline Unary sinh{"sinh"}, cosh{"cosh"}, tanh{"tanh"}, asinh{"asinh"}, acosh{"acosh"}, atanh{"atanh"};
inline Binary atan2{"atan2"}, hypot{"hypot"}, logaddexp{"logaddexp"}, copysign{"copysign"};
inline Unary erf{"erf"}, erfc{"erfc"}, erfinv{"erfinv"}, lgamma{"lgamma"}, digamma{"digamma"};
inline Slot<const Tensor&, int64_t, Tensor&> polygamma{"polygamma"};                            // x, n >= 1
inline Unary sigmoid{"sigmoid"}, softplus{"softplus"}, relu{"relu"}, silu{"silu"}, mish{"mish"};
inline Unary gelu{"gelu"}, gelu_tanh{"gelu_tanh"};
inline Slot<const Tensor&, double, Tensor&> leaky_relu{"leaky_relu"}, elu{"elu"};               // x, slope or alpha
// y = d f'(x), where a composite would take several passes; those of tanh and sigmoid take f(x) in place of x
inline Binary tanh_slope{"tanh_slope"}, sigmoid_slope{"sigmoid_slope"}, silu_slope{"silu_slope"};
inline Binary mish_slope{"mish_slope"}, gelu_slope{"gelu_slope"}, gelu_tanh_slope{"gelu_tanh_slope"};
inline Slot<const Tensor&, const Tensor&, double, Tensor&> elu_slope{"elu_slope"};              // d, x, alpha
// y = d where x > 0, d slope where x < 0, d at_zero elsewhere; a slope of 0 makes 0 of any d
inline Slot<const Tensor&, const Tensor&, double, double, Tensor&> kink{"kink"};                // d, x, slope, at_zero

// reductions: y has x's axes, of size 1 where x is reduced
inline Unary sum{"sum"}, prod{"prod"};                                   // int64 or floating
inline Unary max{"max"}, min{"min"};                                     // any type, not empty; a NaN is taken
// along the middle axis of x (outer, n, inner), row-major
inline Unary argmax{"argmax"}, argmin{"argmin"};                         // y (outer, inner), int64; the first one, or the first NaN
inline Unary cumsum{"cumsum"}, cumprod{"cumprod"};
inline Binary linear_scan{"linear_scan"};                                // a, b -> y_k = a_k y_(k-1) + b_k, y_0 = 0

// windows: d (outer, count, inner, size) -> y (outer, n, inner); y[t] = Σ d[i, ..., k] over i step + k dilation = t
inline Slot<const Tensor&, int64_t, int64_t, Tensor&> fold{"fold"};      // d, step, dilation, y

// indexing: x (outer, n, inner), index of int64 values in [-n, n), y (outer, m, inner)
inline Binary take{"take"};
inline Binary index_add{"index_add"};                                    // d (outer, m, inner), index; y += there
inline Binary index_max{"index_max"};                                    // d (outer, m, inner), index; y = max(y, d) there
// the same with an index for each element, (outer, m, inner)
inline Binary take_along_axis{"take_along_axis"};
inline Binary scatter_add_along_axis{"scatter_add_along_axis"};          // d, index; y = Σ d there, 0 elsewhere
inline Binary put{"put"};                                                // values, row-major positions; y[position] = value
inline Slot<const Tensor&, int64_t*> count_nonzero{"count_nonzero"};
inline Unary nonzero{"nonzero"};                                         // x -> y (n, ndim) of positions

// sorting rows: equal elements stay in order, a NaN comes last in either direction
inline Slot<const Tensor&, bool, Tensor&> argsort{"argsort"};            // x (rows, n), descending -> the first k positions (rows, k)
inline Slot<const Tensor&, const Tensor&, bool, Tensor&> searchsorted{"searchsorted"};  // sorted (rows, n), values (rows, m), right -> y

// softmax along the middle axis of (outer, n, inner), row-major; a line of -∞ gives 0, its logarithm -∞
inline Unary softmax{"softmax"}, log_softmax{"log_softmax"};
// z (rows, K) against a class a row, with t = (1 - smoothing) e_class + smoothing / K; rows of the ignored class give 0
inline Slot<const Tensor&, const Tensor&, double, const int64_t*, Tensor&> softmax_cross_entropy{
    "softmax_cross_entropy"};                                            // z, classes, smoothing, ignored, y = -Σ t log softmax(z)
inline Slot<const Tensor&, const Tensor&, const Tensor&, double, const int64_t*, Tensor&> softmax_cross_entropy_slope{
    "softmax_cross_entropy_slope"};                                      // z, classes, d, ...; y = (softmax(z) - t) d

// Normalisation, γ (x - μ) / √(σ² + ε) + β. Statistics are in the type of computation; `scale` is 1 / √(σ² + ε).
// Weight γ and bias β may be missing (empty), and with them their outputs.
// x (rows, n), μ and scale (rows); without a centre μ = 0 and σ² = mean(x²).  x, weight, bias, eps, centred -> y, mean, scale
inline Slot<const Tensor&, const Tensor&, const Tensor&, double, bool, Tensor&, Tensor&, Tensor&> normalize_rows{"normalize_rows"};
// x, weight, mean, scale, d, centred -> dx, dweight, dbias
inline Slot<const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, bool, Tensor&, Tensor&, Tensor&>
    normalize_rows_pull{"normalize_rows_pull"};
// x (N, C, inner), all others (C).  x, weight, bias, eps -> y, mean, var
inline Slot<const Tensor&, const Tensor&, const Tensor&, double, Tensor&, Tensor&, Tensor&> normalize_channels{"normalize_channels"};
// x, weight, mean, var, d, eps -> dx, dweight, dbias
inline Slot<const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, double, Tensor&, Tensor&, Tensor&>
    normalize_channels_pull{"normalize_channels_pull"};

// attention, all row-major: q (heads, T, m), k (heads, S, m), v (heads, S, n), scale, causal (a query sees the keys up to its
// own number) -> y (heads, T, n) and, in the type of computation, log Σ e^score (heads, T). Without narrow types the CPU's may
// also be (batch, heads, T, m) with rows that lie apart
inline Slot<const Tensor&, const Tensor&, const Tensor&, double, bool, Tensor&, Tensor&> attention{"attention"};
// q, k, v, y, log Σ e^score, d, scale, causal -> dq, dk, dv
inline Slot<const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, double, bool, Tensor&, Tensor&,
            Tensor&> attention_pull{"attention_pull"};

// y = A x, A in compressed rows: indptr (rows + 1), indices and values (nnz), x (n, inner), y (rows, inner)
inline Slot<const Tensor&, const Tensor&, const Tensor&, const Tensor&, Tensor&> csr_matmul{"csr_matmul"};
// its adjoint in the values: y[k] = a[row of k] · b[indices[k]], a (rows, inner), b (n, inner) -> y (nnz)
inline Slot<const Tensor&, const Tensor&, const Tensor&, const Tensor&, Tensor&> csr_dot{"csr_dot"};

// a (batch, M, K) @ b (batch, K, N) -> y row-major; a and b of any strides
inline Binary matmul{"matmul"};
// y (M, N) = x wᵀ + b: float32 or float64, x (M, K), w (N, K), b (N), of any strides but b
inline Slot<const Tensor&, const Tensor&, const Tensor&, Tensor&> linear{"linear"};

// convolution: x (N, C, D, H, W), w (O, C / groups, kd, kh, kw), z (N, O, D', H', W'), all row-major; b (O) or none
inline Slot<const Tensor&, const Tensor&, const Tensor&, Tensor&, const Windows&> conv{"conv"};                      // x, w, b -> z
inline Slot<const Tensor&, const Tensor&, const Tensor&, Tensor&, const Windows&> conv_transpose{"conv_transpose"};  // z, w, b (C) -> x
inline Slot<const Tensor&, const Tensor&, Tensor&, const Windows&> conv_weight{"conv_weight"};                       // x, z -> w

// pooling: x (rows, D, H, W) -> y and the row-major positions in (D, H, W) of what was taken; all row-major
inline Slot<const Tensor&, const std::vector<PoolAxis>&, Tensor&, Tensor&> max_pool{"max_pool"};
// x (outer, n, inner) -> y (outer, m, inner), y = A x along the middle axis for a banded matrix A
inline Slot<const Tensor&, const Band&, Tensor&> band_matmul{"band_matmul"};

// K-means: x (n, p), centres (K, p), earlier labels (n) -> labels (n), squared distances (n), and of each cluster the sum
// of its points (K, p) in float64, their number (K); last, how many labels are new (1)
inline Slot<const Tensor&, const Tensor&, const Tensor&, Tensor&, Tensor&, Tensor&, Tensor&, Tensor&> nearest_centres{
    "nearest_centres"};

// random numbers
inline Slot<Tensor&, RandomKey> random_uniform{"random_uniform"}, random_normal{"random_normal"};
inline Slot<Tensor&, int64_t, RandomKey> random_integers{"random_integers"};

// optimisers: gradients, parameters, state ...; all row-major, those of one place in the lists of one shape and type
inline Slot<const Tensors&, Tensors&, Tensors&, SgdStep> sgd_update{"sgd_update"};
inline Slot<const Tensors&, Tensors&, Tensors&, Tensors&, AdamStep> adam_update{"adam_update"};

// A recurrent cell over a sequence, all row-major: x (T, B, n), w_hx (gates m, n), state h and, of an LSTM, c (B, m), w_hh (gates m, m),
// bias (gates m; a GRU has both of its third gate, 4 m), here (T, B) boolean or none: elsewhere the state waits. -> tape: the T + 1 states
// h in the order of time and at the end the last c; kept (T, B, parts m), or none: what the way back needs
inline Slot<Cell, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, bool, Tensor&,
            Tensor&> recurrent{"recurrent"};                             // cell, x, w_hx, h, c, w_hh, bias, here, reverse, tape, kept
// cell, kept, tape, w_hx, w_hh, here, d (of the tape), reverse -> dz (T, B, gates m), the slopes of W_hh h in a GRU's third gate (T, B, m)
// or none, dx or none, dh, dc
inline Slot<Cell, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, bool, Tensor&, Tensor&, Tensor&,
            Tensor&, Tensor&> recurrent_pull{"recurrent_pull"};

}  // namespace kernel
}  // namespace chainrule
