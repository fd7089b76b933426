"""Models ready to train, one file a family."""
from ..nn.linear import MLP
from .lenet import LeNet
from .softmax_regression import SoftmaxRegression

__all__ = ["MLP", "LeNet", "SoftmaxRegression"]
