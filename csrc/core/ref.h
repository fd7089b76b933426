// An intrusive counted pointer: one word, no control block.
#pragma once
#include <atomic>
#include <utility>

namespace chainrule {

template <class T> class Ref {
 public:
  Ref() = default;
  explicit Ref(T* p) : p_(p) { if (p_) p_->references.fetch_add(1, std::memory_order_relaxed); }
  Ref(const Ref& other) : Ref(other.p_) {}
  Ref(Ref&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  Ref& operator=(Ref other) noexcept { std::swap(p_, other.p_); return *this; }
  ~Ref() { reset(); }
  void reset() {
    T* p = std::exchange(p_, nullptr);
    // The only owner needs no atomic exchange: nobody else can raise the count.
    if (p && (p->references.load(std::memory_order_acquire) == 1 ||
              p->references.fetch_sub(1, std::memory_order_acq_rel) == 1)) destroy(p);
  }
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.p_ == b.p_; }

 private:
  T* p_ = nullptr;
};

}  // namespace chainrule
