// Memory of a captured graph: what the capture allocates is its own until the graph is freed, so that replays find it.
#pragma once
#include "cuda.cuh"

namespace chainrule {

struct Arena;
Arena* open_arena();                         // until shut, blocks come from it, and blocks released stay out of use
void shut_arena();
void free_arena(Arena* arena);               // its blocks may be used by anyone again

}  // namespace chainrule
