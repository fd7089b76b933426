// Recording and the two walks, for autodiff.py.
#include <set>

#include "bind/casters.h"
#include "ops/ops.h"

namespace chainrule {
namespace {

// Python's recording scopes; begin and end come in pairs, in a try/finally of autodiff.py.
thread_local std::vector<std::unique_ptr<Recording>> scopes;

std::vector<Tensor> pull(const py::list& ys, std::vector<Tensor> seeds, const std::vector<Tensor>& leaves) {
  std::vector<Tensor> tensors;
  for (py::handle y : ys) {
    const Tensor& t = tensor_of(y.ptr());
    tensors.push_back(t.attached(t.node()));
  }
  // Outside all transforms nobody else needs the graph: let go of it, so that the walk can free it on its way.
  // A result that is a leaf itself (the function returned its argument) keeps its node.
  const auto is_leaf = [&](const Tensor& y) {
    return std::any_of(leaves.begin(), leaves.end(), [&](const Tensor& x) { return x.impl() == y.impl(); });
  };
  if (!recording())
    for (py::handle y : ys)
      if (const Tensor& t = tensor_of(y.ptr()); !is_leaf(t)) t.impl()->node.reset();
  return pull_back(std::move(tensors), std::move(seeds), leaves);
}

// Outputs of the outermost transform carry no node.
Tensor released(const Tensor& x) { return recording() ? x : x.detached(); }

// Python functions as the maps of a node; they are handed the node's result, since a closure over it would be a cycle.
struct PythonMap final : Map {
  py::object push_, pull_all_;
  Self y;
  size_t i;
  PythonMap(py::object push, py::object pull_all, const Tensor& y, size_t i)
      : push_(std::move(push)), pull_all_(std::move(pull_all)), y(y), i(i) {}
  Tensor push(const Tensor& d) const override { return push_(i, d, Tensor(y)).cast<Tensor>(); }
  Tensor pull(const Tensor& d) const override { return pull_all_(d, Tensor(y)).cast<std::vector<Tensor>>().at(i); }
};

// y with a new node whose edges lead to xs: push(i, d, y) pushes along input i, pull_all(d, y) pulls to all inputs.
Tensor custom(const std::string& op, const Tensor& y, const std::vector<Tensor>& xs, py::object push, py::object pull_all) {
  Tensor out(y.storage(), y.dtype(), y.shape(), y.strides(), y.offset());
  bool any = false;
  for (const Tensor& x : xs) any |= bool(x.node());
  if (!recording() || !any || !is_float(y)) return out;
  static std::set<std::string> names;                      // a node keeps the pointer; the interpreter's lock guards
  attach_node(names.insert(op).first->c_str(), out);
  for (size_t i = 0; i < xs.size(); i++)
    if (xs[i].node()) add_edge(out, xs[i], std::make_unique<PythonMap>(push, pull_all, out, i));
  std::vector<size_t> used;
  for (size_t i = 0; i < xs.size(); i++)
    if (xs[i].node()) used.push_back(i);
  out.node()->joint = [pull_all, used, self = Self(out)](const Tensor& d) {
    const auto all = pull_all(d, Tensor(self)).cast<std::vector<Tensor>>();
    std::vector<Tensor> ds;
    for (size_t i : used) ds.push_back(all.at(i));
    return ds;
  };
  return out;
}

py::list trace(const std::vector<Tensor>& ys, const std::vector<Tensor>& leaves) {
  py::list out;
  for (const Ref<Node>& n : recorded(ys, leaves)) {
    py::list inputs;
    const bool is_leaf = std::any_of(leaves.begin(), leaves.end(), [&](const Tensor& x) { return x.node() == n; });
    for (const Edge& e : n->edges)
      if (!is_leaf) inputs.append(e.input->number);
    out.append(py::make_tuple(n->number, n->op, inputs, n->value, Tensor(n->value).attached(n)));
  }
  return out;
}

}  // namespace

static void bind_graph(py::module_& m) {
  m.def("_begin_recording", [](bool keep) { scopes.push_back(std::make_unique<Recording>(keep)); },
        py::arg("keep_values") = false);
  m.def("_end_recording", [] { scopes.pop_back(); });
  m.def("_recording", recording);
  m.def("_leaf", leaf, py::arg("x"));
  m.def("_pull_back", pull, py::arg("ys"), py::arg("seeds"), py::arg("leaves"));
  m.def("_push_forward", push_forward, py::arg("ys"), py::arg("leaves"), py::arg("tangents"));
  m.def("_released", released, py::arg("x"));
  m.def("_custom", custom, py::arg("op"), py::arg("y"), py::arg("xs"), py::arg("push"), py::arg("pull_all"));
  m.def("_again", [](const Tensor& x) { return x.attached(x.node()); }, py::arg("x"));
  m.def("_pause_recording", pause_recording);
  m.def("_resume_recording", resume_recording, py::arg("depth"));
  m.def("_trace", trace, py::arg("ys"), py::arg("leaves"));
}
static const Binding bound_graph(bind_graph);

}  // namespace chainrule
