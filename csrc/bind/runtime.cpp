// Memory, threads, devices, debugging.
#include <optional>

#include "bind/casters.h"
#include "core/kernels.h"
#include "cpu/ceiling.h"
#include "cpu/parallel.h"
#include "cpu/simd.h"
#include "ops/ops.h"

namespace chainrule {
namespace {

// Kernels that run on several threads let other Python threads in meanwhile.
void* unlock() { return PyGILState_Check() ? PyEval_SaveThread() : nullptr; }
void lock(void* state) { if (state) PyEval_RestoreThread(static_cast<PyThreadState*>(state)); }

py::dict as_dict(const MemoryStatistics& s) {
  py::dict d;
  d["in_use"] = s.in_use;
  d["peak"] = s.peak;
  d["cached"] = s.cached;
  d["allocations"] = s.allocations;
  d["system_calls"] = s.system_calls;
  return d;
}

}  // namespace

static void bind_runtime(py::module_& m) {
  using namespace py::literals;
  unlock_interpreter = unlock;
  lock_interpreter = lock;
  m.def("instruction_set", [] { return simd().name; },
        "The instruction set whose kernels run here; CHAINRULE_ISA=v2, v3 or v4 in the environment asks for less.");
  m.def("memory", [] { return as_dict(memory_statistics()); },
        "Statistics of the CPU allocator: bytes in_use, peak and cached, and how many allocations needed system_calls.\n\n"
        "Units  bytes");
  m.def("reset_peak", reset_peak, "Start the count of `memory()['peak']` again from what is in use now.");
  m.def("empty_cache", empty_cache, "Give the blocks kept for reuse back to the system.");
  m.def("_run_multiply_adds", run_multiply_adds, py::arg("rounds"));
  m.def("_triad", [](const Tensor& b, const Tensor& c, float s, Tensor a) { triad(b, c, s, a); },
        py::arg("b"), py::arg("c"), py::arg("s"), py::arg("a"));
  m.def("num_threads", num_threads, "How many threads kernels run on (CHAINRULE_NUM_THREADS, else the cores given).");
  m.def("set_num_threads", set_num_threads, py::arg("n"), "Run kernels on n threads; results do not depend on it.");
  m.def("cuda_unavailable", []() -> std::optional<std::string> {
    const char* why = load_cuda();
    return why ? std::optional<std::string>(why) : std::nullopt;
  }, "Why CUDA cannot be used here, or None when it can.");
  m.def("_kernels", [](Device device) {
    if (device == Device::cuda) load_cuda();
    py::list names;
    for (const SlotBase* s : slots()) if (s->column[int(device)]) names.append(s->name);
    return names;
  }, py::arg("device"));
  m.def("_cuda_backend", [] { return cuda_backend(); });
  m.def("_cuda_device_count", [] { int n = 0; kernel::count_devices(Device::cuda, &n); return n; });
  m.def("_cuda_reset_peak", [] { kernel::reset_peak(Device::cuda); });
  m.def("_cuda_empty_cache", [] { kernel::empty_cache(Device::cuda); });
  m.def("_cuda_properties", [] {
    DeviceProperties p;
    kernel::device_properties(Device::cuda, &p);
    return py::dict("name"_a = p.name, "capability"_a = py::make_tuple(p.major, p.minor), "multiprocessors"_a = p.processors,
                    "memory"_a = p.memory, "shared_memory"_a = p.shared_memory, "l2_cache"_a = p.cache, "driver"_a = p.driver,
                    "runtime"_a = p.runtime);
  });
  m.def("_begin_capture", [] { kernel::begin_capture(Device::cuda); });
  m.def("_end_capture", [] {
    void* graph = nullptr;
    kernel::end_capture(Device::cuda, &graph);
    return py::capsule(graph, "chainrule.graph", [](PyObject* o) {
      kernel::release_graph(Device::cuda, PyCapsule_GetPointer(o, "chainrule.graph"));
    });
  });
  m.def("_replay", [](const py::capsule& graph) { kernel::replay_graph(Device::cuda, graph.get_pointer()); });
  m.def("_cuda_memory", [] { MemoryStatistics s; kernel::memory(Device::cuda, &s); return as_dict(s); });
  m.def("synchronize", synchronize, py::arg("device") = Device::cuda, "Wait until all kernels on the device have run.");
  m.def("debug_nans", [](bool on) { const bool before = debug_nans; debug_nans = on; return before; },
        py::arg("on") = true, "Raise FloatingPointError at the first op that makes a NaN; returns the setting before.");
}
static const Binding bound_runtime(bind_runtime);

}  // namespace chainrule
