// Device memory, copies, faults and properties.
#include <map>
#include <mutex>

#include "cuda.cuh"

namespace chainrule {

cudaStream_t stream() {
  static cudaStream_t s = [] {
    cudaStream_t made;
    check_cuda("stream", cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    return made;
  }();
  return s;
}

void check_cuda(const char* op, cudaError_t error) {
  if (error == cudaSuccess) return;
  cudaGetLastError();
  if (error == cudaErrorMemoryAllocation) fail<OutOfMemory>(op, "the GPU has no more memory");
  fail<DeviceError>(op, "CUDA: ", cudaGetErrorString(error));
}

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
#if defined(__SANITIZE_ADDRESS__)
constexpr bool keep_blocks = false;                        // reuse would hide use-after-free and overruns from the checker
size_t rounded(size_t bytes) { return bytes; }
#else
constexpr bool keep_blocks = true;
size_t rounded(size_t bytes) { return (bytes + 511) / 512 * 512; }
#endif

void empty(Pool& p) {
  for (const auto& [_, block] : p.kept) cudaFree(block);
  p.kept.clear();
  p.statistics.cached = 0;
}

}  // namespace

void device_allocate(size_t bytes, void** out) {
  Pool& p = pool();
  std::lock_guard guard(p.lock);
  const size_t size = rounded(bytes);
  MemoryStatistics& s = p.statistics;
  const auto at = p.kept.find(size);
  if (at != p.kept.end()) {
    *out = at->second;
    p.kept.erase(at);
    s.cached -= int64_t(size);
  } else {
    cudaError_t error = cudaMalloc(out, size);
    if (error == cudaErrorMemoryAllocation) {              // once more with an empty cache
      cudaGetLastError();
      const int64_t held = s.cached;
      empty(p);
      error = cudaMalloc(out, size);
      if (error == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        size_t free_bytes = 0, total = 0;
        cudaMemGetInfo(&free_bytes, &total);
        fail<OutOfMemory>("allocate", bytes, " bytes asked on cuda, ", free_bytes, " of ", total, " free, ", s.in_use,
                          " in use, ", held, " were held for reuse and given back");
      }
    }
    check_cuda("allocate", error);
    s.system_calls++;
  }
  s.allocations++;
  s.in_use += int64_t(size);
  if (s.in_use > s.peak) s.peak = s.in_use;
}

// Kernels still running read the block before the next user writes it: both are on one stream.
void device_release(void* block, size_t bytes) {
  Pool& p = pool();
  std::lock_guard guard(p.lock);
  const size_t size = rounded(bytes);
  p.statistics.in_use -= int64_t(size);
  if (!keep_blocks) {
    cudaFree(block);
    return;
  }
  p.statistics.cached += int64_t(size);
  p.kept.emplace(size, block);
}

Fault* faults() {
  static Fault* record = [] {
    void* p = nullptr;
    check_cuda("faults", cudaMalloc(&p, sizeof(Fault)));
    check_cuda("faults", cudaMemsetAsync(p, 0, sizeof(Fault), stream()));
    return static_cast<Fault*>(p);
  }();
  return record;
}

namespace {

// Waits for the stream, then raises what a kernel found.
void wait(const char* op) {
  static Fault* seen = [] {
    void* p = nullptr;
    check_cuda("faults", cudaMallocHost(&p, sizeof(Fault)));     // page-locked: a copy to it needs no staging
    return static_cast<Fault*>(p);
  }();
  static std::mutex lock;
  std::lock_guard guard(lock);
  check_cuda(op, cudaMemcpyAsync(seen, faults(), sizeof(Fault), cudaMemcpyDeviceToHost, stream()));
  check_cuda(op, cudaStreamSynchronize(stream()));
  if (seen->kind == Fault::none) return;
  const Fault fault = *seen;
  check_cuda(op, cudaMemsetAsync(faults(), 0, sizeof(Fault), stream()));
  switch (fault.kind) {
    case Fault::index: fail<IndexError>(fault.op, "index ", fault.value, " is out of range for size ", fault.size);
    case Fault::label: fail<IndexError>(fault.op, "y holds class ", fault.value, ", needs 0 <= y < ", fault.size);
    case Fault::division: fail<ValueError>(fault.op, "division of an integer by zero");
    default: fail<ValueError>(fault.op, "integers to a negative power; use a floating type");
  }
}

}  // namespace

void copy_to_host(void* to, const void* from, size_t bytes) {
  check_cuda("copy", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()));
  wait("copy");
}

namespace {

void copy_bytes(void* to, const void* from, size_t bytes, int direction) {
  if (direction == 1) return copy_to_host(to, from, bytes);
  check_cuda("copy", cudaMemcpyAsync(to, from, bytes, direction == 0 ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice, stream()));
  if (direction == 0) check_cuda("copy", cudaStreamSynchronize(stream()));   // the source may go as soon as this returns
}
void synchronize() { wait("synchronize"); }
void count_devices(int* n) { check_cuda("device_count", cudaGetDeviceCount(n)); }
void memory(MemoryStatistics* out) {
  std::lock_guard guard(pool().lock);
  *out = pool().statistics;
}

const Fill allocate_filled(kernel::allocate, Device::cuda, device_allocate);
const Fill release_filled(kernel::release, Device::cuda, device_release);
const Fill copy_filled(kernel::copy_bytes, Device::cuda, copy_bytes);
const Fill synchronize_filled(kernel::synchronize, Device::cuda, synchronize);
const Fill count_filled(kernel::count_devices, Device::cuda, count_devices);
const Fill memory_filled(kernel::memory, Device::cuda, memory);

}  // namespace
}  // namespace chainrule
