// Device memory: blocks are kept by size and reused, because cudaMalloc waits for the whole device.
#include <map>
#include <mutex>

#include "memory.cuh"

namespace chainrule {

struct Arena {
  std::multimap<size_t, void*> kept, retired;
};

namespace {

struct Pool {
  std::mutex lock;
  std::multimap<size_t, void*> kept;
  std::map<void*, Arena*> owners;            // blocks that belong to a captured graph
  Arena* arena = nullptr;                    // of the capture under way
  MemoryStatistics statistics;
};
Pool& pool() {
  static Pool* p = new Pool;
  return *p;
}
#if defined(__SANITIZE_ADDRESS__)
constexpr bool keep_blocks = false;          // reuse would hide use-after-free and overruns from the checker
size_t rounded(size_t bytes) { return bytes; }
#else
constexpr bool keep_blocks = true;
size_t rounded(size_t bytes) { return (bytes + 511) / 512 * 512; }
#endif

void give_back(Pool& p) {
  for (const auto& [size, block] : p.kept) {
    cudaFree(block);
    p.statistics.cached -= int64_t(size);
  }
  p.kept.clear();
}

void* from_system(Pool& p, size_t bytes, size_t size) {
  void* block = nullptr;
  cudaError_t error = cudaMalloc(&block, size);
  MemoryStatistics& s = p.statistics;
  if (error == cudaErrorMemoryAllocation && !p.arena) {    // once more with an empty cache
    cudaGetLastError();
    const int64_t held = s.cached;
    give_back(p);
    error = cudaMalloc(&block, size);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      size_t free_bytes = 0, total = 0;
      cudaMemGetInfo(&free_bytes, &total);
      fail<OutOfMemory>("allocate", bytes, " bytes asked on cuda, ", free_bytes, " of ", total, " free, ", s.in_use, " in use, ",
                        held, " were held for reuse and given back");
    }
  }
  check_cuda("allocate", error);
  s.system_calls++;
  return block;
}

void memory(MemoryStatistics* out) {
  std::lock_guard guard(pool().lock);
  *out = pool().statistics;
}
void reset_peak() {
  std::lock_guard guard(pool().lock);
  pool().statistics.peak = pool().statistics.in_use;
}
void empty_cache() {
  std::lock_guard guard(pool().lock);
  give_back(pool());
}

const Fill allocate_filled(kernel::allocate, Device::cuda, device_allocate);
const Fill release_filled(kernel::release, Device::cuda, device_release);
const Fill memory_filled(kernel::memory, Device::cuda, memory);
const Fill reset_filled(kernel::reset_peak, Device::cuda, reset_peak);
const Fill empty_filled(kernel::empty_cache, Device::cuda, empty_cache);

}  // namespace

void device_allocate(size_t bytes, void** out) {
  Pool& p = pool();
  std::lock_guard guard(p.lock);
  const size_t size = rounded(bytes);
  auto& kept = p.arena ? p.arena->kept : p.kept;
  if (const auto at = kept.find(size); at != kept.end()) {
    *out = at->second;
    kept.erase(at);
    p.statistics.cached -= int64_t(size);
  } else {
    *out = from_system(p, bytes, size);
    if (p.arena) p.owners[*out] = p.arena;
  }
  MemoryStatistics& s = p.statistics;
  s.allocations++;
  s.in_use += int64_t(size);
  if (s.in_use > s.peak) s.peak = s.in_use;
}

// Kernels still running read the block before the next user writes it: both are on one stream. A block that a captured
// graph may read or write goes to no one else while the graph lives.
void device_release(void* block, size_t bytes) {
  Pool& p = pool();
  std::lock_guard guard(p.lock);
  const size_t size = rounded(bytes);
  p.statistics.in_use -= int64_t(size);
  const auto owner = p.owners.find(block);
  if (owner == p.owners.end() && !p.arena && !keep_blocks) {
    cudaFree(block);
    return;
  }
  p.statistics.cached += int64_t(size);
  if (owner != p.owners.end()) owner->second->kept.emplace(size, block);
  else if (p.arena) p.arena->retired.emplace(size, block);
  else p.kept.emplace(size, block);
}

Arena* open_arena() {
  Pool& p = pool();
  std::lock_guard guard(p.lock);
  return p.arena = new Arena;
}
void shut_arena() {
  Pool& p = pool();
  std::lock_guard guard(p.lock);
  p.arena = nullptr;
}
void free_arena(Arena* arena) {
  Pool& p = pool();
  std::lock_guard guard(p.lock);
  for (auto* blocks : {&arena->kept, &arena->retired}) p.kept.insert(blocks->begin(), blocks->end());
  std::erase_if(p.owners, [&](const auto& entry) { return entry.second == arena; });
  delete arena;
}

}  // namespace chainrule
