"""Matrix products: bound by multiply-adds, small ones by packing, one row by the bytes of the matrix."""
import chainrule as cr
import numpy as np

from .harness import Case

SHAPES = [(64, 64, 64), (128, 128, 128), (64, 784, 300), (512, 512, 512), (1024, 1024, 1024),
          (2048, 2048, 2048), (4096, 4096, 4096)]
# Why a peer may be ahead, and what was tried.
PACKED = ("the tile alone reaches 0.99 of the ceiling and packing takes 2 to 3.5 %; other runs were ahead; "
          "other depths, blocks and orders of loops, and threads that pack for themselves, gained nothing")
HALF = "the same instruction on both sides; other runs were ahead"


def cases(peers, rng, tiny):
    for M, K, N in SHAPES[:2] if tiny else SHAPES:
        a, b = cr.normal((M, K), rng=rng), cr.normal((K, N), rng=rng)
        yield product(f"matmul {M}x{K}x{N}", peers, a, b)
    n = 64 if tiny else 1024
    a, b = cr.normal((n, n), rng=rng), cr.normal((n, n), rng=rng)
    for name, left, right in (("Aᵀ B", a.T, b), ("A Bᵀ", a, b.T), ("Aᵀ Bᵀ", a.T, b.T)):
        yield product(f"matmul {n}, {name}", peers, left, right)
    batch = 4 if tiny else 96
    yield product(f"matmul batch {batch}x(128x64x128)", peers, cr.normal((batch, 128, 64), rng=rng),
                  cr.normal((batch, 64, 128), rng=rng))
    n = 64 if tiny else 4096
    yield product(f"matmul 1x{n}x{n}", peers, cr.normal((1, n), rng=rng), cr.normal((n, n), rng=rng))
    n = 64 if tiny else 2048
    yield half(f"matmul bfloat16 {n}", peers, n, rng)


def product(name, peers, a, b):
    x, y = a.numpy(), b.numpy()
    case = Case(name, lambda: a @ b, flops=2 * a.size * b.shape[-1], moved=a.nbytes + b.nbytes,
                note=PACKED if min(a.shape) >= 512 else "")
    if peers.numpy:
        case.peers["numpy"] = lambda: x @ y
    if torch := peers.torch:
        s, t = torch.from_numpy(x), torch.from_numpy(y)
        case.peers["torch"] = lambda: s @ t
    if jax := peers.jax:
        f, u, v = jax.jit(lambda u, v: u @ v), *(jax.numpy.asarray(np.ascontiguousarray(m)) for m in (x, y))
        case.peers["jax"] = lambda: f(u, v).block_until_ready()
    return case


def half(name, peers, n, rng):
    """The ceiling shown is float32's: a processor with bfloat16 products may pass it."""
    a, b = (cr.normal((n, n), rng=rng).astype(cr.bfloat16) for _ in range(2))
    case = Case(name, lambda: a @ b, flops=2 * n**3, note=HALF)
    if torch := peers.torch:
        s, t = (torch.from_numpy(v.astype(cr.float32).numpy()).bfloat16() for v in (a, b))
        case.peers["torch"] = lambda: s @ t
    return case
