// y[i] = f(x[i]), f(a[i], b[i]) over tensors of one shape and any strides.
#pragma once
#include "strides.cuh"

namespace chainrule {

// One thread a pack of V neighbours where all operands step by 1 or stand still: 16-byte loads, whole cache lines.
// Reads each input once, writes y once: bound by memory.
template <int V, class F, class X, class Y>
__global__ void map_packs(F f, const X* x, Y* y, bool still, int64_t n) {
  const int64_t packs = n / V;
  for (int64_t i = first(); i < packs; i += stride()) {
    Pack<X, V> in;
    if (still) for (int k = 0; k < V; k++) in.v[k] = x[0];
    else in = reinterpret_cast<const Pack<X, V>*>(x)[i];
    Pack<Y, V> out;
    for (int k = 0; k < V; k++) out.v[k] = narrow<Y>(f(widen(in.v[k])));
    reinterpret_cast<Pack<Y, V>*>(y)[i] = out;
  }
  const int64_t rest = packs * V + first();
  if (rest < n) y[rest] = narrow<Y>(f(widen(x[still ? 0 : rest])));
}
template <int V, class F, class X, class Y>
__global__ void map_packs(F f, const X* a, const X* b, Y* y, bool still_a, bool still_b, int64_t n) {
  const int64_t packs = n / V;
  for (int64_t i = first(); i < packs; i += stride()) {
    Pack<X, V> left, right;
    if (still_a) for (int k = 0; k < V; k++) left.v[k] = a[0];
    else left = reinterpret_cast<const Pack<X, V>*>(a)[i];
    if (still_b) for (int k = 0; k < V; k++) right.v[k] = b[0];
    else right = reinterpret_cast<const Pack<X, V>*>(b)[i];
    Pack<Y, V> out;
    for (int k = 0; k < V; k++) out.v[k] = narrow<Y>(f(widen(left.v[k]), widen(right.v[k])));
    reinterpret_cast<Pack<Y, V>*>(y)[i] = out;
  }
  const int64_t rest = packs * V + first();
  if (rest < n) y[rest] = narrow<Y>(f(widen(a[still_a ? 0 : rest]), widen(b[still_b ? 0 : rest])));
}

// One thread an element, any strides: neighbouring threads on neighbours of the last axis.
template <class F, class X, class Y>
__global__ void map_strided(F f, const X* x, Y* y, Strided<2> axes) {
  for (int64_t i = first(); i < axes.n; i += stride()) {
    int64_t at[2];
    axes.at(i, at);
    y[at[1]] = narrow<Y>(f(widen(x[at[0]])));
  }
}
template <class F, class X, class Y>
__global__ void map_strided(F f, const X* a, const X* b, Y* y, Strided<3> axes) {
  for (int64_t i = first(); i < axes.n; i += stride()) {
    int64_t at[3];
    axes.at(i, at);
    y[at[2]] = narrow<Y>(f(widen(a[at[0]]), widen(b[at[1]])));
  }
}

// As many elements as 16 bytes of the wider type hold.
template <class X, class Y> constexpr int pack_size = int(16 / (sizeof(X) > sizeof(Y) ? sizeof(X) : sizeof(Y)));
template <class T, int V> bool packable(const T* p, bool still) { return still || aligned(p, sizeof(T) * V); }

template <class X, class Y, class F> void map(const char* op, const Tensor& x, Tensor& y, F f) {
  if (y.size() == 0) return;
  constexpr int V = pack_size<X, Y>;
  const X* px = x.data<X>();
  Y* py = y.data<Y>();
  const Strided<2> axes(y.shape(), {x.strides(), y.strides()});
  if (axes.dense() && !axes.still(1) && packable<X, V>(px, axes.still(0)) && packable<Y, V>(py, false)) {
    void (*kernel)(F, const X*, Y*, bool, int64_t) = map_packs<V, F, X, Y>;
    launch(op, kernel, blocks(y.size(), threads * V), threads, 0, f, px, py, axes.still(0), y.size());
  } else {
    void (*kernel)(F, const X*, Y*, Strided<2>) = map_strided<F, X, Y>;
    launch(op, kernel, blocks(y.size()), threads, 0, f, px, py, axes);
  }
}
template <class X, class Y, class F> void map(const char* op, const Tensor& a, const Tensor& b, Tensor& y, F f) {
  if (y.size() == 0) return;
  constexpr int V = pack_size<X, Y>;
  const X *pa = a.data<X>(), *pb = b.data<X>();
  Y* py = y.data<Y>();
  const Strided<3> axes(y.shape(), {a.strides(), b.strides(), y.strides()});
  if (axes.dense() && !axes.still(2) && packable<X, V>(pa, axes.still(0)) && packable<X, V>(pb, axes.still(1)) &&
      packable<Y, V>(py, false)) {
    void (*kernel)(F, const X*, const X*, Y*, bool, bool, int64_t) = map_packs<V, F, X, Y>;
    launch(op, kernel, blocks(y.size(), threads * V), threads, 0, f, pa, pb, py, axes.still(0), axes.still(1), y.size());
  } else {
    void (*kernel)(F, const X*, const X*, Y*, Strided<3>) = map_strided<F, X, Y>;
    launch(op, kernel, blocks(y.size()), threads, 0, f, pa, pb, py, axes);
  }
}

// A functor without numbers of its own, or with the record of faults.
template <class F> F make() {
  if constexpr (std::is_empty_v<F>) return {};
  else return {faults()};
}
// The types an op has.
struct Floats { template <class Visit> static void each(DType t, Visit&& f) { each_float(t, f); } };
struct Numbers { template <class Visit> static void each(DType t, Visit&& f) { each_number(t, f); } };
struct All { template <class Visit> static void each(DType t, Visit&& f) { each_type(t, f); } };
struct Bits {
  template <class Visit> static void each(DType t, Visit&& f) {
    if (t == DType::boolean) f(type_tag<bool>{});
    else each_integer(t, f);
  }
};

template <class F> void map_floats(const char* op, const Tensor& x, Tensor& y, F f) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(op, x, y, f);
  });
}
template <class F> void map_floats(const char* op, const Tensor& a, const Tensor& b, Tensor& y, F f) {
  each_float(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(op, a, b, y, f);
  });
}
template <auto& slot, class Types, class F> void unary(const Tensor& x, Tensor& y) {
  Types::each(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(slot.name, x, y, make<F>());
  });
}
template <auto& slot, class Types, class F> void binary(const Tensor& a, const Tensor& b, Tensor& y) {
  Types::each(y.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>(slot.name, a, b, y, make<F>());
  });
}

}  // namespace chainrule
