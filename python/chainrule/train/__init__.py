"""Training: the loop, its progress, checkpoints and learning curves.   Book: §4.2, §5.1"""
from .checkpoint import read_config
from .curves import draw
from .events import TensorBoard
from .history import History
from .loop import Run, evaluate, fit
from .transfer import fine_tune, transfer

__all__ = ["History", "Run", "TensorBoard", "draw", "evaluate", "fine_tune", "fit", "read_config",
           "transfer"]
