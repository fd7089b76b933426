"""Estimators one after another, and files of estimators: what is deployed is learned as one.

Book: §2.1, §2.4
"""
from __future__ import annotations

import importlib
from typing import Any

import numpy as np

import chainrule as cr

from .._core import Tensor
from .estimator import Estimator, fresh

ANSWERS = ("predict", "predict_proba", "decision_function", "transform")


class Pipeline(Estimator):
    """Transformers and, last, any estimator: raw x goes in, each step sees what the one before made of it.

    Book: §2.4, "deploy the transformation with the model"

    steps    estimators in order; None: Standardizer and LinearRegression
    Learned  steps_, copies that have learned; the answers of the last step: predict, transform, score ...
    """
    steps_: list

    def __init__(self, steps: Any = None) -> None:
        self.steps = steps

    def _steps(self) -> list:
        if self.steps is None:
            return [cr.preprocessing.Standardizer(), cr.models.LinearRegression()]
        if not isinstance(self.steps, (list, tuple)) or not self.steps:
            raise ValueError(f"Pipeline: steps needs to be a list of estimators, got {self.steps!r}")
        return list(self.steps)

    @property
    def kind(self) -> str | None:                                # type: ignore[override]
        """That of the last step."""
        return getattr(self._steps()[-1], "kind", None)

    @property
    def multi_output(self) -> bool:                              # type: ignore[override]
        """Whether the last step learns several outputs at once."""
        return getattr(self._steps()[-1], "multi_output", False)

    def fit(self, X: Any, y: Any = None) -> Pipeline:
        """Each step learns from what the learned steps before it make of X."""
        x, learned = X, []
        given = [fresh(step) for step in self._steps()]
        for step in given[:-1]:
            learned.append(step.fit(x, y))
            x = step.transform(x)
        learned.append(given[-1].fit(x, y))
        columns = np.asarray(X).shape[1]
        return self._learn(np.empty((0, columns)), steps_=learned)

    def score(self, X: Any, y: Any = None) -> float:
        """That of the last step."""
        Z = self._before(X)
        return self.steps_[-1].score(Z, y)

    def _before(self, X: Any) -> Any:
        """What the last step sees of raw samples."""
        self._need_fit()
        for step in self.steps_[:-1]:
            X = step.transform(X)
        return X

    def __getattr__(self, name: str) -> Any:
        """The answers of the last step, for raw samples."""
        if name == "classes_" and "steps_" in vars(self):
            return self.steps_[-1].classes_
        if name not in ANSWERS or "steps" not in vars(self) or not hasattr(self._steps()[-1], name):
            raise AttributeError(f"'Pipeline' object has no attribute {name!r}")

        def answer(X: Any) -> Any:
            Z = self._before(X)                                  # says so when nothing is learned yet
            return getattr(self.steps_[-1], name)(Z)
        return answer


# ---- files
def save(path: Any, estimator: Estimator) -> None:
    """Write an estimator of this library, parameters and all it learned, as safetensors; `load` reads it.

    Errors  TypeError for an estimator that is not the library's, or a parameter that is no number or text
    """
    cr.io.save(path, _packed(estimator), {"estimator": type(estimator).__name__})


def load(path: Any) -> Any:
    """The estimator of a file that `save` wrote: its predictions are the same to the last bit.

    Errors  ValueError, naming the file, if it holds no estimator
    """
    try:
        found = _unpacked(cr.io.load(path))
    except (KeyError, AttributeError, ImportError, TypeError) as error:
        raise ValueError(f"{path}: holds no estimator: {error}") from None
    if not isinstance(found, Estimator):
        raise ValueError(f"{path}: holds no estimator, but {type(found).__name__}")
    return found


def _packed(x: Any) -> Any:
    """A tree that cr.io writes: an estimator as its class and attributes, texts in arrays as lists."""
    if isinstance(x, Estimator):
        return {"estimator": f"{type(x).__module__}:{type(x).__name__}",
                "attributes": {k: _packed(v) for k, v in vars(x).items()}}
    if hasattr(x, "get_params"):
        raise TypeError(f"save: {type(x).__name__} is no estimator of chainrule")
    if isinstance(x, np.ndarray) and x.dtype.kind in "OU":
        return {"texts": x.astype(str).tolist()}
    if isinstance(x, (list, tuple)):
        return type(x)(map(_packed, x))
    return x


def _unpacked(x: Any) -> Any:
    if isinstance(x, Tensor):
        return x.numpy()
    if isinstance(x, (list, tuple)):
        return type(x)(map(_unpacked, x))
    if not isinstance(x, dict):
        return x
    if "texts" in x:
        return np.array(x["texts"])
    module, _, name = x["estimator"].partition(":")
    if not module.startswith("chainrule."):                      # a file may not name code of others
        raise TypeError(f"{module}.{name} is no estimator of chainrule")
    kind = getattr(importlib.import_module(module), name)
    if not (isinstance(kind, type) and issubclass(kind, Estimator)):
        raise TypeError(f"{module}.{name} is no estimator")
    made = kind.__new__(kind)
    vars(made).update({k: _unpacked(v) for k, v in x["attributes"].items()})
    return made
