// Capture of a stretch of work, and its replay as one launch: small models stop waiting for the host.
//
// Counters that the host would move on between steps live on the device: the graph's first node counts its replays, and
// optimisers and random numbers add that count to what they were captured with.
#include "graph.cuh"

#include <memory>
#include <vector>

#include "memory.cuh"

namespace chainrule {
namespace {

constexpr int most_streams = 64;             // of random numbers in one graph
struct Counters {
  int64_t replays;
  uint64_t advance[most_streams];
};
struct Stream { uint64_t seed, stream, begin, end; };
struct Graph {
  cudaGraphExec_t exec = nullptr;
  Arena* arena = nullptr;
  Counters* counters = nullptr;              // in device memory
  std::vector<Stream> streams;
};
std::unique_ptr<Graph> current;

__global__ void count_replay(Counters* counters) { counters->replays++; }

void destroy(Graph* g) {
  cudaStreamSynchronize(stream());
  if (g->exec) cudaGraphExecDestroy(g->exec);
  if (g->arena) free_arena(g->arena);
  device_release(g->counters, sizeof(Counters));
  delete g;
}

void begin() {
  require<ValueError>(!current, "graph", "a step is being captured already");
  faults();                                  // made now: a capture may not wait
  auto g = std::make_unique<Graph>();
  void* counters = nullptr;
  device_allocate(sizeof(Counters), &counters);
  g->counters = static_cast<Counters*>(counters);
  check_cuda("graph", cudaMemsetAsync(counters, 0, sizeof(Counters), stream()));
  check_cuda("graph", cudaMemsetAsync(counters, 0xff, sizeof(int64_t), stream()));      // -1: the first replay counts 0
  check_cuda("graph", cudaStreamSynchronize(stream()));
  check_cuda("graph", cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed));  // relaxed: cudaMalloc is allowed
  g->arena = open_arena();
  current = std::move(g);
  launch("graph", count_replay, 1, 1, 0, current->counters);
}

void end(void** out) {
  *out = nullptr;
  require<ValueError>(bool(current), "graph", "no step is being captured");
  shut_arena();
  Graph* g = current.release();
  cudaGraph_t graph = nullptr;
  cudaError_t error = cudaStreamEndCapture(stream(), &graph);
  if (error == cudaSuccess) error = cudaGraphInstantiate(&g->exec, graph, 0);
  if (graph) cudaGraphDestroy(graph);
  if (error != cudaSuccess) {
    destroy(g);
    check_cuda("graph", error);
  }
  uint64_t advance[most_streams] = {};
  for (size_t i = 0; i < g->streams.size(); i++) advance[i] = g->streams[i].end - g->streams[i].begin;
  check_cuda("graph", cudaMemcpyAsync(g->counters->advance, advance, sizeof advance, cudaMemcpyHostToDevice, stream()));
  check_cuda("graph", cudaStreamSynchronize(stream()));
  *out = g;
}

void replay(void* graph) { check_cuda("graph", cudaGraphLaunch(static_cast<Graph*>(graph)->exec, stream())); }
void release(void* graph) { destroy(static_cast<Graph*>(graph)); }

const Fill begin_filled(kernel::begin_capture, Device::cuda, begin);
const Fill end_filled(kernel::end_capture, Device::cuda, end);
const Fill replay_filled(kernel::replay_graph, Device::cuda, replay);
const Fill release_filled(kernel::release_graph, Device::cuda, release);

}  // namespace

bool capturing() { return bool(current); }
Replays replays() { return current ? Replays{&current->counters->replays} : Replays{}; }

DrawnBefore drawn_before(const RandomKey& key, int64_t blocks) {
  if (!current) return {};
  auto& streams = current->streams;
  size_t i = 0;
  while (i < streams.size() && (streams[i].seed != key.seed || streams[i].stream != key.stream)) i++;
  if (i == streams.size()) {
    require<ValueError>(i < most_streams, "graph", "a step may draw from at most ", most_streams, " streams of random numbers");
    streams.push_back({key.seed, key.stream, key.position, key.position});
  }
  streams[i].end = key.position + uint64_t(blocks);
  return {replays(), &current->counters->advance[i]};
}

}  // namespace chainrule
