"""Codes in place of samples: for supervised models on one side or both, and for clusters.   Book: §3.5"""
from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .. import check
from .._core import Tensor
from ..losses import reconstruction
from .autoencoder import Activation, Autoencoder
from .estimator import Classifier, Estimator, Regressor, Transformer, fresh
from .linear import LinearRegression


class AutoencoderCodes(Transformer, Estimator):
    """x -> x̃, the m numbers in the middle of an autoencoder trained on the same samples.   Book: §3.5

    m, hidden, activation, code, output   sizes and activations as those of Autoencoder; hidden (50,) has
            layers p, 50, m, 50, p
    epochs, batch_size, alpha, seed       of the training by ADAM
    Learned state_: {name: weights}; loss_: mean ‖x - x̂‖² of each epoch
    Shapes  X (n, p) -> (n, m)
    """
    state_: dict[str, np.ndarray]
    loss_: list[float]

    def __init__(self, m: int = 2, *, hidden: tuple[int, ...] = (), activation: Activation = "tanh",
                 code: Activation = "tanh", output: Activation = "identity", epochs: int = 10,
                 batch_size: int = 64, alpha: float = 1e-3, seed: int = 0) -> None:
        self.m, self.hidden, self.activation, self.code, self.output = m, hidden, activation, code, output
        self.epochs, self.batch_size, self.alpha, self.seed = epochs, batch_size, alpha, seed

    def fit(self, X: Any, y: Any = None) -> AutoencoderCodes:
        """Train the autoencoder on X."""
        check.positive(self._op, m=self.m, epochs=self.epochs, batch_size=self.batch_size)
        x = self._samples(X, fitting=True)
        rng = cr.Rng(self.seed)
        net = self._net(x.shape[1], rng).to(x.device, dtype=x.dtype)
        history = cr.train.fit(net, cr.data.Dataset(x, x), loss=reconstruction, epochs=self.epochs,
                               batch_size=self.batch_size, optimizer=cr.optim.Adam(net, self.alpha), rng=rng,
                               metrics={}, progress=False)
        state = {name: value.to("cpu").numpy() for name, value in net.state_dict().items()}
        return self._learn(x, state_=state, loss_=history.column("train_loss"))

    def transform(self, X: Any) -> Any:
        """The codes of samples, (n, m)."""
        x = self._samples(X)
        return self._answer(self.network(x).encode(x), X)

    def inverse_transform(self, X: Any) -> Any:
        """The reconstructions of codes, (n, p)."""
        self._need_fit()
        codes = X if isinstance(X, Tensor) else cr.asarray(np.array(X, self._dtype()))
        return self._answer(self.network(codes).decode(codes), X)

    def network(self, like: Tensor | None = None) -> Autoencoder:
        """The trained autoencoder; with the type and device of a tensor."""
        self._need_fit()
        net = self._net(self.n_features_in_, cr.Rng(0))
        kind = cr.asarray(np.empty(0, self._dtype())) if like is None else like
        net.to(kind.device, dtype=kind.dtype).load_state_dict(self.state_)
        return net

    def _net(self, p: int, rng: Any) -> Autoencoder:
        return Autoencoder(p, *self.hidden, self.m, rng=rng, hidden=self.activation, code=self.code,
                           output=self.output)

    def _dtype(self) -> np.dtype:
        return next(iter(self.state_.values())).dtype


class CodedModel(Estimator):
    """x -> x̃ -> model -> ŷ: a supervised model on codes; with `target_codec` also y is coded.   Book: §3.5

    In use: the encoder of x, the model, and the decoder of y if y is coded.

    codec         learns x: has fit, transform; AutoencoderCodes() if None
    model         learns codes: has fit, predict; LinearRegression() if None
    target_codec  learns y (n, q): has fit, transform, inverse_transform; y itself is learned if None
    Learned codec_, model_, target_codec_
    """
    multi_output = True
    codec_: Any
    model_: Any
    target_codec_: Any

    def __init__(self, codec: Any = None, model: Any = None, *, target_codec: Any = None) -> None:
        self.codec, self.model, self.target_codec = codec, model, target_codec

    @property
    def kind(self) -> str | None:                                # type: ignore[override]
        """What the model is: "regressor" or "classifier"."""
        return "regressor" if self.model is None else getattr(self.model, "kind", None)

    def fit(self, X: Any, y: Any) -> CodedModel:
        """Learn the codes of X, those of y, then the model between them."""
        x = self._samples(X, fitting=True)
        y = self._given(y) if self.kind == "classifier" else self._targets(y, x)
        codec, model = fresh(self.codec or AutoencoderCodes()), fresh(self.model or LinearRegression())
        target = None if self.target_codec is None else fresh(self.target_codec)
        codes = codec.fit(x).transform(x)
        model.fit(codes, y if target is None else target.fit(y).transform(y))
        return self._learn(x, codec_=codec, model_=model, target_codec_=target)

    def predict(self, X: Any) -> Any:
        """ŷ of new samples."""
        x = self._samples(X)
        answer = self.model_.predict(self.codec_.transform(x))
        if self.target_codec_ is not None:
            answer = self.target_codec_.inverse_transform(answer)
        return self._answer(answer, X)

    def score(self, X: Any, y: Any) -> float:
        """The model's own score: accuracy of a classifier, R² of a regressor."""
        mixin: Any = Classifier if self.kind == "classifier" else Regressor
        return mixin.score(self, X, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        for kind in (tags.regressor_tags, tags.classifier_tags):
            if kind is not None:
                kind.poor_score = True                           # codes are learned without a look at y
        return tags
