#define LEVEL simd_v2
#define LEVEL_NAME "x86-64-v2"
#include "kernels.inc"
