#define LEVEL simd_native
#define LEVEL_NAME "baseline"
#include "kernels.inc"
