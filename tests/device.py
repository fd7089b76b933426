"""The device that `pytest --device` names, and the library as it looks from there."""
import contextlib
import functools
import importlib
import pkgutil
import sys

import chainrule as cr

name = "cpu"                             # set by conftest.py before tests are collected

# Functions that make tensors from nothing or from the host's numbers.
MAKERS = """tensor asarray empty zeros ones full eye arange linspace from_array from_dlpack
            uniform normal randint bernoulli permutation""".split()


class OnDevice:
    """The library, with `device` as the default of every function that makes a tensor."""

    def __init__(self, library):
        self._library = library

    def __getattr__(self, attribute):
        value = getattr(self._library, attribute)
        if name == "cpu":
            return value
        if attribute == "_core":
            return OnDevice(value)
        if attribute in MAKERS:
            return functools.partial(_made, value)
        return value


def move_modules():
    """From now on each module is made on the CPU, as ever, and then moved to the device as a whole."""
    parts_of_the_library()
    kinds, being_made = [cr.nn.Module], []

    def moved(init):
        @functools.wraps(init)
        def wrapper(module, *args, **options):
            being_made.append(module)
            try:
                init(module, *args, **options)
            finally:
                being_made.pop()
            if not being_made:
                module.to(name)
        return wrapper
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        if "__init__" in vars(kind):
            kind.__init__ = moved(kind.__init__)


@functools.cache
def parts_of_the_library():
    """All of it is imported, so that no part finds a test's view of the library in place of its own."""
    for part in pkgutil.walk_packages(cr.__path__, "chainrule."):
        if not part.name.startswith(("chainrule.lib", "chainrule._", "chainrule.cli", "chainrule.book")):
            importlib.import_module(part.name)


@contextlib.contextmanager
def seen_by_imports(library):
    """Modules imported inside get this library for `import chainrule`; its own parts never do."""
    parts_of_the_library()
    sys.modules["chainrule"] = library
    try:
        yield
    finally:
        sys.modules["chainrule"] = cr


def _made(make, *args, **options):
    device = options.pop("device", name)
    return cr.to_device(make(*args, **options), device)


def reason():
    """Why the device cannot be used, or None."""
    if name == "cpu" or cr.cuda.is_available():
        return None
    return f"--device {name}: {cr.cuda.why()}"


def synchronize():
    """Wait for the device: faults that its kernels found, such as an index out of range, are raised here."""
    if name != "cpu":
        cr.cuda.synchronize()
