// The kernels that are compiled once for each instruction set. These files include nothing else, so that no inline
// function of the standard library is compiled with instructions that another machine lacks.
#pragma once
#include <cstddef>
#include <cstdint>

namespace chainrule {

// Matrix products, tile by tile: c (rows x columns) = or += Σ a[i][k] b[k][j] over k < K, for 1 ... `rows` rows and
// 1 or 2 times `lanes` columns.
template <class T> struct Tile {
  using Multiply = void (*)(int64_t K, const T* a, ptrdiff_t a_row, ptrdiff_t a_step, const T* b, ptrdiff_t b_step, T* c,
                            ptrdiff_t c_row, bool add);
  int rows, lanes;
  Multiply in_place[2][14];
  // to[k pitch + i] = from[i across + k along] for i < n, k < K; up to `lanes` elements beyond may change
  void (*pack)(const T* from, ptrdiff_t across, ptrdiff_t along, int64_t n, ptrdiff_t pitch, int64_t K, T* to);
};

// Products with a vector: Σ x[k] y[k], and y[j] += Σ v[r v_step] a[r a_row + j] over r < rows; a may be `far`, in memory.
template <class T> struct VectorProducts {
  T (*dot)(const T* x, const T* y, int64_t n);
  void (*add_rows)(int64_t rows, const T* v, ptrdiff_t v_step, const T* a, ptrdiff_t a_row, int64_t n, bool far, T* y);
};

// For convolution, with operands read in place: c (rows x columns) = first[row] + or, without `first`, += Σ a[k][row]
// x[offset[k] + column].
template <class T> struct TapTile {
  using Multiply = void (*)(int64_t K, const T* a, const T* x, const int64_t* offset, const T* first, T* c, ptrdiff_t row_stride);
  int rows, lanes;                           // rows at most; the entries are for 1, 2, ... of them
  int columns[16];
  Multiply multiply[16], narrow[16];         // narrow ones make `lanes` columns
};
// sum[row][tap] += Σ d[row][i n + j] x[run[i] + offset[tap] + j] over i < runs and j < n, a multiple of `lanes`.
template <class T> struct DotTile {
  int lanes, rows, taps;                     // at most; the entries are for 1, 2, ... of them
  void (*dot[4][6])(int64_t runs, int64_t n, const T* d, ptrdiff_t d_row, const T* x, const int64_t* run, const int64_t* offset, T* sum,
                    ptrdiff_t sum_row);
};

// Taps of a kernel one below the other: the first reads x + offset, each of the others a row further down. Those of three
// taps come first, then those of two, then single ones.
struct TapColumn { int64_t offset, taps; };

// For convolution with few channels: rows of n points each, and the taps of one channel of x or of several.
template <class T> struct RowTile {
  int lanes, rows;                           // of a vector, and held in registers at a time
  void (*copy)(int64_t rows, int64_t n, const T* from, ptrdiff_t from_row, ptrdiff_t step, T* to, ptrdiff_t to_row);
  // z[r][j] = first + (or, to add, z[r][j] +=) Σ weight x[r + i][j] over the taps; x is read in whole vectors
  void (*multiply)(int64_t rows, int64_t columns, const TapColumn* column, const T* weight, const T* x, ptrdiff_t x_row, int64_t n, T first,
                   bool add, T* z, ptrdiff_t z_row);
  // the lanes of sum[tap] += Σ d[r][j] x[r + i][j]; d is read in whole vectors too
  void (*dot)(int64_t rows, int64_t columns, const TapColumn* column, const T* d, ptrdiff_t d_row, const T* x, ptrdiff_t x_row, int64_t n,
              T* sum);
};

// Convolution of a plane of x (H, W) with w (3, 3) and a border of one zero; x and d are read up to `beyond` elements beyond
// their ends.
template <class T> struct PlaneTile {
  int lanes, beyond;
  int64_t rows;                              // of d in a chain of sums
  // z[r][c] = first + Σ w[i][j] x[r + i - 1][c + j - 1]; missing where `RowTile` is quicker
  void (*conv)(int64_t H, int64_t W, const T* x, const T* w, T first, T* z);
  // the lanes of sum[i][j] += Σ d[r][c] x[r + i - 1][c + j - 1]
  void (*dot)(int64_t H, int64_t W, const T* x, const T* d, T* sum);
};

// The numbers of an optimiser's step, and the step on pieces of gradient, parameter and state.
template <class T> struct SgdNumbers { T alpha, mu, fresh, decay; bool nesterov; };
template <class T> struct AdamNumbers { T beta1, beta2, rest1, rest2, eps, rate, unbias, shrink, decay; };
template <class T> using SgdFunction = void (*)(const T* g, T* p, T* v, int64_t n, SgdNumbers<T> s);
template <class T> using AdamFunction = void (*)(const T* g, T* p, T* m, T* s, int64_t n, AdamNumbers<T> a);

// y[i] = Σ values[k] x[column[k]] over start[i] <= k < start[i + 1], for rows of `inner` elements.
template <class T>
using RowsFunction = void (*)(int64_t rows, const int64_t* start, const int64_t* column, const T* values, const T* x, int64_t inner, T* y);

// K-means: label[i] = argmin_k Σ_j (x[i p + j] - c[k p + j])² and distance[i] that least sum, for i < n <= points;
// `room` has (features + K) points elements.
template <class T> struct Nearest {
  int points, features;
  void (*find)(int64_t n, int64_t p, int64_t K, const T* x, const T* c, T* room, int64_t* label, T* distance);
};

// Convolution of 3 x 3 in tiles of 4 x 4, simd/winograd.inc; a vector holds `lanes` channels.
struct Winograd {
  using ToPoints = void (*)(int64_t n, const float* x, ptrdiff_t row, float* v, ptrdiff_t tile, ptrdiff_t point);
  int lanes;
  ToPoints window, result_slope;             // tiles of x, of the results' adjoint
  void (*result)(int64_t n, const float* c, ptrdiff_t tile, ptrdiff_t point, const float* plus, float* y, ptrdiff_t row);
  void (*kernel)(const float* g, ptrdiff_t tap, float* u, ptrdiff_t point);
  void (*kernel_slope)(const float* s, ptrdiff_t point, float* g, ptrdiff_t tap);
  void (*side_by_side)(const float* from, ptrdiff_t channel, int64_t channels, int64_t n, int64_t readable, float* to);
  void (*apart)(const float* from, int64_t channels, int64_t n, float* to, ptrdiff_t channel);
};

// A step of a recurrent cell between its matrix products, on some rows and `n` columns of a state m wide. Arrays of states have
// rows m apart; kept and dz have m numbers for each part or gate, one after another.
template <class T> struct CellStep {
  int64_t rows, n, m;
  T* sums;                                   // W_hx x + W_hh h: sums[gate sum_gate + row sum_row + column]; may change. Of a
  int64_t sum_gate, sum_row;                 // GRU's third gate that is W_hh h, and W_hx x comes as a fourth
  const T *bias, *h;                         // h before
  T *c, *out, *kept;                         // c in place; kept may be missing
};
// And backward: dh and dc in place, from the adjoints of the state after to those before, without what comes through W_hh h.
template <class T> struct CellSlope {
  int64_t rows, n, m;
  const T *kept, *h, *out, *d;               // d: what else rests on h
  T *dh, *dc, *dz;
  T* dsums;                                  // slopes of W_hh h: dsums[gate sum_gate + row m + column]
  int64_t sum_gate;
  T* dlast;                                  // of a GRU, those of its third gate
};
// For the cells in the order of `Cell`.
template <class T> struct Cells {
  void (*step[6])(const CellStep<T>& s);
  void (*slope[6])(const CellSlope<T>& s);
};

using VectorFunction = void (*)(const float* x, float* y, int64_t n);

struct SimdTable {
  const char* name;
  int64_t peak_flops;                        // of one round of
  float (*multiply_adds)(int64_t rounds);
  Tile<float> tile_f32;
  Tile<double> tile_f64;
  VectorProducts<float> vectors_f32;
  VectorProducts<double> vectors_f64;
  TapTile<float> taps_f32;
  TapTile<double> taps_f64;
  DotTile<float> dots_f32;
  DotTile<double> dots_f64;
  VectorFunction exp, expm1, log, log1p, tanh, sigmoid, softplus, erf, erfc, sin, cos, tan, atan;
  VectorFunction floor, ceil, round, trunc;
  float (*largest)(const float* x, int64_t n);
  // Σ e^(x - m), m >= x; into y, if there is one, its terms or their logarithms x - m
  double (*exp_minus)(const float* x, float m, float* y, bool logarithms, int64_t n);
  void (*affine)(const float* x, float a, float b, float c, float* y, int64_t n);                 // y = (x - a) b - c
  // attention between its products: scores to numerators of weights, and slopes of weights to slopes of scores
  bool (*soften)(int64_t keys, float* s, int64_t ahead, float* m, float* l, float* less);
  void (*soft_slope)(int64_t keys, int64_t all, float* s, float* d, ptrdiff_t row, int64_t ahead, const float* log_sum, const float* mean);
  void (*times)(int64_t n, const float* x, float factor, float* y);      // y = factor x, which may be y
  SgdFunction<float> sgd_f32;
  SgdFunction<double> sgd_f64;
  AdamFunction<float> adam_f32;
  AdamFunction<double> adam_f64;
  RowsFunction<float> rows_f32;
  RowsFunction<double> rows_f64;
  Nearest<float> nearest_f32;
  Nearest<double> nearest_f64;
  Cells<float> cells_f32;
  Cells<double> cells_f64;
  Winograd winograd;
  RowTile<float> row_f32;
  RowTile<double> row_f64;
  Tile<float> tile_pairs;                    // of bfloat16, two in a float: where there are AVX512-BF16 instructions
  // sums in float64: of a run, and total[k] += Σ x[r stride + k] over r < rows, for k < columns <= 1024
  double (*sum_run)(const float* x, int64_t n);
  void (*sum_rows)(const float* x, ptrdiff_t stride, int64_t rows, int64_t columns, double* total);
  // normalisation of a row, weights w and b or none: Σ (x - m)²;  y = (x - m) s w + b;  with g = d w the sums Σ g and Σ g (x - m);
  // y = s (g - first - (x - m) second);  of_w += d (x - m) s and of_b += d
  double (*sum_squares)(const float* x, float m, int64_t n);
  void (*standardize)(const float* x, float m, float s, const float* w, const float* b, float* y, int64_t n);
  void (*slope_sums)(const float* d, const float* w, const float* x, float m, int64_t n, double* sums);
  void (*slope)(const float* d, const float* w, const float* x, float m, float s, float first, float second, float* y, int64_t n);
  void (*add_slopes)(const float* d, const float* x, float m, float s, float* of_w, float* of_b, int64_t n);
  // y = x Φ(x) and y = d (Φ(x) + x φ(x)); the tables are those of activation.cpp
  void (*gelu)(const float* table, const float* x, float* y, int64_t n);
  void (*gelu_slope)(const float* table, const float* d, const float* x, float* y, int64_t n);
  // copies bytes to where they will not be read soon: past the caches, if the machine can
  void (*stream)(const void* from, void* to, size_t bytes);
  void (*fence)();                           // after the last of them
  PlaneTile<float> planes_f32;
  PlaneTile<double> planes_f64;
};

}  // namespace chainrule
