// The arithmetic of CUDA launches beyond 2³¹ elements, on the host: places, divisions, grids, the cut of a reduction.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "reduce.cuh"

using namespace chainrule;

// the slots of kernels, which stay empty here
SlotBase::SlotBase(const char* name, const char* signature) : name(name), signature(signature) {}

namespace {
std::mt19937_64 draw(0);
void need(bool holds, const char* what, int64_t a, int64_t b) {
  if (holds) return;
  std::printf("%s: %lld %lld\n", what, static_cast<long long>(a), static_cast<long long>(b));
  std::exit(1);
}

void grids() {
  for (int64_t n : {int64_t(1), int64_t(257), int64_t(1) << 31, (int64_t(1) << 40) + 3, (int64_t(1) << 62)})
    need(blocks(n) >= 1 && blocks(n) <= 32768 && int64_t(blocks(n)) <= (n + threads - 1) / threads, "blocks", n, blocks(n));
}

void divisions() {
  constexpr uint32_t last = (uint32_t(1) << 31) - 1;
  for (uint32_t d : {1u, 2u, 3u, 7u, 65535u, 65536u, 65537u, 1u << 30, (1u << 30) + 1, last - 1, last}) {
    const Divider divider(d);
    for (int k = 0; k < 2000; k++) {
      const uint32_t near[] = {0, 1, d - 1, d, last, last - 1, last / d * d, uint32_t(draw() & last)};
      for (uint32_t i : near) need(divider.quotient(i) == i / d, "quotient", i, d);
    }
  }
}

// Strided gives the offsets that counting the axes one by one gives.
void places() {
  const int64_t big = int64_t(1) << 31;
  const Shape shapes[] = {{big + 5}, {3, big - 1}, {5, big * 2 + 3}, {1 << 20, 1 << 20, 7}, {big - 1}, {46340, 46340}, {46341, 46341}};
  for (const Shape& shape : shapes)
    for (int kind = 0; kind < 3; kind++) {
      Shape step = shape, none = shape;
      int64_t next = 1, n = 1;
      for (int a = shape.size() - 1; a >= 0; a--) {
        step[a] = kind == 1 ? -2 * next : next + (kind == 2 && a == 0 ? 11 : 0);
        none[a] = a % 2 ? 0 : next;
        next *= shape[a];
        n *= shape[a];
      }
      const Strided<2> axes(shape, {step, none});
      need(axes.n == n, "elements", axes.n, n);
      for (int k = 0; k < 3000; k++) {
        const int64_t i = k < 4 ? n - 1 - k : k < 8 ? std::min(n - 1, big - 4 + k) : int64_t(draw() % uint64_t(n));
        int64_t at[2], rest = i, want[2] = {0, 0};
        for (int a = shape.size() - 1; a >= 0; a--) {
          want[0] += rest % shape[a] * step[a];
          want[1] += rest % shape[a] * none[a];
          rest /= shape[a];
        }
        axes.at(i, at);
        need(at[0] == want[0] && at[1] == want[1], "place", i, at[0]);
      }
    }
}

// Blocks and parts cover every result and every element, none twice.
void cuts() {
  const int64_t sizes[] = {1, 2, 33, 4097, (int64_t(1) << 31) - 1, (int64_t(1) << 31) + 1, int64_t(1) << 33};
  for (int64_t results : sizes)
    for (int64_t n : sizes)
      for (bool along : {false, true}) {
        const int64_t inner = along ? 1 : results;
        const Nest nest = along ? Nest::middle(results, n, 1) : Nest::middle(1, n, inner);
        need(nest.kept.n == results && nest.reduced.n == n, "nest", nest.kept.n, nest.reduced.n);
        const Split s(nest, false);
        need(s.across * s.down == threads, "threads", s.across, s.down);
        need(s.tasks * s.across >= results && (s.tasks - 1) * s.across < results, "tasks", s.tasks, results);
        need(s.parts * s.part >= n && (s.parts - 1) * s.part < n, "parts", s.parts, n);
        const Nest again = nest.of_parts(s.parts);
        int64_t at[2];
        again.kept.at(results - 1, at);
        need(at[0] == results - 1, "partial", at[0], results);
      }
}
}  // namespace

int main() {
  grids();
  divisions();
  places();
  cuts();
  std::puts("all sizes are covered");
}
