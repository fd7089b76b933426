"""The convolutional nets of the book: PyTorch's outputs and gradients with the same weights, known sizes."""
import chainrule as cr
import numpy as np
import pytest

from .oracle import agrees, draw, torch

pytestmark = pytest.mark.cpu("the nets are in test_cuda_layers.py, smaller")
OUTLINE = cr.nn.init.Outline()


def learns(model, x, y, alpha=1e-2):
    """One step on a batch lowers the loss on it."""
    x, y = cr.tensor(x), cr.tensor(y)
    step = cr.value_and_grad(lambda m: cr.losses.cross_entropy(m(x), y))
    before, grads = step(model)
    cr.optim.SGD(model, alpha=alpha).update(grads)
    after, _ = step(model)
    return after.item() < before.item()


# ---- VGG

STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def torch_vgg(t, depth, batch_norm, widths, hidden, classes, side):
    layers, c = [], 3
    for count, width in zip(STAGES[depth], widths, strict=True):
        for _ in range(count):
            layers += [t.nn.Conv2d(c, width, 3, padding=1)]
            layers += [t.nn.BatchNorm2d(width)] if batch_norm else []
            layers += [t.nn.ReLU(inplace=False)]
            c = width
        layers += [t.nn.MaxPool2d(2, 2)]
    net = t.nn.Sequential()
    net.add_module("features", t.nn.Sequential(*layers))
    net.add_module("avgpool", t.nn.AdaptiveAvgPool2d(side))
    net.add_module("flatten", t.nn.Flatten())
    net.add_module("classifier", t.nn.Sequential(
        t.nn.Linear(c * side * side, hidden), t.nn.ReLU(), t.nn.Dropout(), t.nn.Linear(hidden, hidden),
        t.nn.ReLU(), t.nn.Dropout(), t.nn.Linear(hidden, classes)))
    return net


@pytest.mark.parametrize("depth, batch_norm", [(11, True), (19, False), (19, True)])
def test_vgg_computes_what_pytorch_computes(depth, batch_norm):
    t = torch()
    t.manual_seed(0)
    widths = (2, 3, 4, 4, 5)
    theirs = torch_vgg(t, depth, batch_norm, widths, 7, 5, 1)
    for weight in theirs.parameters():
        if weight.ndim > 1:
            t.nn.init.kaiming_normal_(weight)
    ours = cr.models.VGG(depth, 5, batch_norm=batch_norm, widths=widths, hidden=7, size=32, rng=cr.Rng(0))
    agrees(ours.eval(), theirs.eval(), draw(2, 3, 32, 32))


@pytest.mark.book("1.1-vgg19", "1.1-vgg19-bn")
@pytest.mark.parametrize("name, count", [
    ("vgg11", 132_863_336), ("vgg13", 133_047_848), ("vgg16", 138_357_544), ("vgg19", 143_667_240),
    ("vgg19_bn", 143_678_248)])
def test_vgg_has_the_known_number_of_parameters_and_an_outline_takes_no_memory(name, count):
    model = getattr(cr.models, name)(rng=OUTLINE)
    assert model.parameter_count() == count
    wide = [p for p in model.named_parameters().values() if p.ndim > 1]
    assert len(wide) == int(name[3:5]) and not any(any(p.strides) for p in wide)


@pytest.mark.book("1.1-vgg19")
def test_vgg19_maps_150528_pixels_to_1000_probabilities():
    """At a sixteenth of the widths: the grids 224, 112, 56, 28, 14, 7 are those of the whole net."""
    widths = (4, 8, 16, 32, 32)
    model = cr.models.VGG(19, widths=widths, hidden=64, rng=cr.Rng(0)).eval()
    x = cr.tensor(draw(2, 3, 224, 224))
    assert x[0].size == 150_528
    assert model.features(x).shape == (2, 32, 7, 7)
    a = model.probabilities(x)
    assert a.shape == (2, 1000)
    np.testing.assert_allclose(a.numpy().sum(1), 1, atol=1e-6)
    kinds = [type(layer).__name__ for part in (model.features, model.classifier) for layer in part]
    assert (kinds.count("Conv2d"), kinds.count("Linear"), kinds.count("MaxPool2d")) == (16, 3, 5)


