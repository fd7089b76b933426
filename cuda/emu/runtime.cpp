#include "cuda_runtime.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace emu {

struct Graph { std::vector<std::function<void()>> work; };

namespace {

thread_local cudaError_t last = cudaSuccess;
thread_local std::string why;                              // what was wrong with the last launch
thread_local std::unique_ptr<Graph> capture;
thread_local bool invalidated = false;

cudaError_t failed(cudaError_t error, std::string reason = {}) {
  last = error;
  why = std::move(reason);
  return error;
}
// Calls that a capture forbids end it.
cudaError_t forbidden() {
  invalidated = true;
  return failed(cudaErrorStreamCaptureUnsupported);
}

bool guarded() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;                                            // the checkers fence every block themselves
#else
  static const bool on = std::getenv("CHAINRULE_EMULATOR_GUARD") && *std::getenv("CHAINRULE_EMULATOR_GUARD") == '1';
  return on;
#endif
}
// Device memory by address. With the guard all of it lies in one reserved range that only an open gate makes accessible.
struct Memory {
  std::mutex lock;
  std::map<void*, size_t> blocks;
  std::multimap<size_t, void*> free;                       // guarded only: pieces of the range given back
  size_t used = 0;
  int open = 0;
  char *base = nullptr, *top = nullptr;
};
Memory& memory() {
  static Memory* m = new Memory;
  return *m;
}
size_t limit() {
  const char* mib = std::getenv("CHAINRULE_EMULATOR_MIB");
  return (mib ? std::strtoull(mib, nullptr, 10) : 4096) << 20;
}
constexpr size_t page = 4096, reserved = size_t(1) << 40;
size_t pages(size_t bytes) { return (bytes + page - 1) / page * page; }
void protect(Memory& m, int access) {
  if (m.base != m.top) mprotect(m.base, size_t(m.top - m.base), access);
}
void* guarded_block(Memory& m, size_t bytes) {
  bytes = pages(bytes);
  if (const auto at = m.free.lower_bound(bytes); at != m.free.end() && at->first == bytes) {
    void* p = at->second;
    m.free.erase(at);
    return p;
  }
  if (!m.base) {
    void* range = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) return nullptr;
    m.base = m.top = static_cast<char*>(range);
  }
  void* p = m.top;
  m.top += bytes + page;                                   // and a page nobody owns
  return p;
}
struct Gate {
  Gate() {
    if (!guarded()) return;
    std::lock_guard guard(memory().lock);
    if (memory().open++ == 0) protect(memory(), PROT_READ | PROT_WRITE);
  }
  ~Gate() {
    if (!guarded()) return;
    std::lock_guard guard(memory().lock);
    if (--memory().open == 0) protect(memory(), PROT_NONE);
  }
};

void perform(const std::function<void()>& work) {
  Gate gate;
  work();
}

}  // namespace

void enqueue(dim3 grid, dim3 dim, size_t shared, std::function<void()> body) {
  auto work = [=, body = std::move(body)] { run(grid, dim, shared, body); };
  if (capture) {
    capture->work.push_back(work);
    return;
  }
  try {
    perform(work);
  } catch (const std::exception& e) {
    failed(std::strstr(e.what(), "configuration") ? cudaErrorInvalidConfiguration : cudaErrorLaunchFailure, e.what());
  }
}

}  // namespace emu

using namespace emu;

cudaError_t cudaGetLastError() { return std::exchange(last, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last; }
const char* cudaGetErrorString(cudaError_t error) {
  if (!why.empty() && error != cudaErrorMemoryAllocation) return why.c_str();
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated: return "operation failed due to a previous error during capture";
    default: return "unspecified launch failure";
  }
}
cudaError_t cudaDriverGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) { return *count = 1, cudaSuccess; }
cudaError_t cudaGetDevice(int* device) { return *device = 0, cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  if (device != 0) return failed(cudaErrorInvalidValue);
  *p = {};
  std::snprintf(p->name, sizeof p->name, "CPU emulator of compute capability 9.0");
  p->major = 9;
  p->multiProcessorCount = 1;
  p->warpSize = 32;
  p->totalGlobalMem = limit();
  p->sharedMemPerBlockOptin = max_shared;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** p, size_t bytes) {
  Memory& m = memory();
  std::lock_guard guard(m.lock);
  *p = nullptr;
  if (m.used + bytes > limit()) return failed(cudaErrorMemoryAllocation);
  if (guarded()) *p = guarded_block(m, bytes);
  else if (posix_memalign(p, 512, bytes)) *p = nullptr;
  if (!*p) return failed(cudaErrorMemoryAllocation);
  if (guarded()) mprotect(*p, pages(bytes), PROT_READ | PROT_WRITE);
  std::memset(*p, 0xff, bytes);
  if (guarded() && !m.open) mprotect(*p, pages(bytes), PROT_NONE);
  m.blocks[*p] = bytes;
  m.used += bytes;
  return cudaSuccess;
}
cudaError_t cudaFree(void* p) {
  Memory& m = memory();
  if (capture) return forbidden();
  std::lock_guard guard(m.lock);
  const auto at = m.blocks.find(p);
  if (!p) return cudaSuccess;
  if (at == m.blocks.end()) return failed(cudaErrorInvalidValue);
  m.used -= at->second;
  if (guarded()) m.free.emplace(pages(at->second), p);
  else std::free(p);
  m.blocks.erase(at);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** p, size_t bytes) {
  *p = std::malloc(bytes);
  return *p ? cudaSuccess : failed(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* p) { return std::free(p), cudaSuccess; }
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  std::lock_guard guard(memory().lock);
  *total = limit();
  *free = *total - memory().used;
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t) {
  const auto work = [=] { std::memmove(to, from, bytes); };
  if (capture) capture->work.push_back(work);
  else perform(work);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* p, int byte, size_t bytes, cudaStream_t) {
  const auto work = [=] { std::memset(p, byte, bytes); };
  if (capture) capture->work.push_back(work);
  else perform(work);
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return *stream = nullptr, cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return capture ? forbidden() : cudaSuccess; }
cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  if (capture) return forbidden();
  capture = std::make_unique<Graph>();
  invalidated = false;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  *graph = nullptr;
  if (!capture) return failed(cudaErrorInvalidValue);
  std::unique_ptr<Graph> done = std::move(capture);
  if (std::exchange(invalidated, false)) return failed(cudaErrorStreamCaptureInvalidated);
  *graph = done.release();
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t, cudaStreamCaptureStatus* status) {
  *status = !capture ? cudaStreamCaptureStatusNone : invalidated ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new Graph(*graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t) {
  if (capture) return forbidden();
  try {
    for (const auto& work : exec->work) perform(work);
  } catch (const std::exception& e) { return failed(cudaErrorLaunchFailure, e.what()); }
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { delete graph; return cudaSuccess; }
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) { delete exec; return cudaSuccess; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return *event = nullptr, cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return capture ? forbidden() : cudaSuccess; }
