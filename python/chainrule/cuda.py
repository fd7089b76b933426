"""The NVIDIA GPU: whether there is one, its memory, waiting for it.

Kernels live in a library of their own that is loaded when it is first asked for; a machine without GPU or
driver imports the package all the same.
"""
from __future__ import annotations

from . import _core

__all__ = ["is_available", "why", "device_count", "synchronize", "memory"]


def why() -> str | None:
    """Why CUDA cannot be used here, in a few words; None when it can."""
    return _core.cuda_unavailable()


def is_available() -> bool:
    """Whether tensors can go to device 'cuda'."""
    return why() is None


def device_count() -> int:
    """The number of GPUs, 0 where CUDA cannot be used."""
    return _core._cuda_device_count() if is_available() else 0


def synchronize() -> None:
    """Wait until every kernel started so far has run.

    Errors  DeviceError without a GPU
    """
    if reason := why():
        raise _core.DeviceError(f"synchronize: cuda is not available: {reason}")
    _core.synchronize("cuda")


def memory() -> dict[str, int]:
    """Statistics of the GPU's allocator, as `cr.memory()` for the CPU.

    Units   bytes
    Errors  DeviceError without a GPU
    """
    if reason := why():
        raise _core.DeviceError(f"memory: cuda is not available: {reason}")
    return _core._cuda_memory()
