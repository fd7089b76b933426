"""LSTM and GRU over a sequence: the input products are one matmul, the steps follow each other."""
import chainrule as cr

from .harness import Case


def cases(peers, rng, tiny):
    T, B, n, m = (4, 2, 8, 8) if tiny else (100, 32, 128, 256)
    for kind, gates in (("LSTM", 4), ("GRU", 3)):
        layer, x = getattr(cr.nn, kind)(n, m, rng=rng), cr.normal((T, B, n), rng=rng)
        step = cr.value_and_grad(lambda layer, x: cr.sum(layer(x)[0]), argnums=(0, 1))
        case = Case(f"{kind} T {T}, batch {B}, {n} -> {m}, forward + backward",
                    lambda step=step, layer=layer, x=x: step(layer, x),
                    flops=3 * 2 * T * B * gates * m * (n + m))
        if torch := peers.torch:
            theirs, s = getattr(torch.nn, kind)(n, m), torch.from_numpy(x.numpy())

            def torch_step(theirs=theirs, s=s):
                theirs.zero_grad()
                leaf = s.detach().requires_grad_(True)
                theirs(leaf)[0].sum().backward()
                return leaf.grad
            case.peers["torch"] = torch_step
        yield case
