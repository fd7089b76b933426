// One pass of K-means over its points.   Book: §2.6, (2.40), (2.41)
#pragma once
#include "core/tensor.h"

namespace chainrule {

// Labels and squared distances of the nearest centres, the first of equally near ones; of each cluster the sum of its
// points in float64 and their number; how many labels differ from the earlier ones. Without a derivative.
struct Clusters { Tensor labels, distances, sums, counts, changed; };
Clusters nearest_centres(const Tensor& x, const Tensor& centres, const Tensor& earlier);

}  // namespace chainrule
