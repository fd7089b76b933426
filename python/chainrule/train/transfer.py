"""Transfer learning: weights learned on one task as the start of another.   Book: §1.1, Fig. 1.1; §6.4

`transfer` loads the weights of a trained model and leaves the head as it is, fresh; `fine_tune` trains the
head with all else frozen, then everything, what was there before at a smaller rate.
"""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import chainrule as cr

from .. import check
from ..nn.module import Module, fits
from .history import History
from .loop import fit


def transfer(model: Module, source: Any, *, new: str | Sequence[str] = "head") -> list[str]:
    """Copy the weights of `source` into `model` by name, but not those that fit `new`; the names left out.

    source   a model, its state_dict(), or the path of a .safetensors file
    new      a name pattern, or several, of what starts afresh: "head", "classifier.6", "fc*"
    Errors   ValueError if the rest differ in names, ShapeError if in shapes; nothing is copied then
    """
    patterns = [new] if isinstance(new, str) else list(new)
    if isinstance(source, (str, Path)):
        source = cr.io.load(source)
    state = source.state_dict() if isinstance(source, Module) else source
    fresh = [name for name in model.state_dict() if any(fits(name, pattern) for pattern in patterns)]
    for pattern in patterns:
        if not any(fits(name, pattern) for name in fresh):
            raise ValueError(f"transfer: no parameter matches {pattern!r}; see named_parameters()")
    kept = {name: tensor for name, tensor in state.items()
            if not any(fits(name, pattern) for pattern in patterns)}
    wanted = [name for name in model.state_dict() if name not in fresh]
    missing, unexpected = set(wanted) - set(kept), set(kept) - set(wanted)
    if missing or unexpected:
        raise ValueError(f"transfer: missing {sorted(missing)}, unexpected {sorted(unexpected)}; name what "
                         "starts afresh in new=")
    model.load_state_dict(kept, strict=False)
    return fresh


def fine_tune(model: Module, train: Any, *, new: str = "head", head_epochs: int, epochs: int, alpha: float,
              factor: float = 0.1, rng: cr.Rng, optimizer: Any = None, **options: Any) -> list[History]:
    """Train the head `new` with all else frozen, for head_epochs; then all, for epochs, the rest at α factor.

    optimizer   (model, alpha) -> optimiser; Adam by default, a new one for each stage
    options     those of `fit`: batch_size, test, loss, callbacks, ...
    Differs     buffers, such as the means of batch norm, follow the new data in both stages
    """
    check.not_negative("fine_tune", alpha=alpha, factor=factor)
    make = optimizer or cr.optim.Adam
    before = [(module, module.frozen) for _, module in model.named_modules()]
    histories = []
    try:
        model.freeze().unfreeze(new)
        head = set(model.named_parameters())
        if head_epochs:
            histories.append(fit(model, train, optimizer=make(model, alpha), epochs=head_epochs, rng=rng,
                                 **options))
    finally:
        for module, frozen in before:
            module.frozen = frozen
    if epochs:
        whole = make(model, alpha)
        for name in whole.parameters.keys() - head:
            whole.scale(name, factor)
        histories.append(fit(model, train, optimizer=whole, epochs=epochs, rng=rng, **options))
    return histories
