#define LEVEL simd_v3
#define LEVEL_NAME "x86-64-v3"
#include "kernels.inc"
