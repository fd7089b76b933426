#include "core/dtype.h"

#include <algorithm>

namespace chainrule {

// The smallest type that holds both, except that integers meeting a float take the float's type
// (float32 stays float32 beside an int64: the default type is never left in silence).
DType promote(DType a, DType b) {
  if (a == b) return a;
  if (a > b) std::swap(a, b);
  if (a == DType::float16 && b == DType::bfloat16) return DType::float32;
  return b;                     // the enumerators are ordered by what holds what
}

}  // namespace chainrule
