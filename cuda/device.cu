// Device memory, copies and properties.
#include <map>
#include <mutex>

#include "cuda.cuh"

namespace chainrule {
namespace {

// Blocks are kept by size and reused: cudaMalloc waits for the whole device.
struct Pool {
  std::mutex lock;
  std::multimap<size_t, void*> kept;
  MemoryStatistics statistics;
};
Pool& pool() {
  static Pool* p = new Pool;
  return *p;
}
size_t rounded(size_t bytes) { return (bytes + 511) / 512 * 512; }

void allocate(size_t bytes, void** out) {
  Pool& p = pool();
  std::lock_guard guard(p.lock);
  const size_t size = rounded(bytes);
  MemoryStatistics& s = p.statistics;
  s.allocations++;
  s.in_use += int64_t(size);
  if (s.in_use > s.peak) s.peak = s.in_use;
  const auto at = p.kept.find(size);
  if (at != p.kept.end()) {
    *out = at->second;
    p.kept.erase(at);
    s.cached -= int64_t(size);
    return;
  }
  s.system_calls++;
  if (cudaMalloc(out, size) == cudaSuccess) return;
  cudaGetLastError();
  for (const auto& [_, block] : p.kept) cudaFree(block);            // once more with an empty cache
  p.kept.clear();
  s.cached = 0;
  if (cudaMalloc(out, size) == cudaSuccess) return;
  cudaGetLastError();
  s.in_use -= int64_t(size);
  size_t free_bytes = 0, total = 0;
  cudaMemGetInfo(&free_bytes, &total);
  fail<OutOfMemory>("allocate", bytes, " bytes asked on cuda, ", free_bytes, " of ", total, " free, ", s.in_use, " in use");
}

// Kernels still running read the block before the next user writes it: both are on one stream.
void release(void* block, size_t bytes) {
  Pool& p = pool();
  std::lock_guard guard(p.lock);
  const size_t size = rounded(bytes);
  p.statistics.in_use -= int64_t(size);
  p.statistics.cached += int64_t(size);
  p.kept.emplace(size, block);
}

void copy_bytes(void* to, const void* from, size_t bytes, int direction) {
  constexpr cudaMemcpyKind kinds[] = {cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice};
  check_cuda("copy", cudaMemcpyAsync(to, from, bytes, kinds[direction], stream()));
  if (direction != 2) check_cuda("copy", cudaStreamSynchronize(stream()));
}
void synchronize() { check_cuda("synchronize", cudaStreamSynchronize(stream())); }
void count_devices(int* n) { check_cuda("device_count", cudaGetDeviceCount(n)); }
void memory(MemoryStatistics* out) {
  std::lock_guard guard(pool().lock);
  *out = pool().statistics;
}

const Fill allocate_filled(kernel::allocate, Device::cuda, allocate);
const Fill release_filled(kernel::release, Device::cuda, release);
const Fill copy_filled(kernel::copy_bytes, Device::cuda, copy_bytes);
const Fill synchronize_filled(kernel::synchronize, Device::cuda, synchronize);
const Fill count_filled(kernel::count_devices, Device::cuda, count_devices);
const Fill memory_filled(kernel::memory, Device::cuda, memory);

}  // namespace
}  // namespace chainrule
