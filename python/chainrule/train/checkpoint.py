"""A training run in one file, from which it goes on as if nothing had happened.

Parameters, buffers, optimiser state, the state of every Rng (data order, inside the model), the place in
the data and the history are one tree in one safetensors file: there is no second file that could disagree.
"""
import json
from pathlib import Path

import numpy as np

import chainrule as cr

VERSION = 1


def write(run, path, config=None):
    """Write the run to `path`, whole or not at all."""
    tree = {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "optimizer_kind": type(run.optimizer).__name__,
        "alpha": number_or_none(getattr(run.optimizer, "alpha", None)),
        "epoch": run.epoch, "position": run.position, "order": run.order,
        "samples": len(run.train), "batch_size": run.batch_size,
        "rngs": rng_states(run),
        "loss": np.asarray(run.history.loss, np.float64),
        "epochs": run.history.epochs, "steps": run.history.steps,
        "best": run.best,
    }
    notes = {"format": "pt", "checkpoint": str(VERSION), "config": json.dumps(config or {})}
    cr.io.save(path, tree, notes)


def restore(run, path):
    """Put a run back to where `path` was written.

    Errors  FileNotFoundError; ValueError if the file is no checkpoint or belongs to another run
    """
    read_config(path)
    tree = cr.io.load(path)
    try:
        check(run, path, tree)
        run.model.load_state_dict(tree["model"])
        run.optimizer.load_state_dict(tree["optimizer"])
        if tree["alpha"] is not None and not callable(run.optimizer.alpha):
            run.optimizer.alpha = tree["alpha"]
        run.epoch, run.position, run.order = tree["epoch"], tree["position"], tree["order"]
        run.history.loss = np.asarray(tree["loss"]).tolist()
        run.history.epochs, run.history.steps, run.best = tree["epochs"], tree["steps"], tree["best"]
        set_rng_states(run, tree["rngs"])
    except KeyError as error:
        raise ValueError(f"{path}: this checkpoint has no {error}; it is not of this version") from None
    except ValueError as error:
        message = str(error)
        raise ValueError(message if message.startswith(str(path)) else f"{path}: {message}") from None


def check(run, path, tree):
    """A place in the data means something only for the same data and batch size."""
    given = {"samples": len(run.train), "batch_size": run.batch_size,
             "optimizer_kind": type(run.optimizer).__name__}
    for name, value in given.items():
        if tree[name] != value:
            what = name.replace("_kind", "").replace("_", " ")
            raise ValueError(f"{path}: the run to go on with had {what} {tree[name]}, this one has {value}")


def number_or_none(alpha):
    """A learning rate to be saved; a schedule is a function of the step and needs no saving."""
    return alpha if isinstance(alpha, (int, float)) else None


def read_config(path):
    """The config given to `fit` when the checkpoint was written."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no checkpoint to continue from")
    notes = cr.io.metadata(path)
    if notes.get("checkpoint") != str(VERSION):
        raise ValueError(f"{path}: a safetensors file, but not a checkpoint of chainrule {cr.__version__}")
    return json.loads(notes["config"])


def rng_states(run):
    """{place: state} of every Rng in the run."""
    return {name: rng.state() for name, rng in rngs(run)}


def set_rng_states(run, states):
    found = dict(rngs(run))
    if set(found) != set(states):
        raise ValueError(f"random generators at {sorted(states)} were saved, the run has {sorted(found)}")
    for name, rng in found.items():
        rng.restore(states[name])


def rngs(run):
    own = [] if run.rng is None else [("rng", run.rng)]
    return own + [(f"model.{name}", part) for name, part in parts(run.model) if isinstance(part, cr.Rng)]


def parts(tree):
    """(dotted place, object) of the modules and generators in a tree, each once."""
    seen, stack = set(), [("", tree)]
    while stack:
        name, part = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, (cr.nn.Module, cr.Rng)):
            yield name, part
        inner = vars(part) if isinstance(part, cr.nn.Module) else part
        if isinstance(inner, dict):
            below = inner.items()
        else:
            below = enumerate(inner) if isinstance(inner, (list, tuple)) else ()
        stack += [(f"{name}.{key}" if name else str(key), child) for key, child in reversed(list(below))]
