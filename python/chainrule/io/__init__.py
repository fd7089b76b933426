"""Files: trees of tensors and modules as safetensors, written whole or not at all."""
from .safetensors import load, metadata, save

__all__ = ["load", "metadata", "save"]
