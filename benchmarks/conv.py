"""Convolutions, forward and with both adjoints: bound by multiply-adds; depthwise ones by memory."""
import chainrule as cr

from .harness import Case

# name, x, w, stride, padding, groups
WORK = [
    ("4x3x224² -> 64, 3x3", (4, 3, 224, 224), (64, 3, 3, 3), 1, 1, 1),
    ("16x64x56² -> 64, 3x3", (16, 64, 56, 56), (64, 64, 3, 3), 1, 1, 1),
    ("16x128x28² -> 128, 3x3", (16, 128, 28, 28), (128, 128, 3, 3), 1, 1, 1),
    ("16x256x14² -> 256, 3x3", (16, 256, 14, 14), (256, 256, 3, 3), 1, 1, 1),
    ("16x256x14² -> 1024, 1x1", (16, 256, 14, 14), (1024, 256, 1, 1), 1, 0, 1),
    ("depthwise 16x128x28², 3x3", (16, 128, 28, 28), (128, 1, 3, 3), 1, 1, 128),
    ("16x64x56² -> 128, 3x3 stride 2", (16, 64, 56, 56), (128, 64, 3, 3), 2, 1, 1),
    ("8x3x224² -> 64, 7x7 stride 2", (8, 3, 224, 224), (64, 3, 7, 7), 2, 3, 1),
    ("128x1x28² -> 32, 5x5", (128, 1, 28, 28), (32, 1, 5, 5), 1, 0, 1),
]
# Why a peer may be ahead, and what was tried.
STRIDED = ("the products run at 0.95 of the ceiling; laying out each residue of the stride by itself takes "
           "0.6 of 9.1 ms, which channels side by side do not need; aligned residues gained nothing")
ONE = ("16 products of 1024 x 256 by 256 x 196; of several runs some are above 1 and some below, since "
       "kernels are packed by squares and two images make a block")
NOTES = {
    "16x256x14² -> 1024, 1x1": ONE,
    "16x256x14² -> 1024, 1x1, forward + backward": ONE,
    "16x64x56² -> 128, 3x3 stride 2": STRIDED,
    "16x64x56² -> 128, 3x3 stride 2, forward + backward":
        STRIDED + "; the adjoint in x is written with step 2, a number at a time, some 1.8 ms of 31",
    "8x3x224² -> 64, 7x7 stride 2": "laid out as for 3x3 with stride 2; blocks that stay in the second-level "
                                    "cache gained a little here and lost in the adjoint of 3x3",
}
TINY = [("2x4x8² -> 4, 3x3", (2, 4, 8, 8), (4, 4, 3, 3), 1, 1, 1)]


def cases(peers, rng, tiny):
    for name, shape, kernel, stride, padding, groups in TINY if tiny else WORK:
        x, w = cr.normal(shape, rng=rng), cr.normal(kernel, std=0.1, rng=rng)

        def ours(x, w, stride=stride, padding=padding, groups=groups):
            return cr.conv(x, w, stride=stride, padding=padding, groups=groups)
        y = ours(x, w)
        d = cr.normal(y.shape, rng=rng)
        flops = 2 * y.size * w.size // w.shape[0]
        moved = x.nbytes + w.nbytes + y.nbytes

        def backward(x=x, w=w, d=d, ours=ours):
            return cr.vjp(ours, (x, w), d)
        forward, both = torch_work(peers, x, w, d, stride, padding, groups)
        attributes = {"strides": [stride] * 2, "pads": [padding] * 4, "group": groups}
        forward |= peers.onnx([("Conv", ["x", "w"], "y", attributes)], {"x": x.numpy()}, {"w": w.numpy()})
        yield Case(f"conv {name}", lambda ours=ours, x=x, w=w: ours(x, w), forward, flops, moved,
                   NOTES.get(name, ""))
        both_name = f"{name}, forward + backward"
        yield Case(f"conv {both_name}", backward, both, 3 * flops, 3 * moved, NOTES.get(both_name, ""))


def torch_work(peers, x, w, d, stride, padding, groups):
    """({peer: forward}, {peer: forward and backward}), in both layouts of memory."""
    forward, both = {}, {}
    if (torch := peers.torch) is None:
        return forward, both
    conv = torch.nn.functional.conv2d
    layouts = {"torch": torch.contiguous_format}
    if peers.channels_last:
        layouts["torch-channels-last"] = torch.channels_last
    for name, layout in layouts.items():
        s, k, u = (torch.from_numpy(v.numpy()).contiguous(memory_format=layout) for v in (x, w, d))

        def run(s=s, k=k):
            return conv(s, k, None, stride, padding, 1, groups)

        def step(s=s, k=k, u=u):
            leaves = [v.detach().requires_grad_(True) for v in (s, k)]
            run(*leaves).backward(u)
            return [v.grad for v in leaves]
        forward[name], both[name] = run, step
    return forward, both
