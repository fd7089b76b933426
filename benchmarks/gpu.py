"""The CUDA kernels against what cannot be avoided, and beside PyTorch: `python -m benchmarks gpu`.

Ceilings are measured in the same run: a copy in device memory, and products of large matrices by PyTorch
where it is installed (cuBLAS), else by our own kernel. A time is that of ten calls, waited for once.
No figure of this file has been taken on hardware so far.
"""
from __future__ import annotations

import dataclasses
import datetime
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chainrule as cr

from . import harness, report
from .harness import Case, Ceilings
from .training import torch_lenet, torch_mlp, torch_step

CUDA = "cuda"


def main(out: list[Path], tiny: bool) -> int:
    if why := cr.cuda.why():
        print(f"benchmarks: gpu: cuda is not available: {why}", file=sys.stderr)
        return 2
    torch = torch_on_gpu()
    least = 0.0 if tiny else harness.SPENT
    about, ceilings = machine(torch), measured_ceilings(torch, least, tiny)
    about |= {"GB/s of a copy": round(ceilings.bandwidth / 1e9, 1),
              "GFLOP/s of float32 matmul": round(ceilings.flops / 1e9, 1)}
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    rows = []
    for case in cases(torch, cr.Rng(0), tiny):
        rows.append(harness.measure("gpu", case, ceilings, least))
        print(report.line(rows[-1]), flush=True)
    print(report.summary(rows))
    for path in out:
        text = json.dumps({"machine": about, "rows": [dataclasses.asdict(r) for r in rows]}, indent=1) \
            if path.suffix == ".json" else markdown(rows, about)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


def markdown(rows: list[harness.Row], about: dict[str, Any]) -> str:
    lines = ["# chainrule on a GPU", "", ", ".join(f"{name} {value}" for name, value in about.items()), ""]
    lines += ["| " + " | ".join(report.HEAD) + " |", "|" + "---|" * len(report.HEAD)]
    return "\n".join([*lines, *("| " + " | ".join(report.cells(row)) + " |" for row in rows), ""])


def machine(torch: Any) -> dict[str, Any]:
    gpu = cr.cuda.properties()
    about = {"date": datetime.date.today().isoformat(), "GPU": gpu["name"], "backend": cr.cuda.backend(),
             "driver": gpu["driver"], "chainrule": cr.__version__}
    return about | ({"torch": torch.__version__} if torch else {})


def torch_on_gpu() -> Any:
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


def waited(f: Any, wait: Any) -> Any:
    """f, done when the device is: many launches are waited for once, as in use."""
    def run() -> None:
        for _ in range(10):
            f()
        wait()
    return run


def measured_ceilings(torch: Any, least: float, tiny: bool) -> Ceilings:
    n, side = (1 << 10, 64) if tiny else (1 << 28, 8192)
    x = cr.zeros(n, device=CUDA)
    seconds = harness.once(waited(lambda: cr.copy(x), cr.cuda.synchronize), least) / 10
    bandwidth = 2 * x.nbytes / seconds
    if torch:
        a = torch.randn(side, side, device=CUDA)
        torch.backends.cuda.matmul.allow_tf32 = False
        f, wait = (lambda: a @ a), torch.cuda.synchronize
    else:
        b = cr.normal((side, side), rng=cr.Rng(0), device=CUDA)
        f, wait = (lambda: b @ b), cr.cuda.synchronize
    return Ceilings(2 * side**3 / (harness.once(waited(f, wait), least) / 10), bandwidth)


def case(name: str, torch: Any, ours: Any, theirs: Any, flops: float = 0.0, moved: float = 0.0) -> Case:
    peers = {"torch": waited(theirs, torch.cuda.synchronize)} if torch else {}
    return Case(name, waited(ours, cr.cuda.synchronize), peers, 10 * flops, 10 * moved)


