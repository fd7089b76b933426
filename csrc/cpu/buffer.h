// A kernel's scratch memory, from what the allocator keeps.
#pragma once
#include "core/device.h"

namespace chainrule {

template <class C> struct Buffer {
  Ref<Storage> storage;
  C* p = nullptr;
  Buffer() = default;
  explicit Buffer(int64_t n) : storage(allocate(Device::cpu, size_t(n) * sizeof(C))), p(static_cast<C*>(storage->data)) {}
};

}  // namespace chainrule
