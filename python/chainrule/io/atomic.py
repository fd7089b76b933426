"""Files that are there whole or not at all, whenever the process is killed or the power fails."""
import contextlib
import glob
import itertools
import os
import time
from pathlib import Path

counter = itertools.count()
HOUR = 3600.0                            # s: a temporary file this old belongs to a process that was killed


def replace(path, fill):
    """Let `fill(temporary)` write a file beside `path`, force it to the disk, and rename it to `path`.

    Errors  OSError, naming the path; what was there before is kept
    """
    path = Path(os.path.realpath(path))                          # a link keeps pointing to its target
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(counter)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fill(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync(path.parent)
    sweep(path)


def sync(folder):
    """Make a rename last: the folder itself is forced to the disk where the system allows it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(path):
    """Remove what killed processes left of the same file."""
    for old in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > HOUR:
                old.unlink()
