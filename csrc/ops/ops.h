// All ops.
#pragma once
#include "core/graph.h"
#include "ops/create.h"
#include "ops/index.h"
#include "ops/matmul.h"
#include "ops/norm.h"
#include "ops/pointwise.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/scan.h"
#include "ops/softmax.h"
#include "ops/update.h"
#include "ops/views.h"
