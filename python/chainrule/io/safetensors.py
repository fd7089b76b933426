"""Trees of tensors in the safetensors format, in one file that PyTorch and others read too.

A module or a flat dict is stored under its own names and nothing else. Any other tree (nested dicts, lists,
tuples, numbers, strings) is stored with its structure as JSON in the metadata: the two cannot part.
"""
import json
import sys
from pathlib import Path

import numpy as np

import chainrule as cr

from . import atomic

STRUCTURE = "chainrule"                  # the metadata key of a tree's structure
CODES = {                                # safetensors code: (name in `serialize`, NumPy's dtype of the bytes)
    "F64": ("float64", np.float64), "F32": ("float32", np.float32), "F16": ("float16", np.float16),
    "BF16": ("bfloat16", np.uint16), "I64": ("int64", np.int64), "I32": ("int32", np.int32),
    "U8": ("uint8", np.uint8), "BOOL": ("bool", np.bool_),
}


def save(path, tree, metadata=None):
    """Write a module, a tensor or a tree of tensors and plain values to `path`, whole or not at all.

    Errors  TypeError for a leaf that is neither tensor, array, number, string nor None; OSError
    """
    package = library("save")
    if hasattr(tree, "state_dict"):                              # a module or an optimiser
        tree = tree.state_dict()
    arrays = {}
    structure = pack(tree, "", arrays)
    notes = {str(k): str(v) for k, v in (metadata or {}).items()}
    if not flat(tree):
        notes[STRUCTURE] = json.dumps(structure)
    specs = {name: spec(package, code, array) for name, (code, array) in arrays.items()}

    def write(temporary):
        package.serialize_file(specs, temporary, notes or None)
        sort_notes(temporary)
    atomic.replace(path, write)


def sort_notes(path):
    """Put a file's notes in order, in place: the package hashes them; equal trees should be equal files."""
    with open(path, "r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        head = header(path, file.read(length))
        head["__metadata__"] = dict(sorted(head.get("__metadata__", {}).items()))
        text = json.dumps(head, separators=(",", ":"), ensure_ascii=False).encode()
        if len(head["__metadata__"]) > 1 and len(text) <= length:
            file.seek(8)
            file.write(text.ljust(length))


def load(path, into=None, *, strict=True):
    """The tree in a file; with `into`, a module: fill it, or change nothing if a name or shape is wrong.

    Errors  FileNotFoundError; ValueError, naming the file, if it is cut off or no safetensors file
    """
    notes, tensors = read(path)
    tree = tensors
    if STRUCTURE in notes:
        try:
            tree = unpack(json.loads(notes[STRUCTURE]), tensors)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path}: the structure in its metadata is damaged: {error}") from None
    if into is None:
        return tree
    try:
        into.load_state_dict(tree, strict=strict)
    except (ValueError, KeyError) as error:
        kind = ValueError if isinstance(error, KeyError) else type(error)
        raise kind(f"{path}: {error.args[0] if error.args else error}") from None
    return into


def metadata(path):
    """The notes {name: text} of a file, without its tensors."""
    size = Path(path).stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= size - 8:
            raise ValueError(f"{path}: cut off or not a safetensors file: {size} bytes")
        return header(path, file.read(length)).get("__metadata__", {})


def read(path):
    """({note: text}, {name: tensor}) of a file."""
    package = library("load")
    data = Path(path).read_bytes()
    try:
        parts = package.deserialize(data)
    except package.SafetensorError as error:
        raise ValueError(f"{path}: cut off or not a safetensors file: {error}") from None
    notes = header(path, data[8:8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    return notes, {name: tensor(path, name, **part) for name, part in parts}


def header(path, text):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: cut off or not a safetensors file: {error}") from None


def tensor(path, name, dtype, shape, data):
    if dtype not in CODES:
        raise cr.DTypeError(f"{path}: '{name}' is {dtype}, chainrule has {', '.join(CODES)}")
    array = np.frombuffer(data, np.dtype(CODES[dtype][1]).newbyteorder("<")).reshape(shape)
    if sys.byteorder == "big":
        array = array.astype(array.dtype.newbyteorder("="))
    if dtype == "BF16":                                          # its bits are the upper half of a float32's
        return cr.tensor((array.astype(np.uint32) << 16).view(np.float32)).astype(cr.bfloat16)
    return cr.tensor(array)


def spec(package, code, array):
    """What `serialize` wants: since version 0.8 a TensorSpec over the array's bytes, before that a dict."""
    name, shape = CODES[code][0], list(array.shape)
    if hasattr(package, "TensorSpec"):
        return package.TensorSpec(dtype=name, shape=shape, data_ptr=array.ctypes.data, data_len=array.nbytes)
    return {"dtype": name, "shape": shape, "data": array.tobytes()}


def coded(leaf, name):
    """(safetensors code, NumPy array of the same bytes) of a tensor or an array."""
    if isinstance(leaf, np.ndarray):
        leaf = cr.tensor(leaf)
    leaf = leaf.to("cpu")
    if leaf.dtype == cr.bfloat16:
        wide = np.asarray(leaf.astype(cr.float32), order="C")
        return "BF16", (wide.view(np.uint32) >> 16).astype(np.uint16)
    array = np.asarray(leaf, order="C")                          # ascontiguousarray adds an axis to scalars
    code = next((code for code, (_, dtype) in CODES.items() if dtype == array.dtype and code != "BF16"), None)
    if code is None:
        raise cr.DTypeError(f"save: '{name}' is {array.dtype}, needs one of {', '.join(CODES)}")
    return code, array


def flat(tree):
    return isinstance(tree, dict) and all(
        isinstance(k, str) and isinstance(v, (cr.Tensor, np.ndarray)) for k, v in tree.items())


def pack(tree, name, arrays):
    """The structure of a tree as JSON; its tensors go into `arrays` under dotted names."""
    if isinstance(tree, (cr.Tensor, np.ndarray)):
        key = name or "tensor"
        while key in arrays or key == "__metadata__":            # {"a.b": ..., "a": {"b": ...}} has two
            key += "_"
        arrays[key] = coded(tree, key)
        return {"tensor": key}
    if isinstance(tree, np.generic):
        tree = tree.item()
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return {"value": tree}
    below = f"{name}." if name else ""
    if isinstance(tree, dict):
        wrong = next((k for k in tree if not isinstance(k, str)), None)
        if wrong is not None:
            raise TypeError(f"save: keys must be strings, got {wrong!r} in '{name}'")
        return {"dict": {k: pack(v, below + k, arrays) for k, v in tree.items()}}
    if isinstance(tree, (list, tuple)):
        kind = "list" if isinstance(tree, list) else "tuple"
        return {kind: [pack(v, f"{below}{i}", arrays) for i, v in enumerate(tree)]}
    kind = type(tree).__name__
    raise TypeError(f"save: '{name}' is a {kind}; needs tensors, numbers, strings, dicts and lists")


def unpack(structure, tensors):
    [(kind, content)] = structure.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "value":
        return content
    if kind == "dict":
        return {k: unpack(v, tensors) for k, v in content.items()}
    if kind in ("list", "tuple"):
        return (list if kind == "list" else tuple)(unpack(v, tensors) for v in content)
    raise ValueError(f"unknown kind {kind!r}")


def library(op):
    try:
        import safetensors
    except ImportError:
        raise ModuleNotFoundError(f"{op}: needs safetensors: pip install 'chainrule[io]'") from None
    return safetensors
