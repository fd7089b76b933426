// The stream, copies, faults and properties.
#include <atomic>
#include <mutex>

#include "graph.cuh"

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
  if (error == cudaErrorStreamCaptureUnsupported || error == cudaErrorStreamCaptureInvalidated)
    fail<DeviceError>(op, "this cannot be captured in a graph: CUDA: ", cudaGetErrorString(error));
  fail<DeviceError>(op, "CUDA: ", cudaGetErrorString(error));
}

Faults faults() {
  static Fault* record = [] {
    void* p = nullptr;
    check_cuda("faults", cudaMalloc(&p, sizeof(Fault)));
    check_cuda("faults", cudaMemsetAsync(p, 0, sizeof(Fault), stream()));
    return static_cast<Fault*>(p);
  }();
  static std::atomic<uint64_t> launches{0};
  constexpr uint64_t numbers = (uint64_t(1) << (64 - Faults::place_bits)) - 1;
  return {record, launches.fetch_add(1, std::memory_order_relaxed) % numbers + 1};
}

namespace {

void refuse_capture(const char* op) {
  require<DeviceError>(!capturing(), op, "a step that is captured in a graph cannot read a value on the host or move one there");
}

// Waits for the stream, then raises what a kernel found.
void wait(const char* op) {
  refuse_capture(op);
  static Fault* seen = [] {
    void* p = nullptr;
    check_cuda("faults", cudaMallocHost(&p, sizeof(Fault)));     // page-locked: a copy to it needs no staging
    return static_cast<Fault*>(p);
  }();
  static std::mutex lock;
  std::lock_guard guard(lock);
  check_cuda(op, cudaMemcpyAsync(seen, faults().record, sizeof(Fault), cudaMemcpyDeviceToHost, stream()));
  check_cuda(op, cudaStreamSynchronize(stream()));
  if (seen->key == 0) return;
  const Fault fault = *seen;
  check_cuda(op, cudaMemsetAsync(faults().record, 0, sizeof(Fault), stream()));
  switch (fault.kind) {
    case Fault::index: fail<IndexError>(fault.op, "index ", fault.value, " is out of range for size ", fault.size);
    case Fault::label: fail<IndexError>(fault.op, "y holds class ", fault.value, ", needs 0 <= y < ", fault.size);
    case Fault::column: fail<IndexError>(fault.op, "index ", fault.value, " is out of range for ", fault.size, " rows of x");
    case Fault::pattern_ends:
      fail<ValueError>(fault.op, "indptr must go from 0 to the number of values, ", fault.size, ", got ", fault.value, " to ",
                       fault.other);
    case Fault::pattern_falls:
      fail<ValueError>(fault.op, "indptr must not fall, got ", fault.value, " before ", fault.other, " at row ", fault.size);
    case Fault::division: fail<ValueError>(fault.op, "division of an integer by zero");
    default: fail<ValueError>(fault.op, "integers to a negative power; use a floating type");
  }
}

}  // namespace

void copy_to_host(void* to, const void* from, size_t bytes) {
  refuse_capture("copy");
  check_cuda("copy", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()));
  wait("copy");
}

namespace {

void copy_bytes(void* to, const void* from, size_t bytes, int direction) {
  if (direction == 1) return copy_to_host(to, from, bytes);
  if (direction == 0) refuse_capture("copy");
  check_cuda("copy", cudaMemcpyAsync(to, from, bytes, direction == 0 ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToDevice, stream()));
  if (direction == 0) check_cuda("copy", cudaStreamSynchronize(stream()));   // the source may go as soon as this returns
}
void synchronize() { wait("synchronize"); }
void count_devices(int* n) { check_cuda("device_count", cudaGetDeviceCount(n)); }
void properties(DeviceProperties* out) {
  cudaDeviceProp p;
  int device = 0;
  check_cuda("properties", cudaGetDevice(&device));
  check_cuda("properties", cudaGetDeviceProperties(&p, device));
  out->name = p.name;
  out->major = p.major;
  out->minor = p.minor;
  out->processors = p.multiProcessorCount;
  out->memory = int64_t(p.totalGlobalMem);
  out->shared_memory = int64_t(p.sharedMemPerBlockOptin);
  out->cache = p.l2CacheSize;
  check_cuda("properties", cudaDriverGetVersion(&out->driver));
  check_cuda("properties", cudaRuntimeGetVersion(&out->runtime));
}

const Fill copy_filled(kernel::copy_bytes, Device::cuda, copy_bytes);
const Fill synchronize_filled(kernel::synchronize, Device::cuda, synchronize);
const Fill count_filled(kernel::count_devices, Device::cuda, count_devices);
const Fill properties_filled(kernel::device_properties, Device::cuda, properties);

}  // namespace
}  // namespace chainrule
