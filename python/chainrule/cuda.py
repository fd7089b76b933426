"""The NVIDIA GPU: whether there is one, its memory, waiting for it.

Kernels live in a library of their own that is loaded when it is first asked for; a machine without GPU or
driver imports the package all the same.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _core, tree
from ._core import Tensor

__all__ = ["is_available", "why", "backend", "device_count", "properties", "synchronize", "memory",
           "reset_peak", "empty_cache", "graph"]


def why() -> str | None:
    """Why CUDA cannot be used here, in a few words; None when it can."""
    return _core.cuda_unavailable()


def is_available() -> bool:
    """Whether tensors can go to device 'cuda'."""
    return why() is None


def backend() -> str:
    """'cuda'; 'cuda-emulator' for the same kernels on the CPU, built for tests; '' where there is neither."""
    return _core._cuda_backend()


def device_count() -> int:
    """The number of GPUs, 0 where CUDA cannot be used."""
    return _core._cuda_device_count() if is_available() else 0


def properties() -> dict[str, Any]:
    """What the GPU is: name, compute capability, multiprocessors, memory, versions of driver and runtime.

    Units   bytes for memory, shared_memory (of a block) and l2_cache
    Errors  DeviceError without a GPU
    """
    _needed("properties")
    return _core._cuda_properties()


def synchronize() -> None:
    """Wait until every kernel started so far has run; what one found wrong, such as an index, is raised here.

    Errors  DeviceError without a GPU
    """
    _needed("synchronize")
    _core.synchronize("cuda")


def memory() -> dict[str, int]:
    """Statistics of the GPU's allocator, as `cr.memory()` for the CPU.

    Units   bytes
    Errors  DeviceError without a GPU
    """
    _needed("memory")
    return _core._cuda_memory()


def reset_peak() -> None:
    """Start the count of `memory()['peak']` again from what is in use now."""
    _needed("reset_peak")
    _core._cuda_reset_peak()


def empty_cache() -> None:
    """Give the blocks kept for reuse back to the driver."""
    _needed("empty_cache")
    _core._cuda_empty_cache()


def _needed(op: str) -> None:
    if reason := why():
        raise _core.DeviceError(f"{op}: cuda is not available: {reason}")


# ---- graphs
# While a step is captured: what Python must count at each replay.
_counters: list[Callable[[], None]] | None = None


def each_replay(count: Callable[[], None]) -> None:
    """Count again at each replay of the step that is being captured, if one is."""
    if _counters is not None:
        _counters.append(count)


class graph:
    """A step as one launch: small models no longer wait for Python and for the driver.

    The first call runs the step as it is, the second captures and replays it, each later one replays it:
    every call is one step. Tensors in the arguments are copied into those of the capture; the results are the
    same tensors each time, with the bytes of the last replay. Random numbers and the step count of an
    optimiser go on as they would without; whatever else Python computes, such as a learning rate that falls,
    stays as it was captured.

    Errors  DeviceError when the step reads a value on the host (`item`, `numpy`, `if` on a tensor) or moves
            one to the GPU; ShapeError when an argument has another shape than at the capture
    Example
        train = cr.cuda.graph(lambda x, y: step(model, optimiser, x, y))
        for x, y in batches:
            loss = train(x, y)
    """

    def __init__(self, step: Callable[..., Any]):
        _needed("graph")
        self.step = step
        self._calls = 0
        self._graph: Any = None
        self._inputs: list[Tensor] = []
        self._result: Any = None
        self._counters: list[Callable[[], None]] = []

    def __call__(self, *args: Any) -> Any:
        if any(tree.is_object(a) for a in args):
            raise TypeError("graph: arguments are copied, so the step must know its model by itself")
        self._calls += 1
        if self._calls == 1:
            return self.step(*args)
        tensors, rebuild = tree.flatten(tree.distinct(args))
        if self._graph is None:
            self._capture(tensors, rebuild)
        else:
            self._copy(tensors)
            for count in self._counters:
                count()
        _core._replay(self._graph)
        return self._result

    def _capture(self, tensors: list[Tensor], rebuild: Any) -> None:
        global _counters
        self._inputs = [_core.copy(_core.to_device(t, "cuda")) for t in tensors]
        args = tree.unflatten(rebuild, self._inputs)
        _counters = self._counters
        _core._begin_capture()
        try:
            result = self.step(*args)
        except BaseException:
            self._calls, self._counters = 1, []
            try:
                _core._end_capture()
            except RuntimeError:                       # the step's own error says more
                pass
            raise
        finally:
            _counters = None
        self._graph, self._result = _core._end_capture(), result

    def _copy(self, tensors: list[Tensor]) -> None:
        if len(tensors) != len(self._inputs):
            raise ValueError(f"graph: captured with {len(self._inputs)} tensors, got {len(tensors)}")
        for i, (place, t) in enumerate(zip(self._inputs, tensors, strict=True)):
            if place.shape != t.shape or place.dtype != t.dtype:
                raise _core.ShapeError(f"graph: tensor {i} was captured as {place.dtype.name} {place.shape}, "
                                       f"got {t.dtype.name} {t.shape}")
            place[...] = _core.to_device(t, "cuda")
