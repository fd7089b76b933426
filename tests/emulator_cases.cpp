// Kernels with one mistake each, for test_emulator.py: run by the emulator, which must find it.
#include <language.cuh>

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace chainrule;

namespace {

constexpr int n = 64;
struct Room { float x[n]; };

// y[i] = x[n - 1 - i] through shared memory
__global__ void reversed(const float* x, float* y, bool barrier) {
  float* room = shared<Room>().x;
  room[threadIdx.x] = x[threadIdx.x];
  if (barrier) __syncthreads();
  y[threadIdx.x] = room[n - 1 - threadIdx.x];
}
__global__ void counted(const float*, float* y, bool atomic) {
  int* room = reinterpret_cast<int*>(shared<Room>().x);
  if (threadIdx.x < 2) room[threadIdx.x] = 0;
  __syncthreads();
  if (atomic) atomicAdd(room, 1);
  else room[0]++;
  __syncthreads();
  if (threadIdx.x == 0) y[0] = float(room[0]);
}
__global__ void overrun(const float* x, float* y, int reach) {
  float* room = shared<Room>().x;
  room[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = room[int(threadIdx.x) + reach];
}
__global__ void past_the_end(const float* x, float* y, int reach) { y[threadIdx.x] = x[int(threadIdx.x) + reach]; }
__global__ void two_barriers(const float*, float* y, bool apart) {
  if (apart && threadIdx.x % 2) __syncthreads();
  else __syncthreads();
  y[0] = 1;
}
__global__ void half_a_warp(const float* x, float* y, unsigned mask) {
  float v = x[threadIdx.x];
  if (threadIdx.x % 32 < 16) v += __shfl_xor_sync(mask, v, 1);
  __syncthreads();
  y[threadIdx.x] = v;
}
__global__ void all_blocks(const float*, float* y, bool apart) { y[apart ? blockIdx.x : 0] = float(blockIdx.x); }
__global__ void staged(const float* x, float* y, bool wait) {
  float* room = shared<Room>().x;
  if (threadIdx.x % 4 == 0) emu::copy_async(room + threadIdx.x, x + threadIdx.x, 16);
  emu::commit_copies();
  if (wait) emu::await_copies(0);
  __syncthreads();
  y[threadIdx.x] = room[threadIdx.x];
}

float *x, *y, host[n];
template <class P> void run(void (*kernel)(const float*, float*, P), P argument, unsigned blocks = 1) {
  start(kernel, blocks, n, 0, nullptr, x, y, argument);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) {
    std::printf("error: %s\n", cudaGetErrorString(error));
    std::exit(2);
  }
  cudaMemcpyAsync(host, y, sizeof host, cudaMemcpyDeviceToHost, nullptr);
  float sum = 0;
  for (float v : host) sum += v;
  std::printf("%g %g\n", double(host[0]), double(sum));
}

}  // namespace

int main(int, char** argument) {
  cudaMalloc(reinterpret_cast<void**>(&x), sizeof host);
  cudaMalloc(reinterpret_cast<void**>(&y), sizeof host);
  for (int i = 0; i < n; i++) host[i] = float(i);
  cudaMemcpyAsync(x, host, sizeof host, cudaMemcpyHostToDevice, nullptr);
  cudaMemsetAsync(y, 0, sizeof host, nullptr);
  const bool right = std::strcmp(argument[2], "right") == 0;
  const auto is = [&](const char* name) { return std::strcmp(argument[1], name) == 0; };
  if (is("barrier")) run(reversed, right);
  if (is("atomic")) run(counted, right);
  if (is("overrun")) run(overrun, right ? 0 : 1);
  if (is("past_the_end")) run(past_the_end, right ? 0 : 1);
  if (is("two_barriers")) run(two_barriers, !right);
  if (is("half_a_warp")) run(half_a_warp, right ? 0x0000ffffu : 0xffffffffu);
  if (is("blocks")) run(all_blocks, right, 4);
  if (is("staged")) run(staged, right);
  if (is("host")) std::printf("%g\n", right ? double(host[0]) : double(*x));
  if (is("launch")) {
    start(reversed, right ? 1 : 0, n, 0, nullptr, x, y, true);
    std::printf("%s\n", cudaGetErrorString(cudaGetLastError()));
  }
}
