// Errors: one line, `op: what was given, what is needed`. The bindings turn each type into its Python class.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace chainrule {

#define CHAINRULE_PUBLIC __attribute__((visibility("default")))   // type identity across the CUDA plugin

struct CHAINRULE_PUBLIC ShapeError : std::runtime_error { using std::runtime_error::runtime_error; };
struct CHAINRULE_PUBLIC DTypeError : std::runtime_error { using std::runtime_error::runtime_error; };
struct CHAINRULE_PUBLIC ValueError : std::runtime_error { using std::runtime_error::runtime_error; };
struct CHAINRULE_PUBLIC DeviceError : std::runtime_error { using std::runtime_error::runtime_error; };
struct CHAINRULE_PUBLIC IndexError : std::runtime_error { using std::runtime_error::runtime_error; };
struct CHAINRULE_PUBLIC OutOfMemory : std::runtime_error { using std::runtime_error::runtime_error; };
struct CHAINRULE_PUBLIC NanError : std::runtime_error { using std::runtime_error::runtime_error; };

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <class Error, class... Parts>
[[noreturn]] void fail(const char* op, const Parts&... parts) {
  throw Error(text(op, ": ", parts...));
}

// The message is put together only when the check fails.
template <class Error = ShapeError, class... Parts>
inline void require(bool holds, const char* op, const Parts&... parts) {
  if (__builtin_expect(!holds, 0)) fail<Error>(op, parts...);
}

}  // namespace chainrule
