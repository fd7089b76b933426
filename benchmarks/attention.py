"""Scaled dot-product attention, 4 samples, 8 heads of 64: two products of T x T, bound by multiply-adds."""
import chainrule as cr

from .harness import Case
from .norm import torch_work


def cases(peers, rng, tiny):
    for T in (16,) if tiny else (128, 512, 2048):
        q, k, v = (cr.normal((4, 8, T, 64), rng=rng) for _ in range(3))
        d = cr.normal(q.shape, rng=rng)
        for causal in (False, True) if T != 128 else (False,):
            flops = 4 * 4 * 8 * T * T * 64 // (2 if causal else 1)
            name = f"attention T {T}{', causal' * causal}"

            def ours(q, k, v, causal=causal):
                return cr.scaled_dot_product_attention(q, k, v, causal=causal)

            def theirs(f, v, causal=causal):
                return f.scaled_dot_product_attention(*v, is_causal=causal)
            yield Case(name, lambda ours=ours, x=(q, k, v): ours(*x), torch_work(peers, theirs, (q, k, v)),
                       flops)
            if T != 128:
                yield Case(f"{name}, forward + backward",
                           lambda ours=ours, x=(q, k, v), d=d: cr.vjp(ours, x, d),
                           torch_work(peers, theirs, (q, k, v), d), 3.5 * flops)
