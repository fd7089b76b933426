"""Models ready to train, one file a family."""
from ..nn.linear import MLP
from .autoencoder import Autoencoder, interpolate
from .lenet import LeNet
from .softmax_regression import SoftmaxRegression

__all__ = ["MLP", "Autoencoder", "interpolate", "LeNet", "SoftmaxRegression"]
