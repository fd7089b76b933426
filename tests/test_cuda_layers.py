"""Each layer and model on the GPU: values, derivatives and what it remembers are those of the CPU."""

import subprocess
import sys

import chainrule as cr
import numpy as np
import pytest

from .test_cuda import on_cuda  # noqa: F401

nn, models = cr.nn, cr.models
pytestmark = pytest.mark.device


def f(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def i(n, *shape):
    return np.random.default_rng(n).integers(0, n, shape)


GRAPH = np.array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)
POOLS = {f"{kind}{n}d": (lambda r, kind=kind, n=n: getattr(nn, f"{kind}{n}d")(2), f(2, 3, *(5,) * n))
         for kind in ("MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool") for n in (1, 2, 3)}
CONVS = {f"{kind}{n}d": (lambda r, kind=kind, n=n: getattr(nn, f"{kind}{n}d")(3, 4, 3, stride=2, rng=r),
                         f(2, 3, *(5,) * n)) for kind in ("Conv", "ConvTranspose") for n in (1, 2, 3)}
NORMS = {f"{kind}{n}d": (lambda r, kind=kind, n=n: getattr(nn, f"{kind}{n}d")(3), f(4, 3, *(3,) * n))
         for kind in ("BatchNorm", "InstanceNorm") for n in (1, 2, 3)}
PLAIN = {name: (lambda r, name=name: getattr(nn, name)(), f(3, 4)) for name in (
    "ELU GELU Hardswish Hardtanh Identity LeakyReLU LogSoftmax Mish ReLU ReLU6 SELU SiLU Sigmoid Softmax "
    "Softplus Softsign Tanh Flatten PReLU Step").split()}
LAYERS = {                               # how one is made, and its inputs
    **POOLS, **CONVS, **NORMS, **PLAIN,
    "Linear": (lambda r: nn.Linear(4, 3, rng=r), f(2, 4)),
    "MLP": (lambda r: nn.MLP(4, 5, 3, rng=r), f(2, 4)),
    "Sequential": (lambda r: nn.Sequential(nn.Linear(4, 3, rng=r), nn.Tanh()), f(2, 4)),
    "Dropout": (lambda r: nn.Dropout(0.4, rng=r), f(5, 6)),
    "GaussianNoise": (lambda r: nn.GaussianNoise(0.1, rng=r), f(5, 6)),
    "Masking": (lambda r: nn.Masking(0.3, rng=r), f(5, 6)),
    "SaltAndPepper": (lambda r: nn.SaltAndPepper(0.3, rng=r), f(5, 6)),
    "Embedding": (lambda r: nn.Embedding(7, 3, rng=r), i(7, 2, 4)),
    "LayerNorm": (lambda r: nn.LayerNorm(6), f(3, 6)),
    "RMSNorm": (lambda r: nn.RMSNorm(6), f(3, 6)),
    "GroupNorm": (lambda r: nn.GroupNorm(2, 4), f(3, 4, 5)),
    "RNN": (lambda r: nn.RNN(3, 4, rng=r), f(5, 2, 3)),
    "LSTM": (lambda r: nn.LSTM(3, 4, 2, bidirectional=True, dropout=0.2, rng=r), f(5, 2, 3)),
    "GRU": (lambda r: nn.GRU(3, 4, batch_first=True, rng=r), f(2, 5, 3)),
    "GraphConv": (lambda r: nn.GraphConv(4, 2, rng=r), f(3, 4), GRAPH),
    "MultiHeadAttention": (lambda r: nn.MultiHeadAttention(8, 2, dropout=0.2, rng=r), f(2, 5, 8)),
    "TransformerBlock": (lambda r: nn.TransformerBlock(8, 2, 12, dropout=0.1, rng=r), f(2, 5, 8)),
    "TransformerDecoderBlock": (lambda r: nn.TransformerDecoderBlock(8, 2, 12, rng=r),
                                f(2, 5, 8), f(2, 4, 8)),
}
MODELS = {
    "AlexNet": (lambda r: models.AlexNet(3, widths=(4, 4, 4, 4, 4), hidden=5, rng=r), f(1, 3, 67, 67)),
    "Autoencoder": (lambda r: models.Autoencoder(6, 3, noise=nn.Masking(0.2, rng=r), rng=r), f(4, 6)),
    "GCN": (lambda r: models.GCN(4, 3, 2, readout="mean", rng=r), f(3, 4), GRAPH),
    "GPT": (lambda r: models.GPT(7, 6, 2, 2, 8, dropout=0.1, rng=r), i(7, 2, 6)),
    "GridDetector": (lambda r: models.GridDetector(2, width=2, rng=r), f(1, 3, 8, 8)),
    "HierarchicalVAE": (lambda r: Loss(models.HierarchicalVAE(
        [models.Gaussian(nn.Linear(5, 6, rng=r)), models.Gaussian(nn.Linear(3, 2, rng=r))],
        [models.Gaussian(nn.Linear(3, 5, rng=r), 0.3), models.Gaussian(nn.Linear(1, 6, rng=r))]), r),
                        f(4, 5)),
    "LeNet": (lambda r: models.LeNet(3, channels=1, size=12, rng=r), f(2, 1, 12, 12)),
    "Localizer": (lambda r: models.Localizer(3, size=8, width=2, rng=r), f(2, 3, 8, 8)),
    "NoiseNet": (lambda r: models.NoiseNet(2, 6, steps=5, times=4, rng=r), f(3, 2), 1 + i(5, 3)),
    "Diffusion": (lambda r: Loss(models.Diffusion(models.NoiseNet(2, 6, steps=5, times=4, rng=r),
                                                  models.linear_betas(5)), r), f(6, 2)),
    "ResNet": (lambda r: models.ResNet(models.BasicBlock, (1, 1, 1, 1), 3, width=2, stem="small", rng=r),
               f(2, 3, 8, 8)),
    "Bottleneck": (lambda r: models.ResNet(models.Bottleneck, (1, 1, 1, 1), 3, width=2, rng=r),
                   f(2, 3, 32, 32)),
    "SegmentationNet": (lambda r: models.SegmentationNet(2, width=2, rng=r), f(1, 3, 8, 8)),
    "SoftmaxRegression": (lambda r: models.SoftmaxRegression(4, 3), f(2, 4)),
    "Transformer": (lambda r: models.Transformer(7, 5, p=8, heads=2, hidden=6, layers=1, padding=0, rng=r),
                    i(7, 2, 4), i(5, 2, 3)),
    "VAE": (lambda r: Loss(models.VAE(5, 4, 2, rng=r), r), f(3, 5)),
    "VGG": (lambda r: models.VGG(11, 3, batch_norm=True, widths=(2,) * 5, hidden=4, size=32, rng=r),
            f(2, 3, 32, 32)),
}
NOT_CALLED = {"Module", "GAN", "Gaussian", "BasicBlock"}     # a base, trained by steps, parts of the above


