#include "core/graph.h"

#include <algorithm>

#include "core/kernels.h"
#include "ops/ops.h"

namespace chainrule {
namespace {

thread_local int depth = 0;
thread_local bool keep_values = false;
std::atomic<uint64_t> next_number{1};
std::atomic<uint64_t> next_walk{1};

// Nodes wait here to be deleted, so that a chain of a million of them needs no million stack frames.
thread_local std::vector<Node*>* graveyard = nullptr;

Ref<Node> new_node(const char* op, const Tensor& y) {
  Ref<Node> n(new Node);
  n->op = op;
  n->number = next_number.fetch_add(1, std::memory_order_relaxed);
  n->dtype = y.dtype();
  n->device = y.device();
  n->shape = y.shape();
  if (keep_values) n->value = y.attached({});              // its own view: y will own this node
  return n;
}

struct NoRule final : Map {
  std::string reason;
  explicit NoRule(std::string r) : reason(std::move(r)) {}
  Tensor push(const Tensor&) const override { throw std::runtime_error(reason); }
  Tensor pull(const Tensor&) const override { throw std::runtime_error(reason); }
};

void check_map(const Tensor& d, const Shape& shape, const Node& node, const char* direction) {
  if (!(d.shape() == shape))
    throw std::logic_error(text(node.op, ": ", direction, " gave shape ", d.shape(), ", needs ", shape));
}

// Whether nobody else sees these bytes: then a sum may be made in them.
bool owned(const Tensor& t) {
  const TensorImpl& i = *t.impl();
  return i.references == 1 && i.storage->references == 1 && !i.storage->release && !i.node && i.contiguous;
}
void accumulate(Tensor& sum, Tensor&& d) {
  if (!sum) { sum = std::move(d); return; }
  const bool alike = sum.dtype() == d.dtype() && sum.shape() == d.shape() && sum.device() == Device::cpu && d.device() == Device::cpu;
  if (alike && !d.node() && owned(sum)) kernel::add(Device::cpu, sum, d, sum);
  else if (alike && !sum.node() && owned(d)) {
    kernel::add(Device::cpu, sum, d, d);
    sum = std::move(d);
  } else sum = add(sum, d);
}

}  // namespace

void destroy(Node* node) {
  if (graveyard) return graveyard->push_back(node);
  std::vector<Node*> waiting;
  graveyard = &waiting;
  waiting.push_back(node);
  while (!waiting.empty()) {
    Node* n = waiting.back();
    waiting.pop_back();
    delete n;
  }
  graveyard = nullptr;
}

int recording() { return depth; }
Recording::Recording(bool keep) : keep_before(keep_values) {
  depth++;
  keep_values = keep_values || keep;
}
Recording::~Recording() {
  depth--;
  keep_values = keep_before;
}
int pause_recording() { return std::exchange(depth, 0); }
void resume_recording(int before) { depth = before; }

void attach_node(const char* op, Tensor& y) { y.impl()->node = new_node(op, y); }

Tensor leaf(const Tensor& x) {
  require<DTypeError>(is_float(x), "differentiate", "needs a floating tensor, got ", x.dtype());
  Tensor y(x.storage(), x.dtype(), x.shape(), x.strides(), x.offset());
  attach_node("input", y);
  if (x.node()) y.node()->edges.push_back({x.node(), nullptr});
  return y;
}

void add_edge(const Tensor& y, const Tensor& x, std::unique_ptr<Map> map) {
  y.node()->edges.push_back({x.node(), std::move(map)});
}
void join(const Tensor& y, const std::vector<Tensor>& inputs, Joint fused) {
  if (!y.node()) return;
  std::vector<size_t> recorded;
  for (size_t i = 0; i < inputs.size(); i++)
    if (inputs[i] && inputs[i].node()) recorded.push_back(i);
  y.node()->joint = [=, node = y.node().get()](const Tensor& d) {
    std::vector<Tensor> all, out;
    if (recording()) for (const Edge& e : node->edges) out.push_back(e.map->pull(d));
    else all = fused(d);
    for (const size_t i : recorded) if (!all.empty()) out.push_back(all[i]);
    return out;
  };
}

void link_composite(const Tensor& y, const std::vector<Tensor>& inputs, Composite composite, Joint fused) {
  if (!y.node()) return;
  std::vector<size_t> variable;
  for (size_t i = 0; i < inputs.size(); i++)
    if (inputs[i] && inputs[i].node()) {
      variable.push_back(i);
      add_edge(y, inputs[i], nullptr);                     // never walked alone: both joint maps are set
    }
  struct Run { std::vector<Tensor> leaves; Tensor y; };
  const auto run = [=] {
    const Recording record;
    std::vector<Tensor> all = inputs;
    Run r;
    for (const size_t i : variable) r.leaves.push_back(all[i] = leaf(inputs[i]));
    r.y = composite(all);
    return r;
  };
  y.node()->joint = [=](const Tensor& d) {
    std::vector<Tensor> ds;
    if (!recording()) {
      const std::vector<Tensor> all = fused(d);
      for (const size_t i : variable) ds.push_back(all[i]);
      return ds;
    }
    Run r = run();
    return pull_back({std::move(r.y)}, {d}, r.leaves);
  };
  y.node()->joint_push = [=](const std::vector<Tensor>& ds) {
    Run r = run();
    std::vector<Tensor> moved, tangents;
    for (size_t i = 0; i < ds.size(); i++)
      if (ds[i]) {
        moved.push_back(r.leaves[i]);
        tangents.push_back(ds[i]);
      }
    return push_forward({r.y}, moved, tangents)[0];
  };
}

void no_rule(const Tensor& y, const Tensor& x, const char* reason) {
  if (y.node() && x.node()) add_edge(y, x, std::make_unique<NoRule>(text(y.node()->op, ": ", reason)));
}

// Nodes made before the oldest leaf cannot depend on any leaf: the search stops there, and at the leaves.
std::vector<Ref<Node>> recorded(const std::vector<Tensor>& ys, const std::vector<Tensor>& leaves) {
  const uint64_t walk = next_walk.fetch_add(1, std::memory_order_relaxed);
  uint64_t oldest = UINT64_MAX;
  std::vector<Ref<Node>> found;
  for (const Tensor& x : leaves) {
    oldest = std::min(oldest, x.node()->number);
    if (x.node()->walk == walk) continue;
    x.node()->walk = walk;
    x.node()->depends = true;
    found.push_back(x.node());
  }
  const size_t leaf_count = found.size();
  auto visit = [&](const Ref<Node>& n) {
    if (n->walk == walk || n->number < oldest) return;
    n->walk = walk;
    n->depends = false;
    found.push_back(n);
  };
  for (const Tensor& y : ys)
    if (y.node()) visit(y.node());
  for (size_t i = leaf_count; i < found.size(); i++) {
    const Ref<Node> n = found[i];
    for (const Edge& e : n->edges) visit(e.input);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a->number < b->number; });
  std::vector<Ref<Node>> kept;
  for (Ref<Node>& n : found) {
    for (const Edge& e : n->edges) n->depends |= e.input->walk == walk && e.input->depends;
    n->adjoint = Tensor();
    if (n->depends) kept.push_back(std::move(n));
  }
  return kept;
}

