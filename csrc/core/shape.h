// A short list of 64-bit sizes or strides, kept in place: no allocation on the way of an op.
#pragma once
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <ostream>
#include <vector>

#include "core/check.h"

namespace chainrule {

inline constexpr int max_ndim = 16;

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> v) : Shape(v.begin(), int64_t(v.size())) {}
  Shape(const std::vector<int64_t>& v) : Shape(v.data(), int64_t(v.size())) {}
  Shape(const int64_t* v, int64_t n) {
    require(n <= max_ndim, "shape", n, " axes given, at most ", max_ndim, " are supported");
    n_ = int(n);
    std::copy(v, v + n, v_);
  }
  Shape(const Shape& other) : n_(other.n_) { std::copy(other.v_, other.v_ + n_, v_); }
  Shape& operator=(const Shape& other) {
    n_ = other.n_;
    std::copy(other.v_, other.v_ + n_, v_);
    return *this;
  }
  static Shape filled(int n, int64_t value) {
    Shape s;
    for (int i = 0; i < n; i++) s.push_back(value);
    return s;
  }

  int size() const { return n_; }
  bool empty() const { return n_ == 0; }
  int64_t operator[](int i) const { return v_[i < 0 ? i + n_ : i]; }
  int64_t& operator[](int i) { return v_[i < 0 ? i + n_ : i]; }
  int64_t back() const { return v_[n_ - 1]; }
  int64_t* begin() { return v_; }
  int64_t* end() { return v_ + n_; }
  const int64_t* begin() const { return v_; }
  const int64_t* end() const { return v_ + n_; }
  void push_back(int64_t value) {
    require(n_ < max_ndim, "shape", "more than ", max_ndim, " axes");
    v_[n_++] = value;
  }
  void insert(int at, int64_t value) {
    push_back(value);
    std::rotate(v_ + at, v_ + n_ - 1, v_ + n_);
  }
  void erase(int at) {
    std::copy(v_ + at + 1, v_ + n_, v_ + at);
    n_--;
  }
  void pop_back() { n_--; }
  friend bool operator==(const Shape& a, const Shape& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

 private:
  int n_ = 0;
  int64_t v_[max_ndim];
};

inline std::ostream& operator<<(std::ostream& out, const Shape& s) {
  out << "(";
  for (int i = 0; i < s.size(); i++) out << (i ? ", " : "") << s[i];
  return out << (s.size() == 1 ? ",)" : ")");
}

// Number of elements; an overflow of 64 bits is an error that names the op.
int64_t count(const Shape& shape, const char* op = "shape");
Shape row_major(const Shape& shape);
Shape broadcast(const Shape& a, const Shape& b, const char* op);

// -1 means the last axis; anything outside is an IndexError in the user's words.
int normal_axis(int64_t axis, int ndim, const char* op);
// Which axes a reduction runs over: nothing means all of them.
using Axes = std::optional<Shape>;
// Sorted, not negative, free of duplicates.
Shape normal_axes(const Axes& axes, int ndim, const char* op);

}  // namespace chainrule
