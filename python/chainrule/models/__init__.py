"""Models ready to train, one file a family."""
from ..nn.linear import MLP
from .autoencoder import Autoencoder, interpolate
from .codes import AutoencoderCodes, CodedModel
from .estimator import Estimator, NotFittedError
from .lenet import LeNet
from .linear import LinearRegression
from .softmax_regression import SoftmaxRegression

__all__ = [
    "MLP",
    "Autoencoder",
    "AutoencoderCodes",
    "CodedModel",
    "Estimator",
    "LeNet",
    "LinearRegression",
    "NotFittedError",
    "SoftmaxRegression",
    "interpolate",
]
