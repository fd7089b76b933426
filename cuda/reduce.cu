// Reductions: y has the axes of x, of size 1 where x is reduced.
//
// A block of 256 threads makes `across` results with `down` threads each, neighbours along whichever axis of x is dense
// in memory. Few results of very many elements are cut into parts by size alone and joined in a second launch, so the
// numbers depend on nothing but the shape.
#include <limits>

#include "reduce.cuh"

namespace chainrule {
namespace {

template <class C> struct Lowest {
  static constexpr C value = std::numeric_limits<C>::has_infinity ? C(-std::numeric_limits<C>::infinity())
                                                                  : std::numeric_limits<C>::lowest();
};
template <class C> struct Highest {
  static constexpr C value = std::numeric_limits<C>::has_infinity ? std::numeric_limits<C>::infinity()
                                                                  : std::numeric_limits<C>::max();
};
template <class C> using wide_t = std::conditional_t<std::is_integral_v<C>, int64_t, double>;

// What a reduction is: a lane takes elements (value, position), totals are merged from lanes.
template <class C> struct Sum {
  using Total = wide_t<C>;
  using Lane = std::conditional_t<std::is_integral_v<C>, int64_t, C>;
  __device__ static Total start() { return 0; }
  __device__ static Lane lane() { return 0; }
  __device__ static Lane join(Lane a, C v, int64_t) { return a + Lane(v); }
  __device__ static Total merge(Total a, Total b) { return a + b; }
  __device__ static Total result(Total a) { return a; }
};
template <class C> struct Prod {
  using Total = wide_t<C>;
  using Lane = Total;                        // a product of a few floats can leave float's range and come back
  __device__ static Total start() { return 1; }
  __device__ static Lane lane() { return 1; }
  __device__ static Lane join(Lane a, C v, int64_t) { return a * Lane(v); }
  __device__ static Total merge(Total a, Total b) { return a * b; }
  __device__ static Total result(Total a) { return a; }
};
// A NaN is taken and kept: nothing is larger than it.
template <class C> struct Max {
  using Total = C;
  using Lane = C;
  __device__ static C start() { return Lowest<C>::value; }
  __device__ static C lane() { return start(); }
  __device__ static C join(C a, C v, int64_t) { return v > a || v != v ? v : a; }
  __device__ static C merge(C a, C b) { return join(a, b, 0); }
  __device__ static C result(C a) { return a; }
};
template <class C> struct Min {
  using Total = C;
  using Lane = C;
  __device__ static C start() { return Highest<C>::value; }
  __device__ static C lane() { return start(); }
  __device__ static C join(C a, C v, int64_t) { return v < a || v != v ? v : a; }
  __device__ static C merge(C a, C b) { return join(a, b, 0); }
  __device__ static C result(C a) { return a; }
};
// The first place of the extreme value; a NaN counts as extreme.
template <class C> struct Place { C value; int64_t at; };
template <class C, bool largest> struct Arg {
  using Total = Place<C>;
  using Lane = Place<C>;
  __device__ static Total start() { return {largest ? Lowest<C>::value : Highest<C>::value, INT64_MAX}; }
  __device__ static Total lane() { return start(); }
  __device__ static Total merge(Total a, Total b) {
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    const bool tied = a.value == b.value || (a_nan && b_nan);
    const bool beyond = !a_nan && (b_nan || (largest ? b.value > a.value : b.value < a.value));
    return beyond || (tied && b.at < a.at) ? b : a;
  }
  __device__ static Total join(Total a, C v, int64_t at) { return merge(a, {v, at}); }
  __device__ static int64_t result(Total a) { return a.at; }
};
template <class C> using ArgMax = Arg<C, true>;
template <class C> using ArgMin = Arg<C, false>;
// How many are not zero.
template <class C> struct Count {
  using Total = int64_t;
  using Lane = int64_t;
  __device__ static int64_t start() { return 0; }
  __device__ static int64_t lane() { return 0; }
  __device__ static int64_t join(int64_t a, C v, int64_t) { return a + (v != C(0)); }
  __device__ static int64_t merge(int64_t a, int64_t b) { return a + b; }
  __device__ static int64_t result(int64_t a) { return a; }
};

template <template <class> class Kind, class Visit> void reduce_each(const char* op, const Tensor& x, Tensor& y, Visit&& each) {
  if (y.size() == 0) return;
  each(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = Kind<compute_t<T>>;
    reduce<R>(op, Elements<T>{x.data<T>()}, Store<R, T>{y.data<T>()}, Nest::of(x, y));
  });
}
template <class F> void each_summable(DType t, F&& f) {
  if (t == DType::int64) f(type_tag<int64_t>{});
  else each_float(t, f);
}
void sum(const Tensor& x, Tensor& y) { reduce_each<Sum>("sum", x, y, [](DType t, auto f) { each_summable(t, f); }); }
void prod(const Tensor& x, Tensor& y) { reduce_each<Prod>("prod", x, y, [](DType t, auto f) { each_summable(t, f); }); }
void max(const Tensor& x, Tensor& y) { reduce_each<Max>("max", x, y, [](DType t, auto f) { each_type(t, f); }); }
void min(const Tensor& x, Tensor& y) { reduce_each<Min>("min", x, y, [](DType t, auto f) { each_type(t, f); }); }

template <template <class> class Kind> void arg_reduce(const char* op, const Tensor& x, Tensor& y) {
  if (y.size() == 0) return;
  each_type(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = Kind<compute_t<T>>;
    reduce<R>(op, Elements<T>{x.data<T>()}, Store<R, int64_t>{y.data<int64_t>()}, Nest::middle(x.dim(0), x.dim(1), x.dim(2)));
  });
}
void argmax(const Tensor& x, Tensor& y) { arg_reduce<ArgMax>("argmax", x, y); }
void argmin(const Tensor& x, Tensor& y) { arg_reduce<ArgMin>("argmin", x, y); }

void count_nonzero(const Tensor& x, int64_t* n) {
  *n = 0;
  if (x.size() == 0) return;
  const Scratch<int64_t> total(1);
  each_type(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using R = Count<compute_t<T>>;
    reduce<R>("count_nonzero", Elements<T>{x.data<T>()}, Store<R, int64_t>{total.get()}, Nest::middle(1, x.size(), 1));
  });
  copy_to_host(n, total.get(), sizeof *n);
}

const Fill filled[] = {{kernel::sum, Device::cuda, sum},       {kernel::prod, Device::cuda, prod},
                       {kernel::max, Device::cuda, max},       {kernel::min, Device::cuda, min},
                       {kernel::argmax, Device::cuda, argmax}, {kernel::argmin, Device::cuda, argmin}};
const Fill count_filled(kernel::count_nonzero, Device::cuda, count_nonzero);

}  // namespace
}  // namespace chainrule
