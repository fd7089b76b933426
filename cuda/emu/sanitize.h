// What the sanitizers must be told about fibers; nothing at all in an ordinary build.
#pragma once
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace emu {

#if defined(__SANITIZE_THREAD__)
inline void release(void* p) { __tsan_release(p); }
inline void acquire(void* p) { __tsan_acquire(p); }
// The emulator's own memory is shared by all fibers and ordered by the scheduler: not a kernel's race.
struct Unchecked {
  Unchecked() {
    AnnotateIgnoreReadsBegin("", 0);
    AnnotateIgnoreWritesBegin("", 0);
  }
  ~Unchecked() {
    AnnotateIgnoreWritesEnd("", 0);
    AnnotateIgnoreReadsEnd("", 0);
  }
};
#else
inline void release(void*) {}
inline void acquire(void*) {}
struct Unchecked { Unchecked() {} };
#endif

#if defined(__SANITIZE_ADDRESS__)
inline void poison(void* p, size_t n) { ASAN_POISON_MEMORY_REGION(p, n); }
inline void unpoison(void* p, size_t n) { ASAN_UNPOISON_MEMORY_REGION(p, n); }
#else
inline void poison(void*, size_t) {}
inline void unpoison(void*, size_t) {}
#endif

// Told before and after a change of stacks.
struct Switch {
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  void adopt() {}
  void create() {}
  void retire() {}
  void before(Switch& from, void* stack, size_t bytes) { __sanitizer_start_switch_fiber(&from.fake, stack, bytes); }
  void after() { __sanitizer_finish_switch_fiber(fake, nullptr, nullptr); }
  void entered(char*& stack, size_t& bytes) {              // on a fiber's first run: learn whose stack this was
    const void* bottom;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
    stack = static_cast<char*>(const_cast<void*>(bottom));
  }
#elif defined(__SANITIZE_THREAD__)
  void* fiber = nullptr;
  void adopt() { fiber = __tsan_get_current_fiber(); }
  void create() { fiber = __tsan_create_fiber(0); }
  void retire() { __tsan_destroy_fiber(fiber); }
  void before(Switch&, void*, size_t) { __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync); }
  void after() {}
  void entered(char*&, size_t&) {}
#else
  void adopt() {}
  void create() {}
  void retire() {}
  void before(Switch&, void*, size_t) {}
  void after() {}
  void entered(char*&, size_t&) {}
#endif
};

}  // namespace emu
