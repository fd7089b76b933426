// Comparison, bits and choice: y row-major, inputs of its shape and any strides.
#include "map.cuh"

namespace chainrule {
namespace {

struct Equal { template <class C> __device__ bool operator()(C a, C b) const { return a == b; } };
struct NotEqual { template <class C> __device__ bool operator()(C a, C b) const { return a != b; } };
struct Less { template <class C> __device__ bool operator()(C a, C b) const { return a < b; } };
struct LessEqual { template <class C> __device__ bool operator()(C a, C b) const { return a <= b; } };
struct And { template <class C> __device__ C operator()(C a, C b) const { return a & b; } };
struct Or { template <class C> __device__ C operator()(C a, C b) const { return a | b; } };
struct Xor { template <class C> __device__ C operator()(C a, C b) const { return a ^ b; } };
struct Invert {
  template <class C> __device__ C operator()(C x) const {
    if constexpr (std::is_same_v<C, bool>) return !x;
    else return C(~x);
  }
};

template <auto& slot, class F> void compare(const Tensor& a, const Tensor& b, Tensor& y) {
  each_type(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, bool>(slot.name, a, b, y, F{});
  });
}

// y[i] = condition[i] ? a[i] : b[i].  One thread an element, any strides: bound by memory.
template <class T>
__global__ void where_elements(const bool* condition, const T* a, const T* b, T* y, Strided<4> axes) {
  for (int64_t i = first(); i < axes.n; i += stride()) {
    int64_t at[4];
    axes.at(i, at);
    y[at[3]] = condition[at[0]] ? a[at[1]] : b[at[2]];
  }
}
void where(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.size() == 0) return;
  each_size(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Strided<4> axes(y.shape(), {condition.strides(), a.strides(), b.strides(), y.strides()});
    launch("where", where_elements<T>, blocks(y.size()), threads, 0, condition.data<bool>(), a.data<T>(), b.data<T>(),
           y.data<T>(), axes);
  });
}

const Fill filled[] = {
    {kernel::equal, Device::cuda, compare<kernel::equal, Equal>},
    {kernel::not_equal, Device::cuda, compare<kernel::not_equal, NotEqual>},
    {kernel::less, Device::cuda, compare<kernel::less, Less>},
    {kernel::less_equal, Device::cuda, compare<kernel::less_equal, LessEqual>},
    {kernel::bitwise_and, Device::cuda, binary<kernel::bitwise_and, Bits, And>},
    {kernel::bitwise_or, Device::cuda, binary<kernel::bitwise_or, Bits, Or>},
    {kernel::bitwise_xor, Device::cuda, binary<kernel::bitwise_xor, Bits, Xor>},
};
const Fill invert_filled(kernel::bitwise_invert, Device::cuda, unary<kernel::bitwise_invert, Bits, Invert>);
const Fill where_filled(kernel::where, Device::cuda, where);

}  // namespace
}  // namespace chainrule
