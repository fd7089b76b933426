#include "cpu/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "core/check.h"

namespace chainrule {

void* (*unlock_interpreter)() = nullptr;
void (*lock_interpreter)(void* state) = nullptr;

namespace {

// A region. Each thread begins with a slice of its own, the same in the next region of this size, so that what it
// touched is in its cache still; then it helps with the others' slices.
struct alignas(64) Slice {
  std::atomic<int64_t> next{0};
  int64_t end = 0;
};
struct Job {
  detail::Chunk chunk;
  void* f;
  int64_t grain;
  Slice* slices;
  int count;                                   // of slices
  std::atomic<int64_t> failed_at{std::numeric_limits<int64_t>::max()};
  std::mutex failing{};
  std::exception_ptr error{};                  // of the lowest chunk that fails: those below it are all run

  Job(detail::Chunk chunk, void* f, int64_t n, int64_t grain, Slice* slices, int threads)
      : chunk(chunk), f(f), grain(grain), slices(slices) {
    const int64_t chunks = (n - 1) / grain + 1;
    count = int(std::min<int64_t>(threads, chunks));
    for (int i = 0; i < count; i++) {
      slices[i].next.store(chunks / count * i * grain + std::min<int64_t>(chunks % count, i) * grain, std::memory_order_relaxed);
      slices[i].end = n;
      if (i > 0) slices[i - 1].end = slices[i].next.load(std::memory_order_relaxed);
    }
  }
  void fail(int64_t begin) {
    std::lock_guard guard(failing);
    if (begin > failed_at) return;
    failed_at = begin;
    error = std::current_exception();
  }
  void work(Slice& slice) {
    for (;;) {
      if (slice.next.load(std::memory_order_relaxed) >= slice.end) return;
      const int64_t begin = slice.next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= slice.end || begin > failed_at.load(std::memory_order_relaxed)) return;
      try {
        chunk(f, begin, std::min(begin + grain, slice.end));
      } catch (...) {
        fail(begin);
      }
    }
  }
  void work(int thread) {
    for (int i = 0; i < count; i++) work(slices[(thread + i) % count]);
  }
};

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until value differs from `old`: awake for 100 us, when the next region usually follows, then asleep:
// on a virtual machine that was idle, to be woken takes some 25 us a region, a quarter of a small model's training step.
template <class T> void wait_while(std::atomic<T>& value, T old) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
  do {
    for (int i = 0; i < 64; i++) {
      if (value.load(std::memory_order_acquire) != old) return;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

// A thread that wakes on the processor of the one that waits for it would share it for a tenth of a second and more, while
// another is idle: it moves away at once.
void leave(int processor) {
  cpu_set_t all, others;
  if (sched_getcpu() != processor || sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) < 2) return;
  others = all;
  CPU_CLR(processor, &others);
  if (sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof all, &all);
}

class Pool {
 public:
  explicit Pool(int threads) : slices(size_t(threads)) {
    for (int i = 1; i < threads; i++) workers_.emplace_back([this, i] { loop(i); });
  }
  // Ends the workers. The pool itself stays, without any: another thread may be about to ask it.
  void retire() {
    std::lock_guard region(call);              // a region in progress ends first
    stop_ = true;
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    for (std::thread& t : workers_) t.join();
    workers_.clear();
  }
  void run(Job& job) {
    job_ = &job;
    caller_ = sched_getcpu();
    gate_.store(0, std::memory_order_release);
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
    inside = true;
    job.work(0);
    inside = false;
    // Only those who came are waited for: on a busy machine a worker may wake long after the work is done.
    for (int left = gate_.fetch_add(closed, std::memory_order_acq_rel) + closed; left != closed;
         left = gate_.load(std::memory_order_acquire))
      wait_while(gate_, left);
  }
  bool alone() const { return workers_.empty(); }

  static thread_local bool inside;             // regions inside a region run on their own thread
  std::vector<Slice> slices;                   // one a thread
  std::mutex call;                             // one region at a time; others run on their caller's thread

 private:
  void loop(int thread) {
    inside = true;
    unsigned seen = 0;
    for (;;) {
      wait_while(round_, seen);
      seen = round_.load(std::memory_order_acquire);
      if (stop_) return;
      leave(caller_);
      int there = gate_.load(std::memory_order_relaxed);
      while (there >= 0 && !gate_.compare_exchange_weak(there, there + 1, std::memory_order_acq_rel)) {}
      if (there < 0) continue;                 // too late for this region
      job_->work(thread);
      if (gate_.fetch_sub(1, std::memory_order_acq_rel) - 1 == closed) gate_.notify_one();
    }
  }
  static constexpr int closed = -(1 << 30);    // added to the number of workers in the region when nobody may join
  std::vector<std::thread> workers_;
  std::atomic<unsigned> round_{0};
  std::atomic<int> gate_{closed};
  std::atomic<bool> stop_{false};
  Job* job_ = nullptr;
  std::atomic<int> caller_{-1};                // the processor of the thread that started the region
};
thread_local bool Pool::inside = false;

int default_threads() {
  if (const char* given = std::getenv("CHAINRULE_NUM_THREADS")) {
    const int n = std::atoi(given);
    if (n >= 1 && n <= 1024) return n;
  }
  cpu_set_t cores;                             // what this process may use, not what the machine has
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
  return int(std::thread::hardware_concurrency());
}

std::mutex start;
std::atomic<Pool*> current{nullptr};
int wanted = 0;

Pool& pool() {
  if (Pool* p = current.load(std::memory_order_acquire)) return *p;
  std::lock_guard guard(start);
  if (Pool* p = current.load()) return *p;
  // A forked child has no workers: it forgets the pool (and leaks it) and starts its own when it needs one.
  static const int registered = pthread_atfork(nullptr, nullptr, [] { current.store(nullptr); });
  (void)registered;
  if (!wanted) wanted = default_threads();
  current.store(new Pool(wanted));
  return *current;
}

struct Unlocked {
  void* state = unlock_interpreter ? unlock_interpreter() : nullptr;
  ~Unlocked() { if (lock_interpreter) lock_interpreter(state); }
};

}  // namespace

int num_threads() {
  std::lock_guard guard(start);
  if (!wanted) wanted = default_threads();
  return wanted;
}

void set_num_threads(int n) {
  require<ValueError>(n >= 1 && n <= 1024, "set_num_threads", "n must be 1 ... 1024, got ", n);
  std::lock_guard guard(start);
  wanted = n;
  if (Pool* old = current.exchange(nullptr)) old->retire();
}

namespace detail {

void run_parallel(int64_t n, int64_t grain, Chunk chunk, void* f) {
  if (Pool::inside) return chunk(f, 0, n);
  Pool& p = pool();
  std::unique_lock held(p.call, std::try_to_lock);
  if (!held || p.alone()) return chunk(f, 0, n);
  Job job(chunk, f, n, grain, p.slices.data(), int(p.slices.size()));
  {
    Unlocked interpreter;
    p.run(job);
    held.unlock();
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace detail
}  // namespace chainrule
