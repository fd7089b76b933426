// The thread pool: parallel_for(n, grain, f) calls f(begin, end) on chunks of `grain` until n is covered.
//
// Chunk boundaries are multiples of the grain on any number of threads (one thread may be handed several chunks in one
// call), so a kernel whose elements do not depend on each other gives the same bytes on 1 thread as on 64; one that sums
// must keep a partial sum for each fixed piece of its input and add these up in order. Of several chunks that throw, the
// lowest is heard.
#pragma once
#include <cstdint>
#include <type_traits>

namespace chainrule {

int num_threads();
void set_num_threads(int n);

// Called by the thread that starts a parallel region, around it: the bindings let other Python threads in here.
extern void* (*unlock_interpreter)();
extern void (*lock_interpreter)(void* state);

namespace detail {
using Chunk = void (*)(void* f, int64_t begin, int64_t end);
void run_parallel(int64_t n, int64_t grain, Chunk chunk, void* f);
}  // namespace detail

template <class F> void parallel_for(int64_t n, int64_t grain, F&& f) {
  if (n <= 0) return;
  if (n <= grain) return f(int64_t(0), n);
  detail::run_parallel(n, grain, [](void* f, int64_t begin, int64_t end) {
    (*static_cast<std::remove_reference_t<F>*>(f))(begin, end);
  }, const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace chainrule
