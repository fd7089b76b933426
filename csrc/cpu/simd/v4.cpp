#define LEVEL simd_v4
#define LEVEL_NAME "x86-64-v4"
#include "kernels.inc"
