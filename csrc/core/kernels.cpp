#include "core/kernels.h"

#include <dlfcn.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "ops/ops.h"

namespace chainrule {

std::vector<SlotBase*>& slots() {
  static auto* all = new std::vector<SlotBase*>;
  return *all;
}
SlotBase::SlotBase(const char* name, const char* signature) : name(name), signature(signature) {
  slots().push_back(this);
}

void no_kernel(const SlotBase& slot, Device device) {
  if (device == Device::cuda)
    if (const char* why = load_cuda()) fail<DeviceError>(slot.name, "cuda is not available: ", why);
  fail<DeviceError>(slot.name, "no ", device == Device::cuda ? "CUDA" : "CPU", " kernel in this build");
}

namespace {

// The plugin lies beside this library, or where CHAINRULE_CUDA_LIBRARY says.
std::string plugin_path() {
  if (const char* path = std::getenv("CHAINRULE_CUDA_LIBRARY")) return path;
  Dl_info info;
  if (!dladdr(reinterpret_cast<void*>(&plugin_path), &info) || !info.dli_fname) return {};
  std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return (slash == std::string::npos ? std::string() : path.substr(0, slash + 1)) + "libchainrule_cuda.so";
}

const char* backend = "";

std::string load_plugin() {
  void* library = dlopen(plugin_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const std::string error = dlerror();
    return error.find("No such file") != std::string::npos ? "this build has no CUDA kernels" : error;
  }
  // The plugin has slots of its own, made by the same header: copy its CUDA column by name.
  auto theirs = reinterpret_cast<std::vector<SlotBase*>* (*)()>(dlsym(library, "chainrule_cuda_slots"));
  auto unavailable = reinterpret_cast<const char* (*)()>(dlsym(library, "chainrule_cuda_unavailable"));
  if (!theirs || !unavailable) return "libchainrule_cuda.so is not of this version";
  std::map<std::string, SlotBase*> ours;
  for (SlotBase* s : slots()) ours[s->name] = s;
  for (SlotBase* s : *theirs()) {
    const AnyFunction f = s->column[int(Device::cuda)];
    if (!f) continue;
    const auto at = ours.find(s->name);
    if (at == ours.end() || std::strcmp(at->second->signature, s->signature) != 0)
      return text("libchainrule_cuda.so is not of this version: slot ", s->name, " differs");
    at->second->column[int(Device::cuda)] = f;
  }
  if (auto name = reinterpret_cast<const char* (*)()>(dlsym(library, "chainrule_cuda_backend"))) backend = name();
  const char* why = unavailable();
  return why ? why : "";
}

}  // namespace

const char* load_cuda() {
  static const std::string* why = new std::string(load_plugin());
  return why->empty() ? nullptr : why->c_str();
}
const char* cuda_backend() { return load_cuda() ? "" : backend; }

bool debug_nans = false;

bool has_nan(const Tensor& x) {
  if (!x || !is_float(x) || x.device() != Device::cpu) return false;
  const Tensor dense = x.contiguous() ? x : contiguous(x.detached());
  return each_float(dense.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = dense.data<T>();
    for (int64_t i = 0; i < dense.size(); i++)
      if (std::isnan(compute_t<T>(p[i]))) return true;
    return false;
  });
}
void forbid_nan(const char* op, const Tensor& y) {
  if (has_nan(y)) fail<NanError>(op, "made a NaN from inputs without one, output shape ", y.shape());
}

}  // namespace chainrule
