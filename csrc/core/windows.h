// Windows on the axes of space: the geometry that convolution and pooling kernels are given.
#pragma once
#include <cstdint>
#include <vector>

namespace chainrule {

// Window i of an axis reads x[i stride + k dilation - before] for k < size, and zero where that is outside of x.
struct WindowAxis {
  int64_t in = 1, out = 1;                   // the size of x, and the number of windows
  int64_t size = 1, stride = 1, dilation = 1, before = 0;
};
// Depth, height, width; an op with fewer axes leaves the first ones as they are.
struct Windows {
  WindowAxis axis[3];
  int64_t groups = 1;
};

// Window i reads x[start[i] + k step] for k < count[i], all of them inside x, at least one.
struct PoolAxis {
  int64_t n = 1, step = 1;
  std::vector<int64_t> start{0}, count{1};
};

// A matrix (rows, n) that is zero outside of one run in each row: row i holds weight[first[i] + k] in column start[i] + k,
// k < length(i). Rows begin and end in order.
struct Band {
  int64_t n = 0;
  std::vector<int64_t> start, first{0};
  std::vector<double> weight;
  int64_t rows() const { return int64_t(start.size()); }
  int64_t length(int64_t i) const { return first[i + 1] - first[i]; }
  void add_row(int64_t from, const std::vector<double>& weights) {
    start.push_back(from);
    weight.insert(weight.end(), weights.begin(), weights.end());
    first.push_back(int64_t(weight.size()));
  }
};

}  // namespace chainrule
