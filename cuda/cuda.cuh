// What every CUDA file needs: launches with their checks, faults found inside a kernel, scratch memory.
#pragma once
#include <language.cuh>

#include "core/check.h"
#include "core/kernels.h"

namespace chainrule {

// Everything runs on one stream; values are waited for only where they are read.
cudaStream_t stream();
// The error of a call, in the words of the op that made it.
void check_cuda(const char* op, cudaError_t error);

constexpr int threads = 256;
// Blocks for n elements; the kernels stride over the rest, so a bounded grid serves any size.
inline unsigned blocks(int64_t n, int64_t a_block = threads) {
  const int64_t wanted = (n + a_block - 1) / a_block;
  return unsigned(wanted < 32768 ? wanted : 32768);
}
// kernel<<<grid, block, dynamic>>>(args...), checked; an empty grid is a launch error, so the caller returns before it.
template <class... P, class... A>
void launch(const char* op, void (*kernel)(P...), dim3 grid, dim3 block, size_t dynamic, A&&... args) {
  start(kernel, grid, block, dynamic, stream(), args...);
  check_cuda(op, cudaGetLastError());
}

// What a kernel found wrong; the host raises it where values are next waited for. Of several faults the record keeps that
// of the first launch, and of a launch the one at the lowest place, so threads may find them in any order.
struct Fault {
  enum Kind : int { none, index, label, division, negative_power, pattern_ends, pattern_falls, column };
  unsigned long long key;                                  // launch and place, 0: nothing is wrong
  unsigned lock;
  int kind;
  const char* op;
  int64_t value, size, other;
};
struct Faults {                                            // the record in device memory, as one launch sees it
  Fault* record;
  unsigned long long launch;
  static constexpr int place_bits = 44;                    // beyond the elements of any memory; launches count round in the rest
  __device__ bool any() const { return record->key != 0; }
};
Faults faults();                                           // for the next launch
__device__ inline void report(Faults faults, Fault::Kind kind, const char* op, int64_t place, int64_t value, int64_t size,
                              int64_t other = 0) {
  Fault* fault = faults.record;
  const unsigned long long mine = faults.launch << Faults::place_bits | static_cast<unsigned long long>(place);
  for (unsigned long long seen = 0;;) {
    const unsigned long long found = atomicCAS(&fault->key, seen, mine);
    if (found == seen) break;
    if (found >> Faults::place_bits != faults.launch || found <= mine) return;     // an earlier launch, or a lower place
    seen = found;
  }
  locked(&fault->lock, [&] {
    if (atomicCAS(&fault->key, mine, mine) != mine) return;                        // a lower place came meanwhile
    fault->kind = kind;
    fault->op = op;
    fault->value = value;
    fault->size = size;
    fault->other = other;
  });
}
// An index in [-n, n) as one in [0, n); anything else is reported with its place and gives -1.
__device__ inline int64_t checked(int64_t i, int64_t n, const char* op, int64_t place, Faults faults) {
  if (i >= -n && i < n) return i < 0 ? i + n : i;
  report(faults, Fault::index, op, place, i, n);
  return -1;
}

// Waits for the stream, raises what a kernel found, and gives the bytes.
void copy_to_host(void* to, const void* from, size_t bytes);

void device_allocate(size_t bytes, void** out);
void device_release(void* block, size_t bytes);
// Memory for the length of a launcher: the next user of the block comes later on the stream.
template <class T> class Scratch {
 public:
  explicit Scratch(int64_t n) : bytes_(size_t(n > 0 ? n : 1) * sizeof(T)) { device_allocate(bytes_, &data_); }
  ~Scratch() { device_release(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* get() const { return static_cast<T*>(data_); }

 private:
  size_t bytes_;
  void* data_ = nullptr;
};

// The place of this thread in the whole launch, and the step to its next element.
__device__ inline int64_t first() { return int64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline int64_t stride() { return int64_t(gridDim.x) * blockDim.x; }

// N neighbouring elements, moved by one instruction.
template <class T, int N> struct alignas(sizeof(T) * N) Pack { T v[N]; };
inline bool aligned(const void* p, size_t bytes) { return reinterpret_cast<uintptr_t>(p) % bytes == 0; }

}  // namespace chainrule
