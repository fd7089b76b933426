"""What all tests share: where the data lies, and a process of one's own."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "shared" / "data"     # beside the checkout, if it is there
if DATA.is_dir():
    os.environ.setdefault("CHAINRULE_DATA", str(DATA))

# What sees the library as one whose tensors and modules start on the device under test; see device.py.
FILES = "attention autodiff conv indexing linalg losses metrics optim random train".split()
PLACED = ("tests/nn/", *(f"tests/test_{file}.py" for file in FILES))


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", choices=("cpu", "cuda"),
                     help="where tests put their tensors; those that know no device are left out then")


def pytest_configure(config):
    from . import device
    device.name = config.getoption("--device")
    if device.name != "cpu" and device.reason() is None:
        device.move_modules()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    from . import device
    if device.name == "cpu" or not collector.nodeid.startswith(PLACED):
        return (yield)
    with device.seen_by_imports(device.OnDevice(device.cr)):
        return (yield)


def pytest_collection_modifyitems(config, items):
    from . import device
    if device.name == "cpu":
        return
    apart = [i for i in items if "cpu" in i.keywords
             or not i.nodeid.startswith(("tests/ops/", *PLACED)) and "device" not in i.keywords]
    if apart:
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]
    if why := device.reason():
        for item in items:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture
def python():
    """Runs a program in a fresh interpreter and returns what it printed; fails when that fails."""
    def run(program, timeout=120, **environment):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                              timeout=timeout, env={**os.environ, **environment})
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}"
        return done.stdout
    return run
