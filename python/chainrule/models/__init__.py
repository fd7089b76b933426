"""Models ready to train, one file a family."""
from ..nn.linear import MLP
from .alexnet import AlexNet
from .autoencoder import Autoencoder, interpolate
from .boxes import iou, non_maximum_suppression
from .codes import AutoencoderCodes, CodedModel
from .columns import ColumnTransformer
from .descent import DescentRegression
from .detection import Detection, GridDetector, detection_loss, detection_scores, detection_targets
from .diffusion import Diffusion, NoiseNet, linear_betas
from .estimator import Estimator, NotFittedError
from .gan import GAN
from .gnn import GCN
from .gpt import GPT
from .kmeans import Elbow, KMeans, clustering_loss, elbow
from .lenet import LeNet
from .likelihood import AdamRecipe, ConvergenceWarning
from .linear import LinearRegression
from .localization import Localizer, localization_loss, located
from .logistic import LogisticRegression, ProbitRegression
from .multiclass import OneVsOne, OneVsRest
from .pca import PCA
from .perceptron import Perceptron
from .pipeline import Pipeline, load, save
from .polynomial import PolynomialRegression
from .regularised import ElasticNet, Lasso, Ridge
from .resnet import BasicBlock, Bottleneck, ResNet, resnet18, resnet34, resnet50, resnet101, resnet152
from .segmentation import SegmentationNet
from .softmax import MultinomialRegression, SoftmaxRegression
from .transformer import Transformer
from .vae import VAE, Gaussian, HierarchicalVAE
from .vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn

__all__ = [
    "Diffusion",
    "NoiseNet",
    "linear_betas",
    "GAN",
    "GCN",
    "VAE",
    "Gaussian",
    "HierarchicalVAE",
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
    "ColumnTransformer",
    "ConvergenceWarning",
    "DescentRegression",
    "Detection",
    "ElasticNet",
    "Elbow",
    "Estimator",
    "GridDetector",
    "KMeans",
    "Lasso",
    "LeNet",
    "LinearRegression",
    "Localizer",
    "LogisticRegression",
    "MultinomialRegression",
    "NotFittedError",
    "Perceptron",
    "ResNet",
    "OneVsOne",
    "OneVsRest",
    "Pipeline",
    "PolynomialRegression",
    "ProbitRegression",
    "Ridge",
    "SegmentationNet",
    "SoftmaxRegression",
    "clustering_loss",
    "detection_loss",
    "detection_scores",
    "detection_targets",
    "elbow",
    "Transformer",
    "interpolate",
    "iou",
    "load",
    "localization_loss",
    "located",
    "non_maximum_suppression",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "save",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]
