"""Tensors of more than 2³¹ elements on the GPU: arithmetic of launches, places far away, narrow counters."""
import re
import shutil
import subprocess
from pathlib import Path

import chainrule as cr
import numpy as np
import pytest

from . import device

ROOT = Path(__file__).parents[1]
on_cuda = pytest.mark.skipif(device.name != "cuda", reason="needs --device cuda")
KERNELS = sorted((ROOT / "cuda").glob("*.cu*"))


@pytest.mark.skipif(not shutil.which("g++") or not KERNELS, reason="needs g++ and the sources of the kernels")
def test_grids_places_and_cuts_are_right_for_any_size(tmp_path):
    program = tmp_path / "sizes"
    includes = [f"-I{ROOT / folder}" for folder in ("cuda/emu", "csrc", "cuda")]
    subprocess.run(["g++", "-std=c++20", "-O1", *includes, str(ROOT / "tests" / "cuda_sizes.cpp"), "-o",
                    str(program)], check=True)
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.stdout == "all sizes are covered\n", done.stdout


# A place in a launch kept in 32 bits, and a counter of 32 bits that runs over what a tensor holds.
PLACE = r"[^;\n]*(?:\bfirst\(\)|\bstride\(\)|blockIdx|gridDim)"
HELD = r"\b(?:rows|columns|images|lines|size\.\w+|(?!sizes)\w+\.(?:n\b|size\(\)|dim\())"
NARROW = re.compile(rf"\b(?:int|unsigned|uint32_t) \w+ = (?:{PLACE}|[^;\n]*; [^;\n]*{HELD}[^;\n]*;)")


@pytest.mark.skipif(not KERNELS, reason="needs the sources of the kernels")
def test_no_narrow_counter_runs_over_elements():
    for path in KERNELS:
        found = NARROW.search(path.read_text())
        assert not found, f"{path.name}: {found[0]}"
    for bad in ("int i = first(); ", "const int r = blockIdx.x * 4;", "for (int i = 0; i < size.M; i++)",
                "for (int r = t; r < rows; r += 4)", "for (unsigned k = 0; k < x.dim(1); k++)"):
        assert NARROW.search(bad), bad


@pytest.mark.device
@on_cuda
def test_places_beyond_two_to_the_31_are_reached():
    n = 2**31 + 4096
    x = cr.empty((n,), dtype=cr.uint8, device="cuda")        # its pages are touched at the end only
    end = np.arange(40, dtype=np.uint8)
    x[n - 40:] = cr.tensor(end).to("cuda")
    assert x[n - 40:].tolist() == end.tolist() and x[n - 40:].sum().item() == end.sum()
    far = cr.tensor([n - 1, -2, n - 40]).to("cuda")
    assert cr.take(x, far).tolist() == [39, 38, 0] and x[far].tolist() == [39, 38, 0]
    x[far] = cr.tensor(np.array([7, 8, 9], np.uint8)).to("cuda")
    assert x[n - 2:].tolist() == [8, 7] and x[n - 40].item() == 9
    assert x[n - 1:n - 5:-1].tolist() == [7, 8, 37, 36]
    assert (x[n - 1::-2**30][:1] + 1).tolist() == [8]
    rows = x.reshape((2, n // 2))[:, -3:]                    # the second row is 2³⁰ + 2048 elements away
    rows[0] = 1
    assert (rows * 2).tolist() == [[2, 2, 2], [74, 16, 14]] and rows.sum(axis=0).tolist() == [38, 9, 8]
    assert rows.T.copy().tolist() == [[1, 37], [1, 8], [1, 7]]
    assert cr.cumsum(rows, axis=0).tolist() == [[1, 1, 1], [38, 9, 8]]
    assert cr.argmax(rows, axis=1).tolist() == [0, 0]
    with pytest.raises(IndexError, match=f"index {n} is out of range for size {n}"):
        cr.take(x, cr.tensor([n]).to("cuda")).tolist()


@pytest.mark.device
@on_cuda
def test_a_launch_strides_over_what_its_grid_does_not_hold():
    """32768 blocks of 256 threads hold 8.4 million elements."""
    up, down = (cr.tensor(np.array(x, np.uint8)).to("cuda") for x in ([0, 1, 2], [2, 1, 0]))
    assert ((cr.broadcast_to(up, (3_000_000, 3)) + down).numpy() == 2).all()
