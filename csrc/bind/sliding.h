// Arguments of ops whose windows slide.
#pragma once
#include "bind/casters.h"
#include "ops/conv.h"

namespace chainrule {

// An int for all axes, or one for each.
inline Shape per_axis(const char* op, const char* name, const Shape& given, int axes) {
  if (given.size() == 1) return Shape::filled(axes, given[0]);
  require<ValueError>(given.size() == axes, op, name, " ", given, " needs ", axes, " entries, one a spatial axis");
  return given;
}

// The same, where an entry may be a pair: before and after.
inline void read_padding(const char* op, py::handle given, int axes, Shape& before, Shape& after) {
  if (!PySequence_Check(given.ptr()) || PyUnicode_Check(given.ptr())) {
    before = after = per_axis(op, "padding", given.cast<Shape>(), axes);
    return;
  }
  for (py::handle entry : given.cast<py::sequence>()) {
    const Shape pair = entry.cast<Shape>();
    require<ValueError>(pair.size() == 1 || pair.size() == 2, op, "padding needs an int or a pair (before, after) for each axis, got ",
                        pair);
    before.push_back(pair[0]);
    after.push_back(pair.back());
  }
  before = per_axis(op, "padding", before, axes);
  after = per_axis(op, "padding", after, axes);
}

}  // namespace chainrule
