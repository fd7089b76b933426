"""Settings that all tests share."""
import os
from pathlib import Path

DATA = Path(__file__).parents[2] / "shared" / "data"     # beside the checkout, if it is there
if DATA.is_dir():
    os.environ.setdefault("CHAINRULE_DATA", str(DATA))
