#include "ops/create.h"

#include "core/graph.h"
#include "core/kernels.h"
#include "ops/views.h"

namespace chainrule {

Tensor empty(const Shape& shape, DType dtype, Device device) { return output("empty", shape, dtype, device); }
Tensor full(const Shape& shape, double value, int64_t integer, DType dtype, Device device) {
  Tensor y = output("full", shape, dtype, device);
  kernel::fill(device, y, value, integer);
  return y;
}
Tensor zeros(const Shape& shape, DType dtype, Device device) { return full(shape, 0, 0, dtype, device); }
Tensor arange(double start, double step, int64_t n, DType dtype, Device device) {
  Tensor y = output("arange", {n}, dtype, device);
  kernel::arange(device, y, start, step);
  return y;
}

namespace {
template <class T> Tensor scalar(T value) {
  Tensor y = output("scalar", Shape(), dtype_of<T>(), Device::cpu);
  *y.data<T>() = value;
  y.impl()->weak = true;
  return y;
}
}  // namespace
Tensor weak_scalar(double value) { return scalar(value); }
Tensor weak_scalar(int64_t value) { return scalar(value); }
Tensor weak_scalar(bool value) { return scalar(value); }

Tensor astype(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype && !x.weak()) return x;
  Tensor y = output("astype", x.shape(), dtype, {x});
  kernel::copy(x.device(), x, y);
  if (is_float(x) && is_float(dtype))
    link(y, x, [dtype](const Tensor& d) { return astype(d, dtype); },
         [t = x.dtype()](const Tensor& d) { return astype(d, t); });
  return y;
}

namespace {
void move_bytes(const Tensor& x, const Tensor& y) {
  const size_t bytes = size_t(x.size() * itemsize(x.dtype()));
  if (y.device() == Device::cpu) kernel::copy_bytes(Device::cuda, y.bytes(), x.bytes(), bytes, 1);
  else kernel::copy_bytes(Device::cuda, y.bytes(), x.bytes(), bytes, 0);
}
}  // namespace

Tensor to_device(const Tensor& x, Device device) {
  if (x.device() == device) return x;
  if (device == Device::cuda)
    if (const char* why = load_cuda()) fail<DeviceError>("to", "cuda is not available: ", why);
  const Tensor dense = contiguous(x.detached());
  Tensor y = output("to", x.shape(), x.dtype(), device);
  if (x.size()) move_bytes(dense, y);
  if (recording() && x.node()) attach_node("to", y);
  link(y, x, [device](const Tensor& d) { return to_device(d, device); },
       [from = x.device()](const Tensor& d) { return to_device(d, from); });
  return y;
}

Tensor copy(const Tensor& x) {
  Tensor y = output("copy", x.shape(), x.dtype(), {x});
  kernel::copy(x.device(), x, y);
  link(y, x, [](const Tensor& d) { return d; });
  return y;
}
Tensor contiguous(const Tensor& x) { return x.contiguous() ? x : copy(x); }
void assign(Tensor& place, const Tensor& x) { kernel::copy(place.device(), x, place); }
Tensor stop_gradient(const Tensor& x) { return x.detached(); }
void synchronize(Device device) {
  if (device == Device::cuda) kernel::synchronize(device);
}

DType strong_type(const Tensor& x) {
  return x.weak() && is_float(x) ? DType::float32 : x.dtype();
}
Tensor strong(const Tensor& x) { return x.weak() ? astype(x, strong_type(x)) : x; }
DType result_type(const Tensor& a, const Tensor& b) {
  if (a.weak() == b.weak()) return promote(strong_type(a), strong_type(b));
  const Tensor& weak = a.weak() ? a : b;
  const DType t = (a.weak() ? b : a).dtype();
  if (is_float(weak)) return is_float(t) ? t : DType::float32;
  if (is_integer(weak)) return t == DType::boolean ? DType::int64 : t;
  return t;
}

namespace {
void check_fits(const Tensor& number, DType dtype, const char* op) {
  if (number.dtype() != DType::int64) return;
  const int64_t v = *number.data<int64_t>();
  if (dtype == DType::uint8 || dtype == DType::int32)
    require<ValueError>(dtype == DType::uint8 ? v >= 0 && v < 256 : v == int32_t(v), op, "number ", v, " does not fit ", dtype,
                        "; use .astype(...) first");
}
// A Python number becomes a scalar of the wanted type at once: without a kernel on the CPU, without a wait elsewhere.
Tensor cast(const Tensor& x, DType dtype, Device device, const char* op) {
  if (!x.weak()) return astype(x, dtype);
  check_fits(x, dtype, op);
  Tensor y = output(op, Shape(), dtype, device);
  if (device != Device::cpu) {
    const double value = is_float(x) ? *x.data<double>() : is_integer(x) ? double(*x.data<int64_t>()) : *x.data<bool>();
    kernel::fill(device, y, value, is_float(x) ? int64_t(value) : is_integer(x) ? *x.data<int64_t>() : *x.data<bool>());
    return y;
  }
  each_type(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    *y.data<T>() = T(is_float(x) ? C(*x.data<double>()) : is_integer(x) ? C(*x.data<int64_t>()) : C(*x.data<bool>()));
  });
  return y;
}
Pair match_in(const char* op, const Tensor& a, const Tensor& b, DType t) {
  const Device device = a.weak() ? b.device() : a.device();
  Pair p{cast(a, t, device, op), cast(b, t, device, op)};
  if (p.a.shape() == p.b.shape()) return p;
  const Shape shape = broadcast(a.shape(), b.shape(), op);
  return {broadcast_to(p.a, shape), broadcast_to(p.b, shape)};
}
}  // namespace

Pair match(const char* op, const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype() && !a.weak() && !b.weak() && a.shape() == b.shape()) return {a, b};
  return match_in(op, a, b, result_type(a, b));
}
Pair match_float(const char* op, const Tensor& a, const Tensor& b) {
  const DType t = result_type(a, b);
  return match_in(op, a, b, is_float(t) ? t : DType::float32);
}
Tensor as_float(const Tensor& x) {
  if (is_float(x) && !x.weak()) return x;
  return astype(x, is_float(x) ? strong_type(x) : DType::float32);
}

}  // namespace chainrule
