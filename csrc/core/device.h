// Where bytes live, and the caching allocator that hands them out.
#pragma once
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>

#include "core/ref.h"

namespace chainrule {

enum class Device : uint8_t { cpu, cuda };
inline constexpr int device_count = 2;
inline const char* name(Device d) { return d == Device::cpu ? "cpu" : "cuda"; }
inline std::ostream& operator<<(std::ostream& out, Device d) { return out << name(d); }

// A block of bytes with one owner count. `release` gives foreign memory (NumPy, DLPack) back to whom it came from.
struct Storage {
  std::atomic<int64_t> references{0};
  void* data = nullptr;
  size_t bytes = 0;
  Device device = Device::cpu;
  bool writable = true;
  void (*release)(Storage*) = nullptr;
  void* owner = nullptr;
};
void destroy(Storage* storage);

Ref<Storage> allocate(Device device, size_t bytes);

struct MemoryStatistics {
  int64_t in_use = 0;          // bytes in live tensors
  int64_t peak = 0;            // the most that in_use has been
  int64_t cached = 0;          // bytes kept for reuse
  int64_t allocations = 0;     // blocks ever handed out
  int64_t system_calls = 0;    // of these, blocks the system had to give
};
struct DeviceProperties {
  std::string name;
  int major = 0, minor = 0, processors = 0, driver = 0, runtime = 0;
  int64_t memory = 0, shared_memory = 0, cache = 0;          // bytes
};
MemoryStatistics memory_statistics();
void reset_peak();
void empty_cache();

}  // namespace chainrule
