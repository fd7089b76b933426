"""Layers: a model is a tree of modules, its parameters have dotted names.   Book: chapters 5 to 8"""
from . import init, noise
from .activation import (
    ELU,
    GELU,
    SELU,
    Hardswish,
    Hardtanh,
    Identity,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Step,
    Tanh,
)
from .attention import MultiHeadAttention
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .dropout import Dropout
from .embedding import Embedding
from .features import activations
from .graph import GraphConv, normalised_adjacency
from .linear import MLP, Flatten, Linear
from .module import Module, Sequential, named_tensors
from .noise import GaussianNoise, Masking, SaltAndPepper
from .norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    RMSNorm,
)
from .pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from .recurrent import GRU, LSTM, RNN, last_output
from .transformer import TransformerBlock, TransformerDecoderBlock, sinusoidal_positions

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d",
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Dropout", "ELU",
    "Embedding", "Flatten", "GELU", "GRU", "GaussianNoise", "GraphConv", "GroupNorm", "Hardswish", "Hardtanh",
    "Identity", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LSTM", "LayerNorm", "LeakyReLU",
    "Linear", "LogSoftmax", "MLP", "Masking", "MaxPool1d", "MaxPool2d", "MaxPool3d", "Mish", "Module",
    "MultiHeadAttention", "PReLU", "RMSNorm", "RNN", "ReLU", "ReLU6", "SELU", "SaltAndPepper", "Sequential",
    "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Step", "Tanh", "TransformerBlock",
    "TransformerDecoderBlock", "activations", "init", "last_output", "named_tensors", "noise",
    "normalised_adjacency", "sinusoidal_positions",
]
