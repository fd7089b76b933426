"""Types of the compiled module for editors and mypy: writes python/chainrule/_core.pyi; --check compares.

Signatures are those that pybind11 puts into the docstrings; Tensor, a C type of our own, has its part here.
"""
import inspect
import re
import sys
from pathlib import Path

import chainrule
from chainrule import _core, methods

STUB = Path(__file__).parents[1] / "python" / "chainrule" / "_core.pyi"
KNOWN = set("int float bool str object None Any Tensor DType Sequence tuple list dict".split())

HEAD = '''"""Written by tools/stubs.py; run it again after a change in csrc/bind or methods.py."""
# ruff: noqa
import builtins
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy

Array: TypeAlias = numpy.ndarray[Any, Any]
Operand: TypeAlias = Tensor | Array | numpy.generic | float | builtins.bool
DTypeLike: TypeAlias = DType | numpy.dtype[Any] | type | str

class ShapeError(ValueError): ...
class DTypeError(ValueError): ...
class DeviceError(RuntimeError): ...
class OutOfMemory(MemoryError): ...

class DType:
    @property
    def name(self) -> str: ...
    @property
    def is_floating(self) -> builtins.bool: ...
    @property
    def itemsize(self) -> int: ...
'''
TENSOR = '''
class Tensor:
    __array_priority__: int
    def item(self) -> Any: ...
    def numpy(self) -> Array: ...
    def tolist(self) -> Any: ...
    def __array__(self, dtype: Any = ..., copy: builtins.bool | None = ...) -> Array: ...
    def __dlpack__(self, **options: Any) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Tensor]: ...
    def __getitem__(self, key: Any) -> Tensor: ...
    def __setitem__(self, key: Any, value: Operand) -> None: ...
    def __bool__(self) -> builtins.bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __index__(self) -> int: ...
    def __deepcopy__(self, memo: dict[Any, Any]) -> Tensor: ...
'''
ATTRIBUTES = {"shape": "tuple[int, ...]", "strides": "tuple[int, ...]", "dtype": "DType", "device": "str",
              "T": "Tensor", "mT": "Tensor", "recorded": "builtins.bool"}     # the others are int
BINARY = "add sub mul truediv floordiv mod pow matmul and or xor".split()
COMPARE = "lt le gt ge eq ne".split()


def main() -> int:
    tensor = [TENSOR.strip("\n"), *attributes(), *slots(), *tensor_methods()]
    text = "\n".join([HEAD, *constants(), "", *tensor, "", *functions(), ""])
    if "--check" not in sys.argv:
        STUB.write_text(text)
    elif STUB.read_text() != text:
        print(f"{STUB.name} is out of date: run python tools/stubs.py", file=sys.stderr)
        return 1
    return 0


def constants() -> list[str]:
    return [f"{name}: DType" for name, value in sorted(vars(_core).items()) if isinstance(value, _core.DType)]


def attributes() -> list[str]:
    names = [name for name, value in sorted(vars(_core.Tensor).items()) if inspect.isgetsetdescriptor(value)]
    return [f"    @property\n    def {name}(self) -> {ATTRIBUTES.get(name, 'int')}: ..." for name in names
            if not name.startswith("__")]


def slots() -> list[str]:
    signs = [f"    def __{name}__(self) -> Tensor: ..." for name in ("neg", "pos", "abs", "invert")]
    for name in [*COMPARE, *(side + name for name in BINARY for side in ("", "r"))]:
        unlike_object = "  # type: ignore[override]" if name in ("eq", "ne") else ""
        signs.append(f"    def __{name}__(self, other: Operand) -> Tensor: ...{unlike_object}")
    return signs


def tensor_methods() -> list[str]:
    """Those that methods.py attaches: functions of the library with the tensor first."""
    lines = []
    for name, method in sorted(vars(_core.Tensor).items()):
        if not inspect.isfunction(method) or name.startswith("__"):
            continue
        source = getattr(chainrule, name) if name in methods.NAMES else method
        parameters, result = of_builtin(source) if inspect.isbuiltin(source) else of_python(source)
        lines.append(f"    def {name}({', '.join(['self', *parameters[1:]])}) -> {result}: ...")
    return lines


def functions() -> list[str]:
    lines = []
    for name, f in sorted(vars(_core).items()):
        if inspect.isbuiltin(f):
            parameters, result = of_builtin(f)
            lines.append(f"def {name}({', '.join(parameters)}) -> {result}: ...")
    return lines


def of_builtin(f) -> tuple[list[str], str]:
    """(parameters, result) from the first line of a docstring of pybind11."""
    arguments, result = re.fullmatch(r"\w+\((.*)\) -> (.*)", f.__doc__.splitlines()[0]).groups()
    arguments = re.sub(r" = (\([^)]*\)|\[[^]]*\]|[^,]+)", " = ...", plain(arguments))
    arguments = re.sub(r"\bTensor\b", "Operand", re.sub(r"\bDType\b", "DTypeLike", arguments))
    result = "Any" if result == "object" else plain(result)     # of several kinds
    return re.split(r", (?=\*?\w+(?::|$|,)|\*|/)", arguments) if arguments else [], result


def plain(types: str) -> str:
    """The same spelling whatever the version of pybind11."""
    for number in ("Float", "Int"):
        types = types.replace(f"typing.Supports{number} | typing.SupportsIndex", number.lower())
    types = types.replace("typing_extensions.CapsuleType", "object").replace("types.CapsuleType", "object")
    types = types.replace("collections.abc.", "").replace("chainrule._core.", "").replace("typing.", "")
    return re.sub(r"\bbool\b", "builtins.bool", re.sub(r"\bdict\b(?!\[)", "dict[str, Any]", types))


def of_python(f) -> tuple[list[str], str]:
    signature = inspect.signature(f)
    parameters, named = [], False
    for p in signature.parameters.values():
        if p.kind is p.KEYWORD_ONLY and not named:
            parameters.append("*")
        named = named or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is p.empty else " = ..."
        parameters.append(f"{stars}{p.name}: {annotation(p.annotation)}{default}")
    return parameters, annotation(signature.return_annotation)


def annotation(given) -> str:
    words = set(re.findall(r"[A-Za-z_]\w*", given)) if isinstance(given, str) else {"?"}
    return re.sub(r"\bbool\b", "builtins.bool", given) if words <= KNOWN else "Any"


if __name__ == "__main__":
    sys.exit(main())
