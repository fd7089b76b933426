// The recorded graph and its two walks.
//
// A node is the result of one op. Each of its edges carries the local Jacobian J of that op in one input,
// as two linear maps written in ops:  push d -> J d  and  pull d -> Jᵀ d.   Book: §4.4
//   forward  (4.29)         tangent(y) = Σ push(tangent(input))   over y's edges, oldest node first
//   backward (4.31)-(4.32)  adjoint(input) += pull(adjoint(y))    over y's edges, youngest node first
// Nodes are numbered as they are made, so the order of numbers is an order of dependence.
#pragma once
#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "core/tensor.h"

namespace chainrule {

// The local Jacobian of one edge.
struct Map {
  virtual ~Map() = default;
  virtual Tensor push(const Tensor& d) const = 0;
  virtual Tensor pull(const Tensor& d) const = 0;
};
// Pulls one adjoint to all inputs at once, for ops whose backward kernel yields them together.
using Joint = std::function<std::vector<Tensor>(const Tensor& d)>;
// Pushes the tangents of all inputs at once; that of an input that stands still is empty.
using JointPush = std::function<Tensor(const std::vector<Tensor>& ds)>;

struct Edge {
  Ref<Node> input;
  std::unique_ptr<Map> map;     // none: the identity
};

struct Node {
  std::atomic<int64_t> references{0};
  const char* op;
  uint64_t number;
  DType dtype;
  Device device;
  Shape shape;
  std::vector<Edge> edges;
  Joint joint;                  // when set, the backward walk calls it instead of the edges' pulls
  JointPush joint_push;         // and the forward walk this one
  Tensor value;                 // kept only while `explain` watches
  // Scratch of the walk in progress.
  Tensor adjoint;
  uint64_t walk = 0;
  bool depends = false;
};

// Recording is on only while a transform runs the user's function; the depth counts nested transforms.
int recording();
struct Recording {
  explicit Recording(bool keep_values = false);
  ~Recording();
  Recording(const Recording&) = delete;
  bool keep_before;
};
// No recording until resumed with the depth that pause returned.
int pause_recording();
void resume_recording(int depth);

void attach_node(const char* op, Tensor& y);
// A fresh variable to differentiate in; when x is recorded itself, an identity edge leads back to it.
Tensor leaf(const Tensor& x);

// The result of an op inside one of its own maps: its bytes, and its node without owning it
// (the map lives in that node, so the node is there whenever the map runs).
class Self {
 public:
  explicit Self(const Tensor& y) : value_(y.detached()), node_(y.node().get()) {}
  operator Tensor() const { return recording() && node_ ? value_.attached(Ref<Node>(node_)) : value_; }

 private:
  Tensor value_;
  Node* node_;
};

void add_edge(const Tensor& y, const Tensor& x, std::unique_ptr<Map> map);

template <class Push, class Pull> struct PairMap final : Map {
  Push push_;
  Pull pull_;
  PairMap(Push push, Pull pull) : push_(std::move(push)), pull_(std::move(pull)) {}
  Tensor push(const Tensor& d) const override { return push_(d); }
  Tensor pull(const Tensor& d) const override { return pull_(d); }
};
template <class Both> struct SymmetricMap final : Map {
  Both both_;
  explicit SymmetricMap(Both both) : both_(std::move(both)) {}
  Tensor push(const Tensor& d) const override { return both_(d); }
  Tensor pull(const Tensor& d) const override { return both_(d); }
};

// Step 4 of an op. One map when J = Jᵀ (elementwise, softmax) ...
template <class Both> void link(const Tensor& y, const Tensor& x, Both both) {
  if (y.node() && x.node()) add_edge(y, x, std::make_unique<SymmetricMap<Both>>(std::move(both)));
}
// ... otherwise J and its transpose.
template <class Push, class Pull> void link(const Tensor& y, const Tensor& x, Push push, Pull pull) {
  if (y.node() && x.node()) add_edge(y, x, std::make_unique<PairMap<Push, Pull>>(std::move(push), std::move(pull)));
}
// After the links of y to `inputs`, those that are there: backward by one kernel, whose adjoints of all of them are
// `fused(d)`, without a record. Under another transform the maps of the links are taken, since these are recorded.
void join(const Tensor& y, const std::vector<Tensor>& inputs, Joint fused);
// All links of y to `inputs`, those that are there, by the composite that defines it: both walks run it again, with a record.
// Backward is `fused` as above.
using Composite = std::function<Tensor(const std::vector<Tensor>& inputs)>;
void link_composite(const Tensor& y, const std::vector<Tensor>& inputs, Composite composite, Joint fused);
// A derivative that is not written yet: the walk raises, nothing is dropped in silence.
void no_rule(const Tensor& y, const Tensor& x, const char* reason);

// Backward: the adjoints of `leaves` for the seeds of `ys`. The graph is given up on the way when `ys` are moved in.
std::vector<Tensor> pull_back(std::vector<Tensor> ys, std::vector<Tensor> seeds, const std::vector<Tensor>& leaves);
// Forward: the tangents of `ys` for the tangents of `leaves`.
std::vector<Tensor> push_forward(const std::vector<Tensor>& ys, const std::vector<Tensor>& leaves,
                                 const std::vector<Tensor>& tangents);
// The nodes on which `ys` rest, oldest first, down to `leaves`.
std::vector<Ref<Node>> recorded(const std::vector<Tensor>& ys, const std::vector<Tensor>& leaves);

}  // namespace chainrule
