// The kernels of the best instruction set that this machine has.
#pragma once
#include "cpu/simd/table.h"

namespace chainrule {

// Chosen once, when first asked; CHAINRULE_ISA=v2, v3 or v4 asks for less than the machine has.
const SimdTable& simd();

// Of products of bfloat16 in pairs, if this machine has the instruction.
const Tile<float>* pair_tile();

// Bytes of the cache that the cores share; more than any array has where that is not known.
int64_t last_cache();

}  // namespace chainrule
