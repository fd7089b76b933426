// Work captured once and replayed as one launch.
#pragma once
#include "core/rng.h"
#include "cuda.cuh"

namespace chainrule {

bool capturing();

// What a kernel in a graph needs to go on where the last replay left off; empty outside of a capture.
struct Replays {
  const int64_t* count = nullptr;            // replays before this one
  __device__ int64_t before() const { return count ? *count : 0; }
};
Replays replays();

// The same for a stream of random numbers: `advance` blocks are drawn from it by each replay.
struct DrawnBefore {
  Replays replays;
  const uint64_t* advance = nullptr;
  __device__ uint64_t blocks() const { return advance ? uint64_t(replays.before()) * *advance : 0; }
};
DrawnBefore drawn_before(const RandomKey& key, int64_t blocks);

}  // namespace chainrule