def test_a_loaded_outline_is_the_model(tmp_path):
    sizes = {"widths": (2, 2, 2, 2, 2), "hidden": 4, "size": 32}
    model = cr.models.VGG(11, 3, batch_norm=True, **sizes, rng=cr.Rng(0)).eval()
    cr.io.save(tmp_path / "vgg.safetensors", model)
    copy = cr.models.VGG(11, 3, batch_norm=True, **sizes, rng=OUTLINE).eval()
    with pytest.raises(ValueError, match="assign"):
        copy.features[0].weight[...] = 1.0
    copy.load_state_dict(cr.io.load(tmp_path / "vgg.safetensors"))
    x = cr.tensor(draw(2, 3, 32, 32))
    np.testing.assert_array_equal(copy(x).numpy(), model(x).numpy())


def test_a_small_vgg_learns_a_batch():
    model = cr.models.VGG(11, 4, batch_norm=True, widths=(4, 8, 8, 8, 8), hidden=16, size=32, dropout=0.0,
                          rng=cr.Rng(0))
    assert learns(model, draw(8, 3, 32, 32), np.arange(8) % 4)


def test_vgg_names_what_is_wrong():
    with pytest.raises(ValueError, match="VGG: depth 18 is unknown; needs one of 11, 13, 16, 19"):
        cr.models.VGG(18, rng=OUTLINE)
    with pytest.raises(ValueError, match="VGG: size 28 needs to be at least 32"):
        cr.models.vgg11(size=28, rng=OUTLINE)
    with pytest.raises(ValueError, match="VGG: widths"):
        cr.models.vgg11(widths=(1, 2), rng=OUTLINE)


# ---- AlexNet

def torch_alexnet(t, widths, groups, hidden, classes, padding):
    a, b, c, d, e = widths
    net = t.nn.Sequential()
    net.add_module("features", t.nn.Sequential(
        t.nn.Conv2d(3, a, 11, stride=4, padding=padding), t.nn.ReLU(), t.nn.MaxPool2d(3, 2),
        t.nn.Conv2d(a, b, 5, padding=2, groups=groups), t.nn.ReLU(), t.nn.MaxPool2d(3, 2),
        t.nn.Conv2d(b, c, 3, padding=1), t.nn.ReLU(),
        t.nn.Conv2d(c, d, 3, padding=1, groups=groups), t.nn.ReLU(),
        t.nn.Conv2d(d, e, 3, padding=1, groups=groups), t.nn.ReLU(), t.nn.MaxPool2d(3, 2)))
    net.add_module("avgpool", t.nn.AdaptiveAvgPool2d(6))
    net.add_module("flatten", t.nn.Flatten())
    net.add_module("classifier", t.nn.Sequential(
        t.nn.Dropout(), t.nn.Linear(36 * e, hidden), t.nn.ReLU(), t.nn.Dropout(), t.nn.Linear(hidden, hidden),
        t.nn.ReLU(), t.nn.Linear(hidden, classes)))
    return net


@pytest.mark.book("1.2-alexnet")
@pytest.mark.parametrize("groups, padding, size", [(2, 0, 227), (1, 2, 63)])
def test_alexnet_computes_what_pytorch_computes(groups, padding, size):
    t = torch()
    t.manual_seed(1)
    widths = (4, 4, 6, 6, 4)
    theirs = torch_alexnet(t, widths, groups, 8, 5, padding)
    ours = cr.models.AlexNet(5, widths=widths, groups=groups, hidden=8, padding=padding, rng=cr.Rng(0))
    agrees(ours.eval(), theirs.eval(), draw(2, 3, size, size))


