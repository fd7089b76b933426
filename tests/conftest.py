"""What all tests share: where the data lies, and a process of one's own."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "shared" / "data"     # beside the checkout, if it is there
if DATA.is_dir():
    os.environ.setdefault("CHAINRULE_DATA", str(DATA))


@pytest.fixture
def python():
    """Runs a program in a fresh interpreter and returns what it printed; fails when that fails."""
    def run(program, timeout=120, **environment):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                              timeout=timeout, env={**os.environ, **environment})
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}"
        return done.stdout
    return run