def cases(torch: Any, rng: Any, tiny: bool) -> Iterator[Case]:
    def pair(*shape: int) -> Any:
        x = cr.normal(shape, rng=rng, device=CUDA)
        return x, torch.randn(*shape, device=CUDA) if torch else None

    n = 1 << (12 if tiny else 26)
    x, t = pair(n)
    size = x.nbytes
    yield case(f"add {n}", torch, lambda: x + x, lambda: t + t, moved=2 * size)
    yield case(f"exp {n}", torch, lambda: cr.exp(x), lambda: t.exp(), moved=2 * size)
    yield case(f"sum {n}", torch, lambda: cr.sum(x), lambda: t.sum(), moved=size)
    rows = 4 if tiny else 8192
    for columns in (10, 1024, 50_257 if not tiny else 257):
        y, u = pair(rows, columns)
        moved = 2 * y.nbytes
        yield case(f"softmax {rows}x{columns}", torch, lambda y=y: cr.softmax(y), lambda u=u: u.softmax(-1),
                   moved=moved)
    y, u = pair(rows, 1024)
    yield case(f"layer norm {rows}x1024", torch, lambda: cr.layer_norm(y),
               lambda: torch.nn.functional.layer_norm(u, (1024,)), moved=2 * y.nbytes)
    yield adam(torch, rng, 1 << (10 if tiny else 24))
    for side in (32,) if tiny else (1024, 4096):
        a, b = pair(side, side)
        yield case(f"matmul {side}", torch, lambda a=a: a @ a, lambda b=b: b @ b, flops=2 * side**3)
    yield convolution(torch, pair, *((1, 4) if tiny else (64, 64)))
    yield from steps(torch, rng, 4 if tiny else 64)


def adam(torch: Any, rng: Any, n: int) -> Case:
    parts = [cr.normal((n // 16,), rng=rng, device=CUDA) for _ in range(16)]
    state = [[cr.zeros(p.shape, device=CUDA) for p in parts] for _ in range(2)]
    theirs = None
    if torch:
        ps = [torch.nn.Parameter(torch.randn(n // 16, device=CUDA)) for _ in range(16)]
        for p in ps:
            p.grad = torch.randn_like(p)
        theirs = torch.optim.Adam(ps, fused=True).step
    return case(f"Adam, {n} numbers in 16 tensors", torch,
                lambda: cr._core.adam_update(parts, parts, *state, 1e-3, 0.9, 0.999, 1e-8, 0.0, False, 1),
                theirs, moved=7 * 4 * n)


def convolution(torch: Any, pair: Any, batch: int, channels: int) -> Case:
    x, t = pair(batch, channels, 56, 56)
    w, v = pair(channels, channels, 3, 3)
    return case(f"conv 3x3, {batch}x{channels}x56x56", torch, lambda: cr.conv(x, w, padding=1),
                lambda: torch.nn.functional.conv2d(t, v, padding=1),
                flops=2 * batch * channels**2 * 9 * 56 * 56)


def steps(torch: Any, rng: Any, batch: int) -> Iterator[Case]:
    """Whole training steps, plain and as a captured graph."""
    x = cr.normal((batch, 784), rng=rng, device=CUDA)
    y = cr.randint(10, shape=(batch,), rng=rng).to(CUDA)
    for name, model, data, torch_model in (
            ("MLP 784-300-100-10", cr.nn.MLP(784, 300, 100, 10, rng=rng), x, torch_mlp),
            ("LeNet 28x28", cr.models.LeNet(10, channels=1, size=28, rng=rng), x.reshape((batch, 1, 28, 28)),
             torch_lenet)):
        step = training_step(model.to(CUDA))
        peers = {}
        if torch:
            images, labels = torch.from_numpy(data.numpy()).to(CUDA), torch.from_numpy(y.numpy()).to(CUDA)
            theirs = torch_step(torch, torch_model(torch).to(CUDA), images, labels)
            peers["torch"] = waited(theirs, torch.cuda.synchronize)
            compiled = torch_step(torch, torch.compile(torch_model(torch).to(CUDA)), images, labels)
            peers["torch-compile"] = waited(compiled, torch.cuda.synchronize)
        for kind, run in (("", step), (", graph", cr.cuda.graph(step))):
            ours = waited(lambda run=run, data=data: run(data, y), cr.cuda.synchronize)
            yield Case(f"10 training steps {name}{kind}, batch {batch}", ours, dict(peers))


def training_step(model: Any) -> Any:
    adam = cr.optim.Adam(model, alpha=1e-3)
    both = cr.value_and_grad(lambda model, x, y: cr.losses.cross_entropy(model(x), y))

    def step(x: Any, y: Any) -> Any:
        value, grads = both(model, x, y)
        adam.update(grads)
        return value
    return step
