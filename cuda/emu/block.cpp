#include "block.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "sanitize.h"

#if defined(__x86_64__)
// Saves what a call must keep, changes the stack, and returns there.
asm(R"(
.text
.local chainrule_emu_switch
.type chainrule_emu_switch,@function
chainrule_emu_switch:
    pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
    movq %rsp,(%rdi); movq %rsi,%rsp
    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
    ret
.size chainrule_emu_switch,.-chainrule_emu_switch
)");
extern "C" void chainrule_emu_switch(void** save, void* to);
#else
#include <ucontext.h>
#endif

namespace emu {
namespace {

enum class State : uint8_t { ready, at_warp, at_barrier, done };
struct Warp;
struct Copy { void* to; const void* from; size_t bytes; };

struct Thread : Fiber {
  State state = State::done;
  Warp* warp = nullptr;
  char* stack = nullptr;
  size_t stack_bytes = 0;
  Switch marks;
  std::vector<std::vector<Copy>> copies;
#if defined(__x86_64__)
  void* at = nullptr;
#else
  ucontext_t at;
#endif
};
struct Warp {
  uint32_t alive = 0, arrived = 0, mask[32];
  void* arg[32];
  Operation operation[32];
  Thread* thread[32];
};
struct Site { const void* key; size_t offset; };

}  // namespace

// Threads and memory of a block. Under ThreadSanitizer two of them take turns, so that neighbouring blocks are unordered.
struct Block {
  std::vector<std::unique_ptr<Thread>> threads;
  std::vector<Warp> warps;
  unsigned count = 0, alive = 0, arrived = 0, phase = 0;
  std::source_location where;
  char* arena = nullptr;
  size_t used = 0, dirty = max_shared;
  std::vector<Site> sites;
  char barrier_mark[2], end_mark;
};

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr int turns = 2;
#else
constexpr int turns = 1;
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t stack_bytes = 256 * 1024;
#else
constexpr size_t stack_bytes = 64 * 1024;
#endif
constexpr size_t fence = 64;                               // unused bytes after each piece of shared memory

enum class Order { ascending, descending, random };
struct Random {
  uint64_t state;
  uint64_t operator()() {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  }
};
struct Machine {                                           // one a host thread
  Geometry geometry;
  Block blocks[turns];
  Thread scheduler;
  const std::function<void()>* body = nullptr;
  std::string error;
  char start_mark;
  Order order = Order::ascending;
  Random random{88172645463325252u};

