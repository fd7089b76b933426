#include "ops/update.h"

#include "core/kernels.h"
#include "ops/create.h"

namespace chainrule {
namespace {

// Everything is checked before the first byte changes.
void check(const char* op, const std::vector<Tensor>& params, const std::vector<Tensor>& others, const char* what) {
  require<ValueError>(params.size() == others.size(), op, others.size(), " ", what, " given for ", params.size(), " parameters");
  for (size_t i = 0; i < params.size(); i++) {
    require<ValueError>(!params[i].node(), op, "parameter ", i, " is recorded by a transform");
    require<DTypeError>(is_float(params[i]), op, "parameter ", i, " is ", params[i].dtype(), ", needs a floating type");
    require<ValueError>(params[i].storage()->writable, op, "parameter ", i, " shares memory that is read-only");
    require(params[i].contiguous(), op, "parameter ", i, " of shape ", params[i].shape(), " must be row-major");
    require(params[i].shape() == others[i].shape(), op, what, " ", i, " ", others[i].shape(), " needs shape ", params[i].shape());
    require<DeviceError>(params[i].device() == params[0].device(), op, "parameter ", i, " is on ", params[i].device(),
                         " and parameter 0 on ", params[0].device(), "; update them in a call each");
    require<DeviceError>(params[i].device() == others[i].device(), op, what, " ", i, " is on another device than its parameter");
  }
}
std::vector<Tensor> gradients(const std::vector<Tensor>& grads, const std::vector<Tensor>& params) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < params.size(); i++) out.push_back(contiguous(astype(grads[i].detached(), params[i].dtype())));
  return out;
}
void check_state(const char* op, const std::vector<Tensor>& params, const std::vector<Tensor>& state, const char* what) {
  check(op, params, state, what);
  for (size_t i = 0; i < params.size(); i++)
    require<DTypeError>(state[i].dtype() == params[i].dtype() && state[i].contiguous(), op, what, " ", i,
                        " must be row-major and of type ", params[i].dtype());
}

}  // namespace

void sgd_update(std::vector<Tensor> params, const std::vector<Tensor>& grads, std::vector<Tensor> velocities, SgdStep s) {
  check("sgd_update", params, grads, "gradient");
  if (s.momentum != 0) check_state("sgd_update", params, velocities, "velocity");
  if (params.empty()) return;
  if (s.momentum == 0) velocities = params;                // not looked at
  kernel::sgd_update(params[0].device(), gradients(grads, params), params, velocities, s);
}

void adam_update(std::vector<Tensor> params, const std::vector<Tensor>& grads, std::vector<Tensor> m, std::vector<Tensor> v,
                 AdamStep a) {
  check("adam_update", params, grads, "gradient");
  check_state("adam_update", params, m, "first moment");
  check_state("adam_update", params, v, "second moment");
  if (params.empty()) return;
  kernel::adam_update(params[0].device(), gradients(grads, params), params, m, v, a);
}

}  // namespace chainrule
