"""The libraries to compare with, those that are installed; each on as many threads as we use."""
from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import chainrule as cr
import numpy as np

Node = tuple[str, list[str], str, dict[str, Any]]                # op, inputs, output, attributes
Arrays = dict[str, np.ndarray]
NAMES = ("numpy", "torch", "torch-channels-last", "torch-compile", "jax", "onnxruntime")


class Peers:
    """`peers.torch`, `peers.jax`, `peers.onnxruntime`: the module, or None when absent or not asked for."""

    def __init__(self, wanted: tuple[str, ...] = NAMES) -> None:
        threads = cr.num_threads()
        os.environ.setdefault("NPROC", str(threads))             # XLA's pool
        self.wanted = wanted
        self.numpy: Any = np if "numpy" in wanted else None
        self.torch = self._module("torch")
        self.jax = self._module("jax")
        self.onnxruntime = self._module("onnxruntime")
        if self.torch is not None:
            self.torch.set_num_threads(threads)

    def _module(self, name: str) -> Any:
        if not any(w.split("-")[0] == name for w in self.wanted):
            return None
        try:
            return importlib.import_module(name)
        except ImportError:
            return None

    @property
    def compiles(self) -> bool:
        """Whether torch.compile takes part: it needs a C++ compiler, and minutes."""
        return self.torch is not None and "torch-compile" in self.wanted

    @property
    def channels_last(self) -> bool:
        return self.torch is not None and "torch-channels-last" in self.wanted

    def onnx(self, nodes: list[Node], given: Arrays, weights: Arrays | None = None
             ) -> dict[str, Callable[[], object]]:
        """{"onnxruntime": a run of the nodes}, or {} where it is not here."""
        if self.onnxruntime is None:
            return {}
        try:
            from onnx import TensorProto, helper, numpy_helper
        except ImportError:
            return {}
        value, kind = helper.make_tensor_value_info, TensorProto.FLOAT
        graph = helper.make_graph(
            [helper.make_node(op, inputs, [output], **more) for op, inputs, output, more in nodes], "work",
            [value(name, kind, array.shape) for name, array in given.items()],
            [value(nodes[-1][2], kind, None)],
            [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = self.onnxruntime.SessionOptions()
        options.intra_op_num_threads = cr.num_threads()
        session = self.onnxruntime.InferenceSession(model.SerializeToString(), options,
                                                    providers=["CPUExecutionProvider"])
        return {"onnxruntime": lambda: session.run(None, given)}

    def versions(self) -> dict[str, str]:
        found = {"numpy": self.numpy, "torch": self.torch, "jax": self.jax, "onnxruntime": self.onnxruntime}
        return {name: str(module.__version__) for name, module in found.items() if module is not None}
