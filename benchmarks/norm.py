"""Normalisations: bound by memory."""
import chainrule as cr

from .harness import Case


def cases(peers, rng, tiny):
    x, gamma, beta = cr.normal((64 if tiny else 4096, 768), rng=rng), cr.ones(768), cr.zeros(768)
    d = cr.normal(x.shape, rng=rng)
    inputs, name = (x, gamma, beta), f"layer norm {x.shape[0]}x768"

    def theirs(f, v):
        return f.layer_norm(v[0], (768,), v[1], v[2])
    yield Case(name, lambda: cr.layer_norm(*inputs), torch_work(peers, theirs, inputs), moved=2 * x.nbytes)
    yield Case(f"{name}, forward + backward", lambda: cr.vjp(cr.layer_norm, inputs, d),
               torch_work(peers, theirs, inputs, d), moved=5 * x.nbytes)
    n, C, size = (2, 8, 8) if tiny else (32, 64, 56)
    image, scale, shift = cr.normal((n, C, size, size), rng=rng), cr.ones(C), cr.zeros(C)
    back = cr.normal(image.shape, rng=rng)
    yield Case(f"batch norm {n}x{C}x{size}², forward + backward",
               lambda: cr.vjp(lambda *v: cr.batch_norm(*v)[0], (image, scale, shift), back),
               torch_work(peers, lambda f, v: f.batch_norm(v[0], None, None, v[1], v[2], training=True),
                          (image, scale, shift), back), moved=5 * image.nbytes)


def torch_work(peers, f, inputs, d=None):
    """{"torch": f(torch.nn.functional, tensors)}, with its backward when an adjoint is given."""
    if (torch := peers.torch) is None:
        return {}
    functional = torch.nn.functional
    tensors = [torch.from_numpy(v.numpy()) for v in inputs]
    if d is None:
        return {"torch": lambda: f(functional, tensors)}
    u = torch.from_numpy(d.numpy())

    def step():
        leaves = [v.detach().requires_grad_(True) for v in tensors]
        f(functional, leaves).backward(u)
        return [v.grad for v in leaves]
    return {"torch": step}
