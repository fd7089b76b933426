"""Whole models of several kinds: training steps with Adam, and a forward pass of VGG19."""
import chainrule as cr

from .harness import Case
from .training import Step, classifier


def cases(peers, rng, tiny):
    for step in steps(rng, tiny):
        yield step.case(peers)
    yield vgg(peers, rng, 32 if tiny else 224)


def steps(rng, tiny):
    batch = 2 if tiny else 64
    x, y = cr.normal((batch, 3, 32, 32), rng=rng), cr.randint(10, shape=(batch,), rng=rng)
    yield classifier(f"ResNet-18, batch {batch}, 32x32",
                     lambda: cr.models.resnet18(10, stem="small", rng=rng), x, y, torch_resnet18,
                     channels_last=True)
    sizes = ((1, 16, 8, 2, 2),) if tiny else ((4, 128, 64, 12, 4), (6, 384, 256, 8, 6))
    for layers, width, T, batch, heads in sizes:
        yield gpt(rng, layers, width, T, batch, heads)


def gpt(rng, layers, width, T, batch, heads, vocab=65):
    index = cr.randint(vocab, shape=(batch, T + 1), rng=rng)
    data = index[:, :-1].copy().numpy(), index[:, 1:].copy().numpy()
    return Step(f"GPT, {layers} layers, width {width}, T {T}, batch {batch}",
                lambda: cr.models.GPT(vocab, T, layers, heads, width, rng=rng),
                lambda model: model.loss(index),
                lambda torch: torch_gpt(torch, vocab, T, layers, heads, width), data)


def vgg(peers, rng, side):
    x = cr.normal((1, 3, side, side), rng=rng)
    model = cr.models.vgg19(rng=rng).eval()
    case = Case(f"forward VGG19, batch 1, {side}x{side}", lambda: model(x))
    if torch := peers.torch:
        theirs, s = torch_vgg19(torch).eval(), torch.from_numpy(x.numpy())

        def run(model, s):
            with torch.no_grad():
                return model(s)
        case.peers["torch"] = lambda: run(theirs, s)
        if peers.channels_last:
            last = torch_vgg19(torch).eval().to(memory_format=torch.channels_last)
            moved = s.to(memory_format=torch.channels_last)
            case.peers["torch-channels-last"] = lambda: run(last, moved)
        if peers.compiles:
            compiled = torch.compile(theirs)
            case.peers["torch-compile"] = lambda: run(compiled, s)
    case.peers.update(onnx_vgg(peers, model, x))
    return case


def onnx_vgg(peers, model, x):
    """The same layers with the same weights, as a graph for ONNX Runtime."""
    nodes, weights, name = [], {}, "x"

    def add(op, *parameters, **attributes):
        nonlocal name
        own = [f"{op}{len(nodes)}.{i}" for i in range(len(parameters))]
        weights.update(zip(own, parameters, strict=True))
        nodes.append((op, [name, *own], f"h{len(nodes)}", attributes))
        name = nodes[-1][2]
    for layer in (*model.features, model.avgpool, cr.nn.Flatten(), *model.classifier):
        kind = type(layer).__name__
        if kind == "Conv2d":
            add("Conv", layer.weight.numpy(), layer.bias.numpy(), pads=[1, 1, 1, 1])
        elif kind == "Linear":
            add("Gemm", layer.weight.numpy(), layer.bias.numpy(), transB=1)
        elif kind == "MaxPool2d":
            add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        elif kind in ("ReLU", "Flatten"):
            add({"ReLU": "Relu"}.get(kind, kind))
        elif kind == "AdaptiveAvgPool2d" and x.shape[-1] != 224:        # 7 x 7 is what VGG has at 224
            return {}
    return peers.onnx(nodes, {"x": x.numpy()}, weights)


def torch_resnet18(torch):
    """The layers of chainrule.models.resnet18(10, stem="small")."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, a, b, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b)
            self.conv2, self.bn2 = nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b)
            change = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))
            self.skip = change if stride > 1 or a != b else nn.Identity()

        def forward(self, x):
            h = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(h + self.skip(x))

    stages = [Block(64, 64, 1), Block(64, 64, 1)]
    for width in (128, 256, 512):
        stages += [Block(width // 2, width, 2), Block(width, width, 1)]
    return nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(), *stages,
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def torch_gpt(torch, vocab, T, layers, heads, width):
    """The layers of chainrule.models.GPT, with PyTorch's fused attention; scores (N, vocab, T)."""
    nn, f = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.into, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.net = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            n, t, _ = x.shape
            q, k, v = self.into(self.norm1(x)).view(n, t, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            u = f.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(u.transpose(1, 2).reshape(n, t, width))
            return x + self.net(self.norm2(x))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(vocab, width)
            self.positions = nn.Parameter(0.02 * torch.randn(T, width))
            self.blocks, self.norm = nn.Sequential(*(Block() for _ in range(layers))), nn.LayerNorm(width)

        def forward(self, index):
            h = self.norm(self.blocks(self.tokens(index) + self.positions))
            return (h @ self.tokens.weight.T).transpose(1, 2)
    return Model()


def torch_vgg19(torch):
    """The layers of chainrule.models.vgg19()."""
    nn, layers, channels = torch.nn, [], 3
    for width, count in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(25088, 4096), nn.ReLU(),
                         nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000))
