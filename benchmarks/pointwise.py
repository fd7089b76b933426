"""Elementwise ops and sums over 4 million numbers: bound by memory; two small ones by the call."""
import chainrule as cr
import numpy as np

from .harness import Case


def cases(peers, rng, tiny):
    rows = 64 if tiny else 2048
    a, b = cr.normal((rows, 2048), rng=rng), cr.normal((rows, 2048), rng=rng)
    x, y = a.numpy(), b.numpy()
    s, t = (peers.torch.from_numpy(v) for v in (x, y)) if peers.torch else (None, None)
    torch = peers.torch
    compiled = jax_work(peers.jax, x, y) if peers.jax else {}
    work = {                                                 # ours, NumPy's, PyTorch's, passes over memory
        "add": (lambda: a + b, lambda: x + y, lambda: s + t, 3),
        "exp": (lambda: cr.exp(a), lambda: np.exp(x), lambda: torch.exp(s), 2),
        "tanh": (lambda: cr.tanh(a), lambda: np.tanh(x), lambda: torch.tanh(s), 2),
        "gelu": (lambda: cr.gelu(a), None, lambda: torch.nn.functional.gelu(s), 2),
        "sum of all": (lambda: cr.sum(a), lambda: x.sum(), lambda: s.sum(), 1),
        "sum of rows": (lambda: cr.sum(a, 1), lambda: x.sum(1), lambda: s.sum(1), 1),
        "sum of columns": (lambda: cr.sum(a, 0), lambda: x.sum(0), lambda: s.sum(0), 1),
    }
    notes = {"sum of rows": "both are bound by reading the third-level cache: bare loads take 0.9 of the "
                            "time; more rows at a time and asking further ahead lost"}
    for name, (ours, numpy, theirs, passes) in work.items():
        theirs = pick(peers, numpy=numpy, torch=theirs, jax=compiled.get(name))
        yield Case(f"{name} {rows}x2048", ours, theirs, moved=passes * a.nbytes, note=notes.get(name, ""))
    yield gelu_both_ways(peers, a, s)
    yield small(peers)
    yield chain(peers)


def jax_work(jax, x, y):
    """{name: a call of that function compiled by JAX}."""
    jnp = jax.numpy
    functions = {"add": lambda u, v: u + v, "exp": lambda u, v: jnp.exp(u), "tanh": lambda u, v: jnp.tanh(u),
                 "gelu": lambda u, v: jax.nn.gelu(u, approximate=False), "sum of all": lambda u, v: u.sum(),
                 "sum of rows": lambda u, v: u.sum(1), "sum of columns": lambda u, v: u.sum(0)}
    u, v = jnp.asarray(x), jnp.asarray(y)

    def call(f):
        compiled = jax.jit(f)
        return lambda: compiled(u, v).block_until_ready()
    return {name: call(f) for name, f in functions.items()}


def pick(peers, **work):
    """Those peers that take part."""
    return {name: f for name, f in work.items() if f is not None and getattr(peers, name) is not None}


def gelu_both_ways(peers, a, s):
    step = cr.value_and_grad(lambda v: cr.sum(cr.gelu(v)))

    def torch_step():
        leaf = s.detach().requires_grad_(True)
        peers.torch.nn.functional.gelu(leaf).sum().backward()
        return leaf.grad
    return Case(f"gelu {a.shape[0]}x2048, forward + backward", lambda: step(a), pick(peers, torch=torch_step),
                moved=4 * a.nbytes)


def small(peers):
    a, b = cr.ones(8), cr.ones(8)
    x, y = np.ones(8, np.float32), np.ones(8, np.float32)
    s, t = (peers.torch.ones(8), peers.torch.ones(8)) if peers.torch else (None, None)
    return Case("add of 8 numbers", lambda: a + b, pick(peers, numpy=lambda: x + y, torch=lambda: s + t))


def chain(peers):
    """value_and_grad of 100 additions in a row: what recording and walking a node costs."""
    x = cr.ones(())

    def f(v):
        y = v
        for _ in range(100):
            y = y + v
        return y
    step = cr.value_and_grad(f)

    def torch_step():
        leaf = peers.torch.ones((), requires_grad=True)
        f(leaf).backward()
        return leaf.grad
    return Case("value_and_grad of 100 adds", lambda: step(x), pick(peers, torch=torch_step))
