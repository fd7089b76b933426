"""Rows of a table picked by index, and their adjoint added back: bound by memory."""
import chainrule as cr

from .harness import Case


def cases(peers, rng, tiny):
    n, picked = (100, 50) if tiny else (32768, 16384)
    table, index = cr.normal((n, 256), rng=rng), cr.randint(n, shape=(picked,), rng=rng)
    d = cr.normal((picked, 256), rng=rng)
    case = Case(f"embedding {n}x256, {picked} rows, forward + backward",
                lambda: cr.vjp(lambda w: cr.embedding(index, w), table, d), moved=table.nbytes + 4 * d.nbytes)
    if torch := peers.torch:
        w, i, u = (torch.from_numpy(v.numpy()) for v in (table, index, d))

        def step():
            leaf = w.detach().requires_grad_(True)
            torch.nn.functional.embedding(i, leaf).backward(u)
            return leaf.grad
        case.peers["torch"] = step
    yield case
