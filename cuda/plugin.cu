// The plugin's side of the kernel slots: the core loads this library and copies the CUDA column by name.
#include "cuda.cuh"

namespace chainrule {

std::vector<SlotBase*>& slots() {
  static auto* all = new std::vector<SlotBase*>;
  return *all;
}
SlotBase::SlotBase(const char* name, const char* signature) : name(name), signature(signature) {
  slots().push_back(this);
}

}  // namespace chainrule

extern "C" CHAINRULE_PUBLIC std::vector<chainrule::SlotBase*>* chainrule_cuda_slots() { return &chainrule::slots(); }
extern "C" CHAINRULE_PUBLIC const char* chainrule_cuda_backend() { return chainrule::backend; }

// Why no kernel can run on this machine, or null.
extern "C" CHAINRULE_PUBLIC const char* chainrule_cuda_unavailable() {
  int driver = 0, devices = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no CUDA driver on this machine";
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaErrorInsufficientDriver) return "the CUDA driver is older than this build needs (CUDA 13)";
  if (error != cudaSuccess) return cudaGetErrorString(error);
  return devices == 0 ? "no CUDA device on this machine" : nullptr;
}
