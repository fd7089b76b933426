from . import _core, tree
from ._core import *  # noqa: F403
from .autodiff import *
