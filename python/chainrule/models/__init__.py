"""Models ready to train, one file a family."""
from ..nn.linear import MLP
from .alexnet import AlexNet
from .autoencoder import Autoencoder, interpolate
from .codes import AutoencoderCodes, CodedModel
from .descent import DescentRegression
from .estimator import Estimator, NotFittedError
from .gpt import GPT
from .kmeans import Elbow, KMeans, clustering_loss, elbow
from .lenet import LeNet
from .likelihood import AdamRecipe, ConvergenceWarning
from .linear import LinearRegression
from .logistic import LogisticRegression, ProbitRegression
from .multiclass import OneVsOne, OneVsRest
from .pca import PCA
from .polynomial import PolynomialRegression
from .regularised import ElasticNet, Lasso, Ridge
from .multiclass import OneVsOne, OneVsRest
from .pca import PCA
from .pipeline import Pipeline, load, save
from .resnet import BasicBlock, Bottleneck, ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from .softmax_regression import SoftmaxRegression
from .vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

__all__ = [
    "GPT",
    "MLP",
    "PCA",
    "VGG",
    "AdamRecipe",
    "AlexNet",
    "Autoencoder",
    "AutoencoderCodes",
    "BasicBlock",
    "Bottleneck",
    "CodedModel",
    "ConvergenceWarning",
    "DescentRegression",
    "ElasticNet",
    "Elbow",
    "Estimator",
    "KMeans",
    "Lasso",
    "LeNet",
    "LinearRegression",
    "LogisticRegression",
    "NotFittedError",
    "OneVsOne",
    "OneVsRest",
    "PolynomialRegression",
    "ProbitRegression",
    "ResNet",
    "Ridge",
    "Pipeline",
    "SoftmaxRegression",
    "load",
    "save",
    "clustering_loss",
    "elbow",
    "interpolate",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]
