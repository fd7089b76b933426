// The kernels of the best instruction set that this machine has.
#pragma once
#include "cpu/simd/table.h"

namespace chainrule {

// Chosen once, when first asked; CHAINRULE_ISA=v2, v3 or v4 asks for less than the machine has.
const SimdTable& simd();

}  // namespace chainrule
