"""Softmax, its logarithm and cross entropy over rows: bound by memory, one read and one write."""
import chainrule as cr

from .harness import Case
from .pointwise import pick


def cases(peers, rng, tiny):
    torch = peers.torch
    for rows, K in [(64, 100)] if tiny else [(128, 10), (4096, 1000), (64, 50257)]:
        z = cr.normal((rows, K), rng=rng)
        y = cr.randint(K, shape=(rows,), rng=rng)
        s, t = (torch.from_numpy(v.numpy()) for v in (z, y)) if torch else (None, None)
        yield Case(f"softmax {rows}x{K}", lambda z=z: cr.softmax(z), moved=2 * z.nbytes,
                   peers=pick(peers, torch=lambda s=s: torch.softmax(s, -1), **onnx(peers, "Softmax", z)))
        yield Case(f"log_softmax {rows}x{K}", lambda z=z: cr.log_softmax(z), moved=2 * z.nbytes,
                   peers=pick(peers, torch=lambda s=s: torch.log_softmax(s, -1),
                              **onnx(peers, "LogSoftmax", z)))
        yield cross_entropy(peers, z, y, s, t)


def cross_entropy(peers, z, y, s, t):
    step = cr.value_and_grad(lambda v: cr.losses.cross_entropy(v, y))

    def torch_step():
        leaf = s.detach().requires_grad_(True)
        peers.torch.nn.functional.cross_entropy(leaf, t).backward()
        return leaf.grad
    return Case(f"cross entropy {z.shape[0]}x{z.shape[1]}, forward + backward", lambda: step(z),
                pick(peers, torch=torch_step), moved=3 * z.nbytes)


def onnx(peers, op, x):
    return peers.onnx([(op, ["x"], "y", {"axis": -1})], {"x": x.numpy()})
