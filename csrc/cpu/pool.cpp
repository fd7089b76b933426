// Maxima over windows, and products with a band along one axis.
#include <cstring>

#include "core/kernels.h"
#include "core/windows.h"
#include "cpu/loops.h"

namespace chainrule {
namespace {

// best[i] and where it was found, after element x[i step] of each window has been seen; the first of the largest
// elements stays, and the first NaN.
template <class T, class C, class N> void see(const T* x, int64_t step, int64_t n, N tap, C* best, N* found) {
  const auto run = [&](auto step) {
    for (int64_t i = 0; i < n; i++) {
      const C v = C(x[i * step]), b = best[i];
      const bool takes = !(v <= b) & (b == b);
      best[i] = takes ? v : b;
      found[i] = takes ? tap : found[i];
    }
  };
  if (step == 1) run(std::integral_constant<int64_t, 1>());
  else if (step == 2) run(std::integral_constant<int64_t, 2>());
  else run(step);
}

// A line of windows of equal size, each `stride` after the other, is seen tap by tap; windows at the borders one by one.
struct Even {
  int64_t begin = 0, end = 1, stride = 1;
  explicit Even(const PoolAxis& a) {
    const int64_t n = int64_t(a.start.size());
    while (begin + 1 < n && a.count[begin] < a.count[begin + 1]) begin++;
    end = std::min(begin + 1, n);
    if (end < n) stride = a.start[end] - a.start[begin];
    while (end < n && a.count[end] == a.count[begin] && a.start[end] - a.start[end - 1] == stride) end++;
  }
};

// Where the taps of a window lie, from its first.
struct Taps {
  std::array<int64_t, 3> size{};
  std::vector<int64_t> offset;
  void set(const std::vector<PoolAxis>& axes, const std::array<int64_t, 3>& now) {
    if (now == size) return;
    size = now;
    offset.clear();
    for (int64_t d = 0; d < size[0]; d++)
      for (int64_t h = 0; h < size[1]; h++)
        for (int64_t w = 0; w < size[2]; w++)
          offset.push_back((d * axes[0].step * axes[1].n + h * axes[1].step) * axes[2].n + w * axes[2].step);
  }
};

// Windows of 2 x 2 side by side, as nets for pictures have them: four at a time, a shuffle parts odd from even columns.
typedef float Four __attribute__((vector_size(16)));
typedef int32_t FourNumbers __attribute__((vector_size(16)));
typedef int64_t FourPositions __attribute__((vector_size(32)));
bool in_pairs(const PoolAxis& a) {
  for (size_t i = 0; i < a.start.size(); i++)
    if (a.start[i] != int64_t(2 * i) || a.count[i] != 2 || a.step != 1) return false;
  return true;
}
Four four_at(const float* p) {
  Four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
// A line of n windows over two rows `width` apart; `corner` is the position of its first element.
void pool_pairs(const float* x, int64_t width, int64_t n, int64_t corner, float* value, int64_t* at) {
  const int32_t below = int32_t(width);
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const float* p = x + 2 * i;
    const Four a = four_at(p), b = four_at(p + 4), c = four_at(p + width), d = four_at(p + width + 4);
    Four best = __builtin_shufflevector(a, b, 0, 2, 4, 6);
    FourNumbers found{};
    const auto see = [&](Four v, int32_t tap) {
      const FourNumbers takes = ~(v <= best) & (best == best);               // the first of the largest stays, and the first NaN
      best = takes ? v : best;
      found = takes ? found * 0 + tap : found;
    };
    see(__builtin_shufflevector(a, b, 1, 3, 5, 7), 1);
    see(__builtin_shufflevector(c, d, 0, 2, 4, 6), below);
    see(__builtin_shufflevector(c, d, 1, 3, 5, 7), below + 1);
    std::memcpy(value + i, &best, sizeof best);
    const FourPositions place = __builtin_convertvector(found + FourNumbers{0, 2, 4, 6}, FourPositions) + (corner + 2 * i);
    std::memcpy(at + i, &place, sizeof place);
  }
  for (; i < n; i++) {
    float best = x[2 * i];
    int64_t found = 0;
    for (const int64_t tap : {int64_t(1), width, width + 1}) {
      const float v = x[2 * i + tap];
      if (!(v <= best) && best == best) { best = v; found = tap; }
    }
    value[i] = best;
    at[i] = corner + 2 * i + found;
  }
}
void max_pool_pairs(const Tensor& x, const std::vector<PoolAxis>& axes, Tensor& y, Tensor& index) {
  const int64_t height = axes[1].n, width = axes[2].n, H = y.dim(2), W = y.dim(3);
  parallel_for(x.dim(0) * H, 1 + grain / (4 * W + 1), [&](int64_t begin, int64_t end) {
    int64_t plane = begin / H, h = begin % H;
    for (int64_t line = begin; line < end; line++) {
      const int64_t corner = 2 * h * width;
      pool_pairs(x.data<float>() + plane * height * width + corner, width, W, corner, y.data<float>() + line * W,
                 index.data<int64_t>() + line * W);
      if (++h == H) plane++, h = 0;
    }
  });
}

template <class T> void max_pool_of(const Tensor& x, const std::vector<PoolAxis>& axes, Tensor& y, Tensor& index) {
  using C = compute_t<T>;
  using N = std::conditional_t<sizeof(C) == 8, int64_t, int32_t>;              // as wide as C, so that lanes match
  constexpr int64_t together = 64;
  const PoolAxis &depth = axes[0], &height = axes[1], &width = axes[2];
  const int64_t D = y.dim(1), H = y.dim(2), W = y.dim(3), plane = depth.n * height.n * width.n;
  const Even even(width);
  parallel_for(x.dim(0) * D * H, 1 + grain / (4 * W + 1), [&](int64_t begin, int64_t end) {
    Taps taps;
    for (int64_t line = begin; line < end; line++) {
      const int64_t d = line / H % D, h = line % H;
      const int64_t corner = (depth.start[d] * height.n + height.start[h]) * width.n;
      const T* from = x.data<T>() + line / H / D * plane + corner;
      T* value = y.data<T>() + line * W;
      int64_t* at = index.data<int64_t>() + line * W;
      for (int64_t w = 0, n; w < W; w += n) {
        const bool inside = w >= even.begin && w < even.end;
        n = inside ? std::min(together, even.end - w) : 1;
        const int64_t start = width.start[w];
        taps.set(axes, {depth.count[d], height.count[h], width.count[w]});
        C best[together];
        N found[together];
        for (int64_t i = 0; i < n; i++) {
          best[i] = C(from[start + i * even.stride]);
          found[i] = 0;
        }
        for (size_t k = 1; k < taps.offset.size(); k++) see(from + start + taps.offset[k], even.stride, n, N(k), best, found);
        for (int64_t i = 0; i < n; i++) {
          value[w + i] = T(best[i]);
          at[w + i] = corner + start + i * even.stride + taps.offset[size_t(found[i])];
        }
      }
    }
  });
}

void max_pool(const Tensor& x, const std::vector<PoolAxis>& axes, Tensor& y, Tensor& index) {
  if (y.size() == 0) return;
  const bool pairs = axes[0].n == 1 && in_pairs(axes[1]) && in_pairs(axes[2]) && axes[2].n < (1 << 30);
  if (pairs && x.dtype() == DType::float32) return max_pool_pairs(x, axes, y, index);
  each_number(x.dtype(), [&](auto tag) { max_pool_of<typename decltype(tag)::type>(x, axes, y, index); });
}

// Σ w[k] x[k] in lanes, so that long sums lose no digits.
template <class T, class C> C dot(const T* x, const C* w, int64_t n) {
  constexpr int64_t lanes = 8;
  C sum = 0;
  if (n < lanes) {
    for (int64_t k = 0; k < n; k++) sum += w[k] * C(x[k]);
    return sum;
  }
  C lane[lanes] = {};
  int64_t k = 0;
  for (; k + lanes <= n; k += lanes)
    for (int64_t l = 0; l < lanes; l++) lane[l] += w[k + l] * C(x[k + l]);
  for (; k < n; k++) sum += w[k] * C(x[k]);
  for (C l : lane) sum += l;
  return sum;
}

// y[j] = Σ_k w[k] x[k inner + j]
template <class T, class C> void add_rows(const T* x, const C* w, int64_t n, int64_t inner, T* y) {
  constexpr int64_t width = 256;
  for (int64_t begin = 0; begin < inner; begin += width) {
    const int64_t m = std::min(width, inner - begin);
    C sum[width] = {};
    for (int64_t k = 0; k < n; k++) {
      const T* row = x + k * inner + begin;
      for (int64_t j = 0; j < m; j++) sum[j] += w[k] * C(row[j]);
    }
    for (int64_t j = 0; j < m; j++) y[begin + j] = T(sum[j]);
  }
}

void band_matmul(const Tensor& x, const Band& a, Tensor& y) {
  if (y.size() == 0) return;
  const int64_t n = x.dim(1), m = y.dim(1), inner = y.dim(2), length = 1 + a.first.back() / m;
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = compute_t<T>;
    const std::vector<C> weight(a.weight.begin(), a.weight.end());
    parallel_for(y.dim(0) * m, 1 + grain / (inner * length), [&](int64_t begin, int64_t end) {
      int64_t i = begin % m;
      const T* line = x.data<T>() + begin / m * n * inner;
      T* to = y.data<T>() + begin * inner;
      for (int64_t r = begin; r < end; r++, to += inner) {
        const T* from = line + a.start[i] * inner;
        if (inner == 1) *to = T(dot(from, weight.data() + a.first[i], a.length(i)));
        else add_rows(from, weight.data() + a.first[i], a.length(i), inner, to);
        if (++i == m) {
          i = 0;
          line += n * inner;
        }
      }
    });
  });
}

const Fill filled[] = {{kernel::max_pool, Device::cpu, max_pool}, {kernel::band_matmul, Device::cpu, band_matmul}};

}  // namespace
}  // namespace chainrule
