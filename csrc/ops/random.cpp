#include "ops/random.h"

#include "core/kernels.h"

namespace chainrule {
namespace {

Tensor draw(const char* op, const Slot<Tensor&, RandomKey>& slot, const Shape& shape, DType dtype, Device device, RandomKey key) {
  require<DTypeError>(is_float(dtype), op, "needs a floating type, got ", dtype);
  Tensor y = output(op, shape, dtype, device);
  slot(device, y, key);
  return y;
}

}  // namespace

Tensor random_uniform(const Shape& shape, DType dtype, Device device, RandomKey key) {
  return draw("uniform", kernel::random_uniform, shape, dtype, device, key);
}
Tensor random_normal(const Shape& shape, DType dtype, Device device, RandomKey key) {
  return draw("normal", kernel::random_normal, shape, dtype, device, key);
}
Tensor random_integers(const Shape& shape, int64_t n, Device device, RandomKey key) {
  require<ValueError>(n >= 0, "randint", "the range must not be empty, got ", n, " values");
  Tensor y = output("randint", shape, DType::int64, device);
  kernel::random_integers(device, y, n, key);
  return y;
}

}  // namespace chainrule