@pytest.mark.book("1.2-alexnet")
def test_alexnet_has_the_known_sizes():
    model = cr.models.AlexNet(rng=OUTLINE)
    assert model.parameter_count() == 60_965_224
    assert cr.models.AlexNet(groups=1, rng=OUTLINE).parameter_count() == 62_378_344
    small = cr.models.AlexNet(widths=(2, 2, 2, 2, 2), hidden=4, rng=cr.Rng(0)).eval()
    x, sides = cr.zeros((1, 3, 227, 227)), []
    for layer in small.features:
        x = layer(x)
        sides.append(x.shape[-1])
    assert list(dict.fromkeys(sides)) == [55, 27, 13, 6]


@pytest.mark.book("1.2-alexnet")
def test_a_small_alexnet_learns_a_batch():
    model = cr.models.AlexNet(4, widths=(8, 8, 8, 8, 8), hidden=16, dropout=0.0, rng=cr.Rng(0))
    assert learns(model, draw(8, 3, 67, 67), np.arange(8) % 4)


# ---- ResNet

def torch_resnet(t, bottleneck, blocks, width, classes, small):
    nn = t.nn

    class Block(nn.Module):
        def __init__(self, c, w, s):
            super().__init__()
            shapes = [(c, w, 3, s), (w, w, 3, 1)]
            shapes = [(c, w, 1, 1), (w, w, 3, s), (w, 4 * w, 1, 1)] if bottleneck else shapes
            for i, (a, b, k, stride) in enumerate(shapes, 1):
                setattr(self, f"conv{i}", nn.Conv2d(a, b, k, stride, k // 2, bias=False))
                setattr(self, f"bn{i}", nn.BatchNorm2d(b))
            out, self.n = shapes[-1][1], len(shapes)
            self.downsample = None if s == 1 and c == out else nn.Sequential(
                nn.Conv2d(c, out, 1, s, bias=False), nn.BatchNorm2d(out))

        def forward(self, x):
            r = x
            for i in range(1, self.n + 1):
                r = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(r))
                r = r if i == self.n else t.relu(r)
            return t.relu(r + (x if self.downsample is None else self.downsample(x)))

    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(3, width, *((3, 1, 1) if small else (7, 2, 3)), bias=False))
    net.add_module("bn1", nn.BatchNorm2d(width))
    net.add_module("relu", nn.ReLU())
    if not small:
        net.add_module("maxpool", nn.MaxPool2d(3, 2, 1))
    c = width
    for i, count in enumerate(blocks):
        stage = []
        for j in range(count):
            stage.append(Block(c, width << i, 2 if i and not j else 1))
            c = (width << i) * (4 if bottleneck else 1)
        net.add_module(f"layer{i + 1}", nn.Sequential(*stage))
    net.add_module("avgpool", nn.AdaptiveAvgPool2d(1))
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc", nn.Linear(c, classes))
    return net


@pytest.mark.parametrize("bottleneck, blocks, small, training", [
    (False, (2, 2, 2, 2), False, False), (False, (2, 1, 2, 1), True, True),
    (True, (2, 1, 1, 2), False, True)])
def test_resnet_computes_what_pytorch_computes(bottleneck, blocks, small, training):
    t = torch()
    t.manual_seed(2)
    theirs = torch_resnet(t, bottleneck, blocks, 4, 5, small)
    block = cr.models.Bottleneck if bottleneck else cr.models.BasicBlock
    ours = cr.models.ResNet(block, blocks, 5, width=4, stem="small" if small else "imagenet", rng=cr.Rng(0))
    agrees(ours.train(training), theirs.train(training), draw(3, 3, 33, 33))


@pytest.mark.parametrize("name, count", [
    ("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032), ("resnet101", 44_549_160),
    ("resnet152", 60_192_808)])
def test_resnet_has_the_known_number_of_parameters(name, count):
    assert getattr(cr.models, name)(rng=OUTLINE).parameter_count() == count


def test_a_small_resnet_learns_a_batch_of_small_pictures():
    model = cr.models.resnet18(4, width=4, stem="small", rng=cr.Rng(0))
    x = draw(8, 3, 32, 32)
    assert model.layer4(model.layer3(model.layer2(cr.zeros((1, 4, 32, 32))))).shape == (1, 32, 4, 4)
    assert learns(model, x, np.arange(8) % 4)
