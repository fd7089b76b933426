// Small tables for kernels, sent in the parameters of launches: no wait, and a captured graph keeps them.
#pragma once
#include <vector>

#include "graph.cuh"

namespace chainrule {

constexpr int most_words = 448;              // of 8 bytes; parameters of a launch hold 4096 bytes
struct Words { uint64_t word[most_words]; };
__global__ void write_words(Words words, uint64_t* to, int n);

// A vector of int64_t or double in device memory, for the length of a launcher.
template <class T> class Uploaded {
  static_assert(sizeof(T) == 8);

 public:
  Uploaded(const char* op, const std::vector<T>& values) : memory_(int64_t(values.size())) {
    const size_t n = values.size();
    if (n > 16 * most_words && !capturing()) {             // many: one copy that is waited for
      check_cuda(op, cudaMemcpyAsync(memory_.get(), values.data(), n * 8, cudaMemcpyHostToDevice, stream()));
      check_cuda(op, cudaStreamSynchronize(stream()));
      return;
    }
    for (size_t i = 0; i < n; i += most_words) {
      Words words;
      const size_t m = n - i < most_words ? n - i : most_words;
      std::memcpy(words.word, values.data() + i, m * 8);
      launch(op, write_words, 1, threads, 0, words, reinterpret_cast<uint64_t*>(memory_.get()) + i, int(m));
    }
  }
  const T* get() const { return memory_.get(); }

 private:
  Scratch<T> memory_;
};

}  // namespace chainrule
