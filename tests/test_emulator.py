"""The emulator of CUDA kernels finds what it should: races, overruns, barriers that do not meet."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INCLUDES = ("cuda/emu", "csrc", "cuda")
SOURCES = [ROOT / "tests" / "emulator_cases.cpp", *sorted((ROOT / "cuda" / "emu").glob("*.cpp"))]

pytestmark = pytest.mark.skipif(not shutil.which("g++") or not SOURCES[-1].exists(),
                                reason="needs g++ and the sources of the kernels")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The path of the program, compiled once for each sanitizer."""
    folder, done = tmp_path_factory.mktemp("emulator"), {}

    def build(sanitizer):
        if sanitizer not in done:
            done[sanitizer] = folder / f"cases-{sanitizer or 'plain'}"
            common = ["g++", "-std=c++20", "-O1", "-g1", *(f"-I{ROOT / folder}" for folder in INCLUDES)]
            check = [f"-fsanitize={sanitizer}"] if sanitizer else []
            own = ["-fno-sanitize=thread", "-D__SANITIZE_THREAD__"] if sanitizer == "thread" else []
            objects = []
            for i, source in enumerate(SOURCES):
                objects.append(str(folder / f"{sanitizer}-{i}.o"))
                only = own if i else []
                subprocess.run([*common, *check, *only, "-c", str(source), "-o", objects[-1]], check=True)
            subprocess.run([*common, *check, *objects, "-o", str(done[sanitizer])], check=True)
        return done[sanitizer]
    return build


def run(program, case, kind, **environment):
    return subprocess.run([str(program), case, kind], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0", **environment})


CASES = {  # what a right kernel prints, the sanitizer that finds the mistake, and what is said then
    "barrier": ("63 2016", "", "nan"),
    "atomic": ("64 64", "thread", "data race"),
    "overrun": ("0 2016", "address", "use-after-poison"),
    "past_the_end": ("0 2016", "address", "heap-buffer-overflow"),
    "two_barriers": ("1 1", "", "threads of a block wait at different barriers"),
    "half_a_warp": ("1 2768", "", "deadlock in block"),
    "blocks": ("0 6", "thread", "data race"),
    "staged": ("0 2016", "", "nan"),
    "launch": ("no error", "", "invalid configuration"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_in_a_kernel_is_found(built, case):
    answer, sanitizer, said = CASES[case]
    right, wrong = (run(built(sanitizer), case, kind) for kind in ("right", "wrong"))
    assert right.returncode == 0 and right.stdout.strip() == answer, right.stderr
    assert said in wrong.stdout + wrong.stderr


@pytest.mark.parametrize("order", ["ascending", "descending", "7"])
def test_a_right_kernel_gives_the_same_in_any_order_of_threads(built, order):
    for case in ("barrier", "atomic", "blocks", "staged"):
        done = run(built(""), case, "right", CHAINRULE_EMULATOR_ORDER=order)
        assert done.stdout.strip() == CASES[case][0]


def test_the_host_cannot_touch_device_memory_under_the_guard(built):
    assert run(built(""), "host", "right", CHAINRULE_EMULATOR_GUARD="1").returncode == 0
    assert run(built(""), "host", "wrong", CHAINRULE_EMULATOR_GUARD="1").returncode == -11
