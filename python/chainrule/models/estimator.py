"""What estimators share: parameters, checks of their input, scores. The contract is scikit-learn's.

An estimator works in scikit-learn's pipelines and searches without importing it. Samples are rows. Learned
attributes end in an underscore and are NumPy arrays; what is computed for tensors comes back as tensors, for
anything else as NumPy arrays. `fit` learns everything or, when it raises, nothing.
"""
from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any

import numpy as np

import chainrule as cr

from .._core import Tensor


class NotFittedError(ValueError, AttributeError):
    """An estimator is asked before `fit`."""


class Estimator:
    """Parameters by the names of the constructor, and the checks that each `fit` and `predict` begins with.

    `kind` is "regressor", "classifier", "transformer" or "clusterer"; `multi_output`: y may be (n, K).
    """
    kind: str | None = None
    multi_output = False
    n_features_in_: int

    # ---- parameters
    @classmethod
    def _names(cls) -> list[str]:
        return sorted(inspect.signature(cls).parameters)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments; with `deep` also those of estimators inside, as outer__inner."""
        params = {name: getattr(self, name) for name in self._names()}
        for name in list(params) if deep else []:
            for place, inner in _inside(name, params[name]):
                params |= {f"{place}__{key}": value for key, value in inner.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Any:
        """Change arguments of the constructor, or by outer__inner=... those of an estimator inside; self."""
        names = self._names()
        for key in params:
            name = key.partition("__")[0]
            if name not in names:
                raise ValueError(f"{self._op}: parameter {name!r} is unknown; "
                                 f"needs one of {', '.join(names)}")
        for key in sorted(params, key=lambda k: "__" in k):        # the outer ones first
            name, _, rest = key.partition("__")
            if not rest:
                setattr(self, name, params[key])
                continue
            places = sorted(_inside(name, getattr(self, name)), key=lambda pair: -len(pair[0]))
            place, inner = next(((p, e) for p, e in places if key.startswith(f"{p}__")), ("", None))
            if inner is None:
                raise ValueError(f"{self._op}: parameter {key!r} is unknown; "
                                 f"{name} is {getattr(self, name)!r}")
            inner.set_params(**{key[len(place) + 2:]: params[key]})
        return self

    def __repr__(self) -> str:
        """The constructor call, with what differs from the defaults."""
        defaults = inspect.signature(type(self)).parameters
        given = self.get_params(deep=False).items()
        changed = [f"{k}={v!r}" for k, v in given if repr(v) != repr(defaults[k].default)]
        return f"{self._op}({', '.join(changed)})"

    @property
    def _op(self) -> str:
        return type(self).__name__

    # ---- what fit and predict are given
    def _samples(self, X: Any, *, fitting: bool = False) -> Tensor:
        """X as a floating tensor (n, p) of finite numbers; once fitted, p has to be the learned one."""
        if not fitting:
            self._need_fit()
        x = _floating(self._op, "X", X)
        self._shape(x.shape, fitting)
        _finite(self._op, "X", x)
        return x

    def _shape(self, shape: tuple[int, ...], fitting: bool) -> None:
        """Samples and features are there, and as many features as were learned."""
        if len(shape) != 2:
            # scikit-learn's tests look for the words of the hint
            raise cr.ShapeError(f"{self._op}: X needs two axes (samples, features), got shape {shape}. "
                                "Reshape your data: X[:, None] for one feature, X[None] for one sample")
        for size, what in zip(shape, ("sample(s)", "feature(s)"), strict=True):
            if size == 0:
                raise cr.ShapeError(f"{self._op}: X has 0 {what} (shape={shape}) while a minimum of 1 "
                                    "is required.")
        if not fitting and shape[1] != self.n_features_in_:
            raise cr.ShapeError(f"{self._op}: X has {shape[1]} features, but {self._op} is expecting "
                                f"{self.n_features_in_} features as input")

    def _targets(self, y: Any, x: Tensor) -> Tensor:
        """y as numbers of X's type: (n,), or (n, K) where several outputs are learned at once."""
        t = _floating(self._op, "y", self._given(y)).astype(x.dtype)
        if not self.multi_output:
            t = self._column(t)
        if t.ndim not in (1, 2):
            raise cr.ShapeError(f"{self._op}: y needs shape (n,) or (n, K), got {t.shape}")
        self._one_length(x, t)
        _finite(self._op, "y", t)
        return t

    def _labels(self, y: Any, x: Tensor) -> tuple[np.ndarray, Tensor]:
        """(classes in order, the class number of each sample, int64) of labels of any type."""
        labels = self._column(np.asarray(self._given(y)))
        if labels.dtype.kind == "f":
            _finite(self._op, "y", cr.asarray(labels.astype(np.float64)))
            if np.any(labels != np.round(labels)):
                raise ValueError(f"{self._op}: Unknown label type: continuous; y needs classes, "
                                 "such as integers")
        self._one_length(x, labels)
        try:
            classes, numbers = np.unique(labels, return_inverse=True)
        except TypeError:
            raise ValueError(f"{self._op}: Unknown label type: y holds labels of several types") from None
        if len(classes) < 2:
            raise ValueError(f"{self._op}: y holds 1 class ({classes[0]}), needs at least 2")
        return classes, cr.asarray(numbers.reshape(-1).astype(np.int64)).to(x.device)

    def _given(self, y: Any) -> Any:
        if y is None:
            raise ValueError(f"{self._op}: requires y to be passed, but the target y is None")
        return y

    def _column(self, y: Any) -> Any:
        """y (n, 1) as (n,), with scikit-learn's warning."""
        if y.ndim == 2 and y.shape[1] == 1:
            warnings.warn(f"A column-vector y was passed when a 1d array was expected: {self._op} takes "
                          "y[:, 0]", _of_sklearn("DataConversionWarning", UserWarning), stacklevel=4)
            return y[:, 0]
        if y.ndim != 1:
            raise cr.ShapeError(f"{self._op}: y should be a 1d array, got shape {tuple(y.shape)}")
        return y

    def _one_length(self, x: Tensor, y: Any) -> None:
        if y.shape[0] != x.shape[0]:
            raise cr.ShapeError(f"{self._op}: X has {x.shape[0]} samples and y {y.shape[0]}; needs as many")

    # ---- what they leave
    def _learn(self, x: Any, **learned: Any) -> Any:
        """Keep what was learned from x, tensors as NumPy arrays, and p; the last line of each fit."""
        for name, value in {**learned, "n_features_in_": x.shape[1]}.items():
            setattr(self, name, value.to("cpu").numpy() if isinstance(value, Tensor) else value)
        return self

    def _need_fit(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise _of_sklearn("NotFittedError", NotFittedError)(f"{self._op}: is not fitted; call fit first")

    @staticmethod
    def _answer(y: Any, X: Any) -> Any:
        """A result for X as X's kind: a tensor for a tensor, else a NumPy array; texts are NumPy's."""
        if not isinstance(X, Tensor):
            return np.asarray(y)
        if isinstance(y, Tensor) or np.asarray(y).dtype.kind not in "biuf":
            return y
        return cr.asarray(y).to(X.device)

    # ---- what scikit-learn asks
    def __sklearn_is_fitted__(self) -> bool:
        return "n_features_in_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        """What the estimator takes and gives, in scikit-learn's words; only scikit-learn calls it."""
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags, TransformerTags
        supervised = self.kind in ("regressor", "classifier")
        return Tags(
            estimator_type=self.kind,
            target_tags=TargetTags(required=supervised, multi_output=self.multi_output),
            transformer_tags=TransformerTags(["float64", "float32"]) if hasattr(self, "transform") else None,
            classifier_tags=ClassifierTags() if self.kind == "classifier" else None,
            regressor_tags=RegressorTags() if self.kind == "regressor" else None)


class Regressor:
    """Mix into an Estimator whose `predict` gives numbers."""
    kind: str | None = "regressor"

    def score(self, X: Any, y: Any) -> float:
        """R² of the predictions: the share of variance explained, a mean over the outputs.   Book: §2.3"""
        predicted = np.asarray(self.predict(X))                  # type: ignore[attr-defined]
        y = np.asarray(y).reshape(predicted.shape)
        if y.ndim == 1:
            return cr.metrics.r2(predicted, y)
        return float(np.mean([cr.metrics.r2(p, t) for p, t in zip(predicted.T, y.T, strict=True)]))


class Classifier:
    """Mix into an Estimator whose `predict` gives classes."""
    kind: str | None = "classifier"

    def score(self, X: Any, y: Any) -> float:
        """Accuracy: the share of samples whose class is right.   Book: §2.2, (2.6)"""
        return cr.metrics.accuracy(np.asarray(self.predict(X)), np.asarray(y))   # type: ignore[attr-defined]


class Transformer:
    """Mix into an Estimator whose `transform` gives new features."""
    kind: str | None = "transformer"

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """transform(X) of what is learned from the same X."""
        return self.fit(X, y).transform(X)                       # type: ignore[attr-defined]


class Clusterer:
    """Mix into an Estimator that finds groups, `labels_`."""
    kind: str | None = "clusterer"

    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """The group of each sample that `fit` saw."""
        return self._answer(self.fit(X, y).labels_, X)           # type: ignore[attr-defined]


def _inside(name: str, value: Any) -> list[tuple[str, Any]]:
    """(place, estimator) of a parameter that is one, or a list of them."""
    if isinstance(value, (list, tuple)):
        return [pair for i, part in enumerate(value) for pair in _inside(f"{name}__{i}", part)]
    return [(name, value)] if hasattr(value, "get_params") and not isinstance(value, type) else []


def fresh(estimator: Any) -> Any:
    """A copy of the parameters of any estimator with get_params, ours or not, without what it learned."""
    def copied(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(map(copied, value))
        return fresh(value) if hasattr(value, "get_params") and not isinstance(value, type) else value
    if not hasattr(estimator, "get_params") or isinstance(estimator, type):
        raise TypeError(f"fresh: {estimator!r} is no estimator; needs an object with get_params and fit")
    return type(estimator)(**{k: copied(v) for k, v in estimator.get_params(deep=False).items()})


def array(op: str, name: str, x: Any) -> np.ndarray:
    """x as a NumPy array, unless it is sparse or complex."""
    if hasattr(x, "tocsr"):
        raise TypeError(f"{op}: {name} is a sparse matrix, needs a dense one; use {name}.toarray()")
    try:
        a = np.asarray(x)
    except ValueError:
        raise ValueError(f"{op}: {name} needs rows of one length") from None
    if a.dtype.kind == "c":
        raise ValueError(f"{op}: {name} is complex. Complex data not supported")
    return a


def _floating(op: str, name: str, x: Any) -> Tensor:
    """x as float32 or float64: the type of floats stays (narrow ones widen), all else becomes float64."""
    if isinstance(x, Tensor):
        if x.dtype in (cr.float32, cr.float64):
            return x
        return x.astype(cr.float32 if x.dtype.is_floating else cr.float64)
    a = array(op, name, x)
    try:
        a = a.astype(np.float32 if a.dtype in (np.float16, np.float32) else np.float64, copy=False)
    except ValueError as error:
        raise ValueError(f"{op}: {name} needs numbers: {error}") from None
    # a tensor shares the bytes of an array, and may not write where the array may not
    return cr.asarray(a if a.flags.writeable else a.copy())


def _finite(op: str, name: str, x: Tensor) -> None:
    if np.isfinite(cr.sum(x).item()):                        # no sum is finite if an element is not
        return
    good = np.isfinite(x.to("cpu").numpy()).reshape(x.shape[0], -1).all(axis=1)
    if not good.all():
        raise ValueError(f"{op}: {name} holds NaN or inf, first in row {int(np.argmin(good))}; needs finite "
                         "numbers")


def _of_sklearn(name: str, ours: type) -> Any:
    """Our exception or warning, also of scikit-learn's type when that is loaded, for those who catch it."""
    theirs = getattr(sys.modules.get("sklearn.exceptions"), name, None)
    if theirs is None or ours is UserWarning:
        return theirs or ours
    return type(name, (ours, theirs), {})