class Loss(nn.Module):
    """A model that is trained by its own loss, which draws."""
    def __init__(self, model, rng):
        self.model, self.rng = model, rng

    def __call__(self, x):
        return self.model.loss(x, rng=self.rng)


def everything(make, inputs, place, dtype):
    """The outputs, the slopes of a sum of them, and the state afterwards."""
    model = make(cr.Rng(3)).to("cpu", dtype=dtype).to(place)
    given = [cr.tensor(x.astype(dtype) if x.dtype.kind == "f" else x).to(place) for x in inputs]
    floats = tuple(n for n, x in enumerate(given) if x.dtype.is_floating)

    def cost(model, *given):
        y = cr.tree.leaves(model(*given))
        weights = [(1 + cr.arange(t.size, device=t.device).reshape(t.shape)) / t.size for t in y]
        return sum(cr.sum(w * t) for w, t in zip(weights, y, strict=True)), y
    trained = (0,) if cr.nn.named_tensors(model) else ()
    wanted = (*trained, *(n + 1 for n in floats))
    (_, y), slopes = cr.value_and_grad(cost, argnums=wanted, has_aux=True)(model, *given)
    slopes = {str(n): s for n, s in zip(wanted, slopes, strict=True)}
    named = {f"slope {n} {name}": t for n, s in slopes.items()
             for name, t in (s.items() if isinstance(s, dict) else [("", s)])}
    if place == "cuda":
        assert {t.device for t in (*y, *named.values(), *model.state_dict().values())} <= {"cuda"}
    return {**{f"output {n}": t.numpy() for n, t in enumerate(y)},
            **{name: t.numpy() for name, t in named.items()},
            **{name: t.numpy() for name, t in model.state_dict().items()}}


@pytest.mark.parametrize("name, dtype", [
    *((name, "float32") for name in LAYERS),                 # a deep net magnifies the last bits of float32
    *((name, "float64") for name in (*LAYERS, *MODELS))])
def test_what_is_computed_on_the_gpu_is_what_is_computed_on_the_cpu(name, dtype):
    make, *inputs = {**LAYERS, **MODELS}[name]
    want, got = (everything(make, inputs, place, dtype) for place in ("cpu", "cuda"))
    assert got.keys() == want.keys() and len(want) > 0
    room = {"float32": 2e-6, "float64": 1e-12}[dtype]
    for part, w in want.items():
        scale = max(1.0, np.abs(w).max(initial=0))
        np.testing.assert_allclose(got[part], w, rtol=50 * room, atol=room * scale, err_msg=part)


def test_no_layer_is_left_out():
    layers = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    kinds = {name for name in models.__all__
             if isinstance(getattr(models, name), type) and issubclass(getattr(models, name), nn.Module)}
    assert layers | kinds - {"MLP"} == set(LAYERS) | set(MODELS) | NOT_CALLED


def test_the_command_trains_as_on_the_cpu(tmp_path):
    """The losses of 52 steps, and what the trained nets say of the test pictures."""
    for package in ("typer", "sklearn", "safetensors"):
        pytest.importorskip(package)
    told, curves = {}, {}
    for place in ("cpu", "cuda"):
        options = ["--epochs", "1", "--batch-size", "28", "--device", place, "--save", str(tmp_path / place)]
        done = subprocess.run([sys.executable, "-m", "chainrule", "train", *options], capture_output=True,
                              text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        told[place] = float(done.stdout.split("test accuracy")[-1].split("%")[0])
        curves[place] = cr.io.load(tmp_path / place / "checkpoint.safetensors")["loss"].numpy()
    assert len(curves["cpu"]) == 52 and curves["cpu"][-5:].mean() < 0.7 * curves["cpu"][:5].mean()
    np.testing.assert_allclose(curves["cuda"], curves["cpu"], rtol=1e-3, atol=1e-4)
    assert abs(told["cuda"] - told["cpu"]) < 1
