// A CUDA thread block on the CPU: one fiber a thread, a scheduler, barriers, warp-wide operations, shared memory.
//
// What a kernel may not do is found, not forgiven: shared memory starts as NaN, is fenced from its neighbours under
// AddressSanitizer, and ThreadSanitizer sees each fiber as a thread that only barriers and warp operations order. The
// order of blocks, warps and lanes is set by CHAINRULE_EMULATOR_ORDER: ascending (the default), descending, or a number,
// the seed of a random order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

struct uint3 { unsigned x, y, z; };
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace emu {

constexpr size_t max_shared = 227 * 1024;                  // bytes a block, as on compute capability 9.0

struct Block;
struct Fiber {                                             // what a thread sees of itself
  uint3 index{};
  unsigned rank = 0;                                       // within the block
  Block* block = nullptr;
};
struct Geometry { dim3 grid, dim; uint3 index{}; };
const Fiber& self();
const Geometry& geometry();

// Runs the body once a thread; an error inside is thrown here.
void run(dim3 grid, dim3 dim, size_t shared, const std::function<void()>& body);

void barrier(std::source_location where);
// The last lane of the mask to come computes the operation for all of them: arg[lane] is what each gave.
using Operation = void (*)(void** arg, uint32_t mask);
void collective(uint32_t mask, void* arg, Operation operation);
[[gnu::cold]] void misuse(const std::string& what);        // ends the launch with an error
void* shared_at(const void* site, size_t bytes);           // the same memory for all threads of a block
void* dynamic_shared();

// Asynchronous copies of 16 bytes to shared memory, made as late as the kernel allows; beyond `bytes` they are zero.
void copy_async(void* to, const void* from, size_t bytes);
void commit_copies();
void await_copies(size_t pending);

inline int lane() { return int(self().rank & 31); }

}  // namespace emu
