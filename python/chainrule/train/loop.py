"""Stochastic gradient descent over mini-batches with all of it visible.   Book: §4.2, §5.1

One epoch: draw the order, then for each batch  g = gradient of the loss,  θ <- optimizer(θ, g),  (4.13).
"""
import contextlib
import math
import time
from dataclasses import dataclass, field

import chainrule as cr

from . import checkpoint as files
from . import curves
from .history import History
from .progress import watcher


@dataclass
class Run:
    """The state of a training run: what a callback sees and a checkpoint holds."""
    model: object
    optimizer: object
    train: object
    test: object
    epochs: int
    batch_size: int
    rng: object
    epoch: int = 0                       # epochs done
    position: int = 0                    # batches of the current epoch done
    order: object = None                 # state of rng from which the current epoch's order was drawn
    history: History = field(default_factory=History)
    best: dict = field(default_factory=dict)     # value, epoch and state of the best model, with patience
    stop: bool = False                   # set by a callback to end after this epoch
    pending: list = field(default_factory=list)  # losses not read yet: reading waits for the device

    @property
    def step(self):
        """Steps done since the beginning."""
        return len(self.history.loss) + len(self.pending)

    @property
    def batches(self):
        """Batches in an epoch."""
        return -(-len(self.train) // self.batch_size)


def fit(model, train, *, optimizer, epochs, rng, loss=None, batch_size=128, test=None, metrics=None,
        schedule=None, clip=None, patience=None, watch="loss", checkpoint=None, resume=False, every=5.0,
        config=None, curve=None, callbacks=(), progress=None, prefetch=0):
    """Train `model` on the Dataset `train` for `epochs` passes and return the History.   Book: §4.2

    loss        f(outputs, y) -> scalar, mean over the batch; cross entropy by default
    metrics     {name: f(outputs, y)}, by default accuracy for integer labels; on `test` after each epoch
    schedule    step -> learning rate, as those of cr.optim.schedules
    clip        greatest Euclidean norm of the gradient, all parameters together
    patience    stop after so many epochs without a better `watch` on `test`, and return to the best model
    checkpoint  a .safetensors path, written after each epoch and every `every` seconds, whole or not at all
    resume      continue from the checkpoint as if the run had not been interrupted, bit by bit
    curve       a .png path for the learning curves
    callbacks   f(event, run) with event "step", "epoch" or "end"; run.stop = True ends the training
    progress    None: a bar on a terminal, else a line an epoch; False: nothing

    Errors  FloatingPointError at the first loss that is not finite
    """
    require(epochs >= 0, f"epochs must not be negative, got {epochs}")
    require(len(train) > 0, "train has no samples")
    require(patience is None or test is not None, "patience needs test=, the data that decides")
    require(not resume or checkpoint is not None, "resume needs checkpoint=, the file to continue from")
    loss = loss or cr.losses.cross_entropy
    if schedule is not None:
        optimizer.alpha = schedule
    run = Run(model, optimizer, train, test, epochs, batch_size, rng)
    if resume:
        files.restore(run, checkpoint)
    clock = Clock(every)
    show = watcher(progress, run)
    with show:
        while run.epoch < epochs and not run.stop and not out_of_patience(run, patience):
            train_epoch(run, loss, clip, prefetch, clock, checkpoint, config, [show, *callbacks])
            row = run.history.epochs[-1]
            row |= measure_test(run, loss, metrics)
            if hasattr(optimizer.alpha, "see"):                  # a schedule that waits for better measures
                optimizer.alpha.see(row.get("test_loss", row["train_loss"]))
            run.epoch, run.position = run.epoch + 1, 0
            if patience is not None:
                keep_best(run, watch)
            tell("epoch", run, [show, *callbacks])
            if checkpoint is not None:
                files.write(run, checkpoint, config)
                clock.restart()
        tell("end", run, [show, *callbacks])
    if run.best:
        model.load_state_dict(run.best["state"])
    if curve is not None:
        curves.draw(run.history, curve)
    return run.history


def train_epoch(run, loss, clip, prefetch, clock, checkpoint, config, listeners):
    """One walk through the training data, or the rest of one that was interrupted."""
    model, device = run.model, run.model.device
    model.train()

    def objective(model, x, y):
        return loss(model(x), y)

    step = cr.value_and_grad(objective)
    for x, y in ordered(run, prefetch):
        value, grads = step(model, x.to(device), y.to(device))
        if clip is not None:
            grads, _ = cr.optim.clip_grad_norm(grads, clip)
        run.optimizer.update(grads)
        run.pending.append(value)
        run.position += 1
        if len(run.pending) == 32 or device == "cpu":            # on a GPU reading each loss stalls its queue
            settle(run)
        tell("step", run, listeners)
        if checkpoint is not None and clock.due() and run.position < run.batches:
            settle(run)
            files.write(run, checkpoint, config)
            clock.restart()
    settle(run)
    start = run.history.steps[-1] if run.history.steps else 0
    part = run.history.loss[start:]
    run.history.steps.append(run.step)
    run.history.epochs.append({"epoch": run.epoch + 1, "train_loss": math.fsum(part) / max(len(part), 1)})


def ordered(run, prefetch):
    """The batches still to do, in the order drawn when the epoch began."""
    now = files.rng_states(run)
    if run.position == 0:
        run.order = None if run.rng is None else run.rng.state()
    elif run.rng is not None:
        run.rng.restore(run.order)
    walk = iter(run.train.batches(run.batch_size, rng=run.rng, prefetch=prefetch, start=run.position))
    if run.position:
        files.set_rng_states(run, now)
    return walk


def settle(run):
    """Read the losses that are still on the device and check them."""
    for value in run.pending:
        number = float(value.item())
        if not math.isfinite(number):
            raise FloatingPointError(f"fit: the loss is {number} at step {len(run.history.loss) + 1}, epoch "
                                     f"{run.epoch + 1}; try a smaller alpha or clip=1.0")
        run.history.loss.append(number)
    run.pending = []


def measure_test(run, loss, metrics):
    if run.test is None:
        return {}
    values = evaluate(run.model, run.test, max(run.batch_size, 256), loss=loss, metrics=metrics)
    return {f"test_{name}": value for name, value in values.items()}


def evaluate(model, data, batch_size=256, *, loss=None, metrics=None):
    """{"loss": ..., "accuracy": ...} of a model on a Dataset, in eval mode; each a mean over the samples."""
    require(len(data) > 0, "evaluate: data has no samples")
    loss = loss or cr.losses.cross_entropy
    if metrics is None:
        metrics = {"accuracy": cr.accuracy} if data.y.dtype in (cr.int64, cr.int32, cr.uint8) else {}
    sums = dict.fromkeys(["loss", *metrics], 0.0)
    device = model.device
    with evaluating(model):
        for x, y in data.batches(batch_size):
            outputs = model(x.to(device))
            sums["loss"] += loss(outputs, y.to(device)).item() * x.shape[0]
            outputs = outputs.to("cpu")
            for name, f in metrics.items():
                sums[name] += float(f(outputs, y.to("cpu"))) * x.shape[0]
    return {name: total / len(data) for name, total in sums.items()}


@contextlib.contextmanager
def evaluating(model):
    """Eval mode inside, and what each module had before outside."""
    before = [(part, part.training) for _, part in files.parts(model) if isinstance(part, cr.nn.Module)]
    model.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def keep_best(run, watch):
    row = run.history.epochs[-1]
    require(f"test_{watch}" in row, f"watch='{watch}' is not measured; there are "
            + ", ".join(name.removeprefix("test_") for name in row if name.startswith("test_")))
    value = row[f"test_{watch}"] * (1 if watch == "loss" else -1)
    if not run.best or value < run.best["value"]:
        state = {name: t.copy() for name, t in run.model.state_dict().items()}
        run.best = {"value": value, "epoch": run.epoch, "state": state}


def out_of_patience(run, patience):
    return patience is not None and bool(run.best) and run.epoch - run.best["epoch"] >= patience


def tell(event, run, listeners):
    for listener in listeners:
        listener(event, run)


def require(holds, message):
    if not holds:
        raise ValueError(f"fit: {message}")


class Clock:
    """Time since the last checkpoint."""
    def __init__(self, seconds):
        self.seconds = seconds
        self.restart()

    def restart(self):
        self.start = time.monotonic()

    def due(self):
        return time.monotonic() - self.start >= self.seconds
