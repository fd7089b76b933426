// Convolution as it is written: the definition, and the kernels of small problems.   Book: §6.3, (6.14), (6.20)
//   z[n, o, p] = b[o] + Σ_c Σ_k w[o, c, k] x[n, c, p stride + k dilation - before]
#pragma once
#include "core/tensor.h"
#include "core/windows.h"
#include "cpu/loops.h"

namespace chainrule::conv {

// Windows that reach far beyond x, whose laid out rows would be mostly zeros.
inline bool far_apart(const Windows& w) {
  for (const WindowAxis& a : w.axis)
    if ((a.size - 1) * a.dilation / 4 > a.in + a.out * std::min(a.stride, a.in)) return true;
  return false;
}

// f(tap, position) for the taps of window p of an axis that lie inside x.
template <class F> void each_inside(const WindowAxis& a, int64_t p, F&& f) {
  for (int64_t k = 0; k < a.size; k++)
    if (const int64_t i = p * a.stride + k * a.dilation - a.before; i >= 0 && i < a.in) f(k, i);
}
// f(tap, window) for the windows that read element i of x.
template <class F> void each_reading(const WindowAxis& a, int64_t i, F&& f) {
  for (int64_t k = 0; k < a.size; k++)
    if (const int64_t q = i + a.before - k * a.dilation; q >= 0 && q % a.stride == 0 && q / a.stride < a.out) f(k, q / a.stride);
}
// f(tap in the kernel, position in the plane) over depth, height and width; `along` is one of the two above.
template <class Along, class F> void each_tap(const Windows& w, const int64_t (&sizes)[3], const int64_t (&at)[3], Along along, F&& f) {
  along(w.axis[0], at[0], [&](int64_t kd, int64_t d) {
    along(w.axis[1], at[1], [&](int64_t kh, int64_t h) {
      along(w.axis[2], at[2], [&](int64_t kw, int64_t v) {
        f((kd * w.axis[1].size + kh) * w.axis[2].size + kw, (d * sizes[1] + h) * sizes[2] + v);
      });
    });
  });
}

// to (N, M, *to_size) from (N, K, *from_size): both the convolution and its adjoint in x. Element (m, k, tap) of w lies at
// m m_step + k k_step + tap within a group.
template <class T, class Along>
void plain(const Tensor& from, const Tensor& w, const Tensor& b, Tensor& to, const Windows& windows, int64_t m_step, int64_t k_step,
           Along along) {
  using C = compute_t<T>;
  const int64_t M = to.dim(1) / windows.groups, K = from.dim(1) / windows.groups;
  const int64_t size[3] = {from.dim(2), from.dim(3), from.dim(4)}, H = to.dim(3), W = to.dim(4), plane = to.dim(2) * H * W;
  const int64_t from_plane = size[0] * size[1] * size[2], group = w.size() / windows.groups;
  parallel_for(to.size(), 1 + grain / (1 + group / std::max<int64_t>(M, 1)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t p = i % plane, channel = i / plane % to.dim(1), n = i / plane / to.dim(1), g = channel / M;
      const T* px = from.data<T>() + (n * from.dim(1) + g * K) * from_plane;
      const T* pw = w.data<T>() + g * group + channel % M * m_step;
      C sum = b ? C(b.data<T>()[channel]) : C(0);
      for (int64_t k = 0; k < K; k++)
        each_tap(windows, size, {p / W / H, p / W % H, p % W}, along,
                 [&](int64_t tap, int64_t at) { sum += C(pw[k * k_step + tap]) * C(px[k * from_plane + at]); });
      to.data<T>()[i] = T(sum);
    }
  });
}

// w[o, c, k] = Σ_n Σ_p z[n, o, p] x[n, c, p stride + k dilation - before]: the adjoint in w.
template <class T> void plain_weight(const Tensor& x, const Tensor& z, Tensor& w, const Windows& windows) {
  using C = compute_t<T>;
  const auto& [a, b, c] = windows.axis;
  const int64_t taps = a.size * b.size * c.size, plane = a.in * b.in * c.in, points = a.out * b.out * c.out;
  const int64_t O = w.dim(0) / windows.groups, K = w.dim(1);
  parallel_for(w.size(), 1 + grain / (1 + x.dim(0) * points), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t tap = i % taps, channel = i / taps % K, o = i / taps / K, kw = tap % c.size, kh = tap / c.size % b.size;
      const int64_t kd = tap / c.size / b.size;
      C sum = 0;
      for (int64_t n = 0; n < x.dim(0); n++) {
        const T* px = x.data<T>() + (n * x.dim(1) + o / O * K + channel) * plane;
        const T* pz = z.data<T>() + (n * z.dim(1) + o) * points;
        for (int64_t d = 0; d < a.out; d++)
          for (int64_t h = 0; h < b.out; h++)
            for (int64_t v = 0; v < c.out; v++) {
              const int64_t id = d * a.stride + kd * a.dilation - a.before, ih = h * b.stride + kh * b.dilation - b.before;
              const int64_t iw = v * c.stride + kw * c.dilation - c.before;
              if (id < 0 || id >= a.in || ih < 0 || ih >= b.in || iw < 0 || iw >= c.in) continue;
              sum += C(px[(id * b.in + ih) * c.in + iw]) * C(pz[(d * b.out + h) * c.out + v]);
            }
      }
      w.data<T>()[i] = T(sum);
    }
  });
}

}  // namespace chainrule::conv