std::vector<Tensor> pull_back(std::vector<Tensor> ys, std::vector<Tensor> seeds, const std::vector<Tensor>& leaves) {
  std::vector<Ref<Node>> nodes = recorded(ys, leaves);
  std::vector<const Node*> stop;
  for (const Tensor& x : leaves) stop.push_back(x.node().get());
  std::sort(stop.begin(), stop.end());

  const uint64_t walk = nodes.empty() ? 0 : nodes.back()->walk;
  for (size_t i = 0; i < ys.size(); i++)
    if (ys[i].node() && ys[i].node()->walk == walk && ys[i].node()->depends)
      accumulate(ys[i].node()->adjoint, std::move(seeds[i]));
  ys.clear();
  seeds.clear();

  while (!nodes.empty()) {                     // the youngest first; a node passed is let go
    const Ref<Node> n = std::move(nodes.back());
    nodes.pop_back();
    if (!n->adjoint || std::binary_search(stop.begin(), stop.end(), n.get())) continue;
    const Tensor d = std::exchange(n->adjoint, Tensor());
    if (n->joint) {
      std::vector<Tensor> ds = n->joint(d);
      for (size_t i = 0; i < n->edges.size(); i++)
        if (n->edges[i].input->walk == walk && n->edges[i].input->depends)
          accumulate(n->edges[i].input->adjoint, std::move(ds[i]));
      continue;
    }
    for (const Edge& e : n->edges) {
      if (e.input->walk != walk || !e.input->depends) continue;
      Tensor pulled = e.map ? e.map->pull(d) : d;
      check_map(pulled, e.input->shape, *n, "pull");
      accumulate(e.input->adjoint, std::move(pulled));
    }
  }
  std::vector<Tensor> out;
  for (const Tensor& x : leaves) {
    Tensor& adjoint = x.node()->adjoint;
    out.push_back(adjoint ? adjoint : zeros(x.shape(), x.dtype(), x.device()));
  }
  for (const Tensor& x : leaves) x.node()->adjoint = Tensor();
  return out;
}

std::vector<Tensor> push_forward(const std::vector<Tensor>& ys, const std::vector<Tensor>& leaves,
                                 const std::vector<Tensor>& tangents) {
  const std::vector<Ref<Node>> nodes = recorded(ys, leaves);
  const uint64_t walk = nodes.empty() ? 0 : nodes.back()->walk;
  std::vector<const Node*> stop;
  for (size_t i = 0; i < leaves.size(); i++) {
    leaves[i].node()->adjoint = tangents[i];
    stop.push_back(leaves[i].node().get());
  }
  std::sort(stop.begin(), stop.end());
  for (const Ref<Node>& n : nodes) {
    if (std::binary_search(stop.begin(), stop.end(), n.get())) continue;
    Tensor tangent;
    if (n->joint_push) {
      std::vector<Tensor> tangents;
      for (const Edge& e : n->edges) tangents.push_back(e.input->walk == walk ? e.input->adjoint : Tensor());
      if (std::any_of(tangents.begin(), tangents.end(), [](const Tensor& t) { return bool(t); })) tangent = n->joint_push(tangents);
    } else for (const Edge& e : n->edges) {
      if (e.input->walk != walk || !e.input->adjoint) continue;
      Tensor pushed = e.map ? e.map->push(e.input->adjoint) : e.input->adjoint;
      check_map(pushed, n->shape, *n, "push");
      accumulate(tangent, std::move(pushed));
    }
    n->adjoint = std::move(tangent);
  }
  std::vector<Tensor> out;
  for (const Tensor& y : ys) {
    const bool reached = y.node() && y.node()->walk == walk && y.node()->adjoint;
    out.push_back(reached ? y.node()->adjoint : zeros(y.shape(), y.dtype(), y.device()));
  }
  for (const Ref<Node>& n : nodes) n->adjoint = Tensor();
  return out;
}

}  // namespace chainrule