  Machine();
  ~Machine();
};
thread_local std::unique_ptr<Machine> machine;
thread_local Thread* current = nullptr;

Machine::Machine() {
  if (const char* order_name = std::getenv("CHAINRULE_EMULATOR_ORDER")) {
    if (*order_name == 'd') order = Order::descending;
    else if (*order_name != 'a' && *order_name) {
      order = Order::random;
      random.state ^= std::strtoull(order_name, nullptr, 10) * 0x9E3779B97F4A7C15u;
    }
  }
  scheduler.marks.adopt();
  for (Block& b : blocks) b.arena = static_cast<char*>(std::aligned_alloc(1024, max_shared + 1024));
}
Machine::~Machine() {
  for (Block& b : blocks) {
    unpoison(b.arena, max_shared + 1024);
    std::free(b.arena);
    for (auto& t : b.threads) {
      t->marks.retire();
      munmap(t->stack - 4096, t->stack_bytes + 4096);
    }
  }
}

// The positions 0 ... n-1 in the machine's order.
void arrange(Machine& m, std::vector<unsigned>& positions, size_t n) {
  positions.resize(n);
  std::iota(positions.begin(), positions.end(), 0u);
  if (m.order == Order::descending) std::reverse(positions.begin(), positions.end());
  if (m.order == Order::random)
    for (size_t i = n; i > 1; i--) std::swap(positions[i - 1], positions[m.random() % i]);
}

void go(Thread* from, Thread* to) {
  current = to;
  to->marks.before(from->marks, to->stack, to->stack_bytes);
#if defined(__x86_64__)
  chainrule_emu_switch(&from->at, to->at);
#else
  swapcontext(&from->at, &to->at);
#endif
  from->marks.after();
}
void yield() { go(current, &machine->scheduler); }

void release_barrier(Block& b) {
  b.arrived = 0;
  b.phase ^= 1;
  for (unsigned i = 0; i < b.count; i++)
    if (b.threads[i]->state == State::at_barrier) b.threads[i]->state = State::ready;
}

// Runs a warp operation once every living lane of the mask has come.
void try_warp(Warp& w, uint32_t mask) {
  const uint32_t need = mask & w.alive;
  if (!need || (w.arrived & need) != need) return;
  const Operation operation = w.operation[__builtin_ctz(need)];
  for (int i = 0; i < 32; i++)
    if (need >> i & 1) {
      acquire(&w.mask[i]);
      if (w.mask[i] != mask || w.operation[i] != operation) misuse("lanes of a warp disagree on the mask or the operation");
    }
  operation(w.arg, need);
  w.arrived &= ~need;
  for (int i = 0; i < 32; i++)
    if (need >> i & 1) {
      release(&w.arg[i]);
      if (w.thread[i]->state == State::at_warp) w.thread[i]->state = State::ready;
    }
}

void finish(Thread& t) {
  Block& b = *t.block;
  t.state = State::done;
  b.alive--;
  t.warp->alive &= ~(1u << (t.rank & 31));
  if (b.arrived && b.arrived >= b.alive) release_barrier(b);
  for (int i = 0; i < 32; i++)
    if (t.warp->arrived >> i & 1) {
      try_warp(*t.warp, t.warp->mask[i]);
      break;
    }
}

// A fiber's life: one run of the body for each block it takes part in.
void live() {
  machine->scheduler.marks.entered(machine->scheduler.stack, machine->scheduler.stack_bytes);
  for (;;) {
    acquire(&machine->start_mark);
    acquire(&current->block->end_mark);
    try {
      (*machine->body)();
      await_copies(0);
    } catch (const std::exception& e) { misuse(e.what()); }
    release(&current->block->end_mark);
    {
      Unchecked unchecked;
      finish(*current);
    }
    yield();
  }
}

std::unique_ptr<Thread> new_thread(Block& b) {
  auto t = std::make_unique<Thread>();
  t->block = &b;
  t->stack_bytes = stack_bytes;
  void* m = mmap(nullptr, stack_bytes + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (m == MAP_FAILED || mprotect(m, 4096, PROT_NONE)) throw std::bad_alloc();      // a page that ends the stack
  t->stack = static_cast<char*>(m) + 4096;
#if defined(__x86_64__)
  const size_t shift = b.threads.size() % 32 * 128;       // else all stacks would share a few lines of the cache
  auto* top = reinterpret_cast<void**>(t->stack + stack_bytes - shift) - 1;
  *top-- = nullptr;
  *top-- = reinterpret_cast<void*>(&live);
  t->at = top - 5;                                         // six registers of no meaning yet
#else
  getcontext(&t->at);
  t->at.uc_stack.ss_sp = t->stack;
  t->at.uc_stack.ss_size = stack_bytes;
  makecontext(&t->at, live, 0);
#endif
  t->marks.create();
  return t;
}

size_t carve(Block& b, size_t bytes) {
  const size_t at = b.used;
  if (at + bytes > max_shared) throw std::runtime_error("too much shared memory");
  b.used += (bytes + 15) / 16 * 16 + fence;
  b.dirty = std::max(b.dirty, std::min(b.used, max_shared));
  unpoison(b.arena + at, bytes);
  return at;
}

void run_block(Machine& m, Block& b, size_t dynamic) {
  const size_t warps = (b.count + 31) / 32;
  b.warps.assign(warps, Warp{});
  b.alive = b.count;
  b.arrived = b.phase = 0;
  b.sites.clear();
  unpoison(b.arena, max_shared + 1024);
  std::memset(b.arena, 0xff, std::min(b.dirty + dynamic, max_shared));           // a NaN in every floating type
  poison(b.arena, max_shared + 1024);
  b.used = b.dirty = 0;
  if (dynamic) carve(b, dynamic);
  const dim3 dim = m.geometry.dim;
  for (unsigned i = 0; i < b.count; i++) {
    Thread& t = *b.threads[i];
    t.rank = i;
    t.index = {i % dim.x, i / dim.x % dim.y, i / (dim.x * dim.y)};
    t.state = State::ready;
    t.warp = &b.warps[i / 32];
    t.warp->thread[i % 32] = &t;
    t.warp->alive |= 1u << (i % 32);
    if (t.copies.size() != 1 || !t.copies[0].empty()) t.copies.assign(1, {});
  }
  std::vector<unsigned> warp_order, lane_order;
  for (unsigned left = b.count; left;) {
    bool progress = false;
    arrange(m, warp_order, warps);
    for (unsigned w : warp_order)
      for (bool more = true; more;) {
        more = false;
        arrange(m, lane_order, 32);
        for (unsigned lane : lane_order) {
          const unsigned i = w * 32 + lane;
          if (i >= b.count || b.threads[i]->state != State::ready) continue;
          go(&m.scheduler, b.threads[i].get());
          progress = more = true;
        }
      }
    left = b.alive;
    if (!progress && left) {                               // the fibers cannot be brought to an end
      std::fprintf(stderr, "cuda-emulator: deadlock in block (%u, %u, %u): %u of %u threads wait%s%s\n", m.geometry.index.x,
                   m.geometry.index.y, m.geometry.index.z, left, b.count, m.error.empty() ? "" : "; ", m.error.c_str());
      std::abort();
    }
  }
}

}  // namespace

const Fiber& self() { return *current; }
const Geometry& geometry() { return machine->geometry; }
void misuse(const std::string& what) {
  if (machine->error.empty()) machine->error = what;
}

void run(dim3 grid, dim3 dim, size_t dynamic, const std::function<void()>& body) {
  Unchecked unchecked;
  if (!machine) machine = std::make_unique<Machine>();
  Machine& m = *machine;
  const unsigned count = dim.x * dim.y * dim.z;
  if (!count || count > 1024 || dim.z > 64 || dynamic > max_shared || !grid.x || !grid.y || !grid.z || grid.x > 2147483647u ||
      grid.y > 65535 || grid.z > 65535)
    throw std::runtime_error("invalid configuration argument");
  m.geometry = {grid, dim, {}};
  m.body = &body;
  m.error.clear();
  for (Block& b : m.blocks) {
    b.count = count;
    while (b.threads.size() < count) b.threads.push_back(new_thread(b));
  }
  release(&m.start_mark);
  const uint64_t blocks = uint64_t(grid.x) * grid.y * grid.z;
  std::vector<unsigned> order;
  if (m.order == Order::random && blocks <= 4096) arrange(m, order, blocks);
  for (uint64_t i = 0; i < blocks && m.error.empty(); i++) {
    const uint64_t k = !order.empty() ? order[i] : m.order == Order::descending ? blocks - 1 - i : i;
    m.geometry.index = {unsigned(k % grid.x), unsigned(k / grid.x % grid.y), unsigned(k / (uint64_t(grid.x) * grid.y))};
    run_block(m, m.blocks[i % turns], dynamic);
  }
  for (Block& b : m.blocks) acquire(&b.end_mark);
  if (!m.error.empty()) throw std::runtime_error(m.error);
}

void barrier(std::source_location where) {
  Unchecked unchecked;
  Thread& t = *current;
  Block& b = *t.block;
  const unsigned phase = b.phase;
  if (b.arrived && (b.where.line() != where.line() || b.where.file_name() != where.file_name()))
    misuse("threads of a block wait at different barriers: lines " + std::to_string(b.where.line()) + " and " +
           std::to_string(where.line()) + " of " + where.file_name());
  b.where = where;
  release(&b.barrier_mark[phase]);
  if (++b.arrived >= b.alive) release_barrier(b);
  else {
    t.state = State::at_barrier;
    yield();
  }
  acquire(&b.barrier_mark[phase]);
}

void collective(uint32_t mask, void* arg, Operation operation) {
  Unchecked unchecked;
  Thread& t = *current;
  Warp& w = *t.warp;
  const int lane = int(t.rank & 31);
  if (!(mask >> lane & 1)) misuse("a lane calls a warp operation with a mask that leaves it out");
  w.mask[lane] = mask;
  w.arg[lane] = arg;
  w.operation[lane] = operation;
  w.arrived |= 1u << lane;
  release(&w.mask[lane]);
  t.state = State::at_warp;
  try_warp(w, mask);
  if (t.state == State::at_warp) yield();
  acquire(&w.arg[lane]);
}

void* shared_at(const void* site, size_t bytes) {
  Unchecked unchecked;
  Block& b = *current->block;
  for (const Site& s : b.sites)
    if (s.key == site) return b.arena + s.offset;
  b.sites.push_back({site, carve(b, bytes)});
  return b.arena + b.sites.back().offset;
}
void* dynamic_shared() { return current->block->arena; }

void copy_async(void* to, const void* from, size_t bytes) {
  Unchecked unchecked;
  current->copies.back().push_back({to, from, bytes});
}
void commit_copies() {
  Unchecked unchecked;
  current->copies.emplace_back();
}
void await_copies(size_t pending) {
  auto& groups = current->copies;
  while (groups.size() > pending + 1) {
    for (const Copy& c : groups.front()) {
      if (c.bytes < 16) std::memset(c.to, 0, 16);
      if (c.bytes) std::memcpy(c.to, c.from, c.bytes);
    }
    Unchecked unchecked;
    groups.erase(groups.begin());
  }
}

}  // namespace emu
