"""The machine code of the CUDA library: kernels have the instructions that they are fast, or right, by."""
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import chainrule as cr
import pytest

LIBRARY = Path(os.environ.get("CHAINRULE_CUDA_LIBRARY") or Path(cr.__path__[0]) / "libchainrule_cuda.so")
OPCODE = re.compile(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)")


def tools():
    """The folder of cuobjdump and nvdisasm: CUDA's own, or that of NVIDIA's packages."""
    if found := shutil.which("cuobjdump"):
        return Path(found).parent
    spec = importlib.util.find_spec("nvidia")
    places = spec.submodule_search_locations if spec else None
    found = [tool.parent for place in places or () for tool in Path(place).glob("*/bin/cuobjdump")]
    return found[0] if found else None


def reason():
    if not LIBRARY.exists() or cr.cuda.backend() == "cuda-emulator":
        return "this build has no machine code for a GPU: there was no nvcc"
    if not tools():
        return "needs cuobjdump and nvdisasm: pip install nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm"
    return ""


pytestmark = pytest.mark.skipif(bool(reason()), reason=reason())


@pytest.fixture(scope="module")
def kernels():
    """Mangled name -> the instructions of a kernel, as compiled for an H100."""
    path, found, name = f"{tools()}:{os.environ['PATH']}", {}, None              # it calls nvdisasm
    with subprocess.Popen([tools() / "cuobjdump", "-sass", "-arch", "sm_90a", str(LIBRARY)], text=True,
                          stdout=subprocess.PIPE, env={**os.environ, "PATH": path}) as listing:
        for line in listing.stdout:
            if "Function :" in line:
                name = line.split()[-1]
                found[name] = set()
            elif name and (code := OPCODE.search(line)):
                found[name].add(code[1])
    assert listing.returncode == 0 and found
    return found


def named(kernels, *parts):
    chosen = {name: code for name, code in kernels.items() if all(part in name for part in parts)}
    assert chosen, f"no kernel is named {parts}"
    return chosen.items()


def has(code, start):
    return any(instruction.startswith(start) for instruction in code)


@pytest.mark.parametrize("dtype, product", [("float16", "HMMA.16816.F32"),
                                            ("bfloat16", "HMMA.16816.F32.BF16")])
def test_products_of_narrow_types_run_on_tensor_cores(kernels, dtype, product):
    """Fed by ldmatrix from tiles that come by cp.async, 16 bytes at a time."""
    for name, code in named(kernels, f"multiply_mmaINS_{len(dtype)}{dtype}E"):
        assert product in code and has(code, "LDSM.16.M") and has(code, "LDGSTS.E.BYPASS.128"), name


def test_elementwise_kernels_move_16_bytes_at_a_time(kernels):
    for name, code in named(kernels, "map_packs", "_pointwise_cu_"):
        assert "LDG.E.128" in code and "STG.E.128" in code, name


def test_no_sum_depends_on_the_order_of_threads(kernels):
    """Atomic instructions record faults; none adds numbers."""
    for name, code in kernels.items():
        adding = [c for c in code if c.startswith(("ATOM", "RED")) and not re.search(r"\.(CAS|EXCH)\.", c)]
        assert not adding, f"{name}: {adding}"
