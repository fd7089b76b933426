"""K-means clustering.   Book: §2.6"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

from .. import _core, check
from .._core import Tensor
from .estimator import Clusterer, Estimator

STARTS = ("k-means++", "random")


class Pass(NamedTuple):
    """What one pass over the points finds: (2.41), and what the means (2.40) and the loss (2.39) need."""
    labels: Tensor              # (n,) the nearest centre, the first of equally near ones
    distances: Tensor           # (n,) squared, to that centre
    sums: Tensor                # (K, p) of the points of each cluster, float64
    counts: Tensor              # (K,)
    changed: int                # labels that differ from the earlier ones


class Step(NamedTuple):
    """Centres J (K, p), the labels (n,) that they give, and the loss of both."""
    centres: np.ndarray
    labels: np.ndarray
    loss: float


def nearest(x: Tensor, centres: Tensor, earlier: Tensor | None = None) -> Pass:
    """c(x) = argmin_l ‖x - J_l‖ for all points in one pass.   Book: §2.6, (2.41)

    Shapes  x (n, p), centres (K, p), earlier labels (n,)
    Cost    n K p multiply-adds
    """
    if earlier is None:
        earlier = cr.full((x.shape[0],), -1, dtype=cr.int64, device=x.device)
    labels, distances, sums, counts, changed = _core._nearest_centres(x, centres, earlier)
    return Pass(labels, distances, sums, counts, changed.item())


def composed(x: Tensor, centres: Tensor, earlier: Tensor) -> Pass:
    """`nearest` in ops, on any device: its definition."""
    K = centres.shape[0]
    squares = cr.stack([cr.sum(cr.square(x - c), axis=1) for c in centres], axis=1)      # (n, K)
    labels, distances = cr.argmin(squares, axis=1), cr.min(squares, axis=1)
    sums = cr.segment_sum(x.astype(cr.float64), labels, K)
    counts = cr.segment_sum(cr.ones_like(labels), labels, K)
    return Pass(labels, distances, sums, counts, cr.count_nonzero(labels != earlier).item())


def clustering_loss(X: Any, centres: Any, labels: Any) -> float:
    """Σ_l Σ_{x in C_l} ‖x - J_l‖².   Book: §2.6, (2.39)

    Shapes  X (n, p), centres (K, p), labels (n,) integers
    """
    x, J = (cr.asarray(a).astype(cr.float64) for a in (X, centres))
    return cr.sum(cr.square(x - J[cr.asarray(labels)])).item()


class KMeans(Clusterer, Estimator):
    """K groups of points, each about its mean: label, take means, relabel, until no label changes.

    Book: §2.6, (2.39) to (2.41)

    n_clusters K
    init       "k-means++": each further centre is a sample, drawn with a probability in proportion to its
               squared distance from the nearest centre so far (D. Arthur and S. Vassilvitskii, 2007);
               "random": K samples; or the centres themselves, (K, p)
    n_init     so many random starts, of which the least loss is kept
    max_iter   iterations, at most; the first takes the start for means, and the last changes no label
    history    keep each iteration in history_, a list of Step
    Learned    cluster_centers_ (K, p), labels_ (n,), inertia_ the loss (2.39), n_iter_
    Errors     ValueError for K > n
    Differs    the book leaves an empty cluster open: its centre moves to the point that is farthest from its
               own centre and not alone there, which lowers the loss; among fewer than K different points a
               cluster stays empty, and its centre where it was
    """
    cluster_centers_: np.ndarray
    labels_: np.ndarray
    inertia_: float
    n_iter_: int
    history_: list[Step]

    def __init__(self, n_clusters: int = 8, *, init: Any = "k-means++", n_init: int = 1, max_iter: int = 300,
                 history: bool = False, seed: int = 0) -> None:
        self.n_clusters, self.init, self.n_init, self.max_iter = n_clusters, init, n_init, max_iter
        self.history, self.seed = history, seed

    def fit(self, X: Any, y: Any = None) -> KMeans:
        """Find the groups of samples X (n, p); y is not looked at."""
        check.positive(self._op, n_clusters=self.n_clusters, n_init=self.n_init, max_iter=self.max_iter)
        x = self._samples(X, fitting=True)
        if self.n_clusters > x.shape[0]:
            raise ValueError(f"KMeans: n_clusters={self.n_clusters} needs as many samples, "
                             f"got n_samples={x.shape[0]}")
        rng, best = cr.Rng(self.seed), None
        for _ in range(self.n_init if isinstance(self.init, str) else 1):
            found = self._run(x, self._start(x, rng))
            best = found if best is None or found["inertia_"] < best["inertia_"] else best
        assert best is not None
        return self._learn(x, **best)

    def predict(self, X: Any) -> Any:
        """The nearest centre of each sample, (n,) int64."""
        x = self._samples(X)
        return self._answer(nearest(x, self._centres(x)).labels, X)

    def score(self, X: Any, y: Any = None) -> float:
        """-Σ ‖x - J_c(x)‖²: the larger the better."""
        x = self._samples(X)
        return -_total(nearest(x, self._centres(x)))

    def _centres(self, x: Tensor) -> Tensor:
        return cr.asarray(self.cluster_centers_).astype(x.dtype).to(x.device)

    def _start(self, x: Tensor, rng: Any) -> Tensor:
        if not isinstance(self.init, str):
            centres = cr.asarray(self.init).astype(x.dtype).to(x.device)
            if centres.shape != (self.n_clusters, x.shape[1]):
                raise cr.ShapeError(f"KMeans: init {centres.shape} needs to be (n_clusters, n_features), "
                                    f"here ({self.n_clusters}, {x.shape[1]})")
            if not cr.all(cr.isfinite(centres)).item():
                raise ValueError("KMeans: init holds NaN or inf, needs finite numbers")
            return centres
        check.one_of(self._op, "init", self.init, STARTS)
        if self.init == "random":
            return x[cr.permutation(x.shape[0], rng=rng)[:self.n_clusters].to(x.device)]
        return _spread(x, self.n_clusters, rng)

    def _run(self, x: Tensor, centres: Tensor) -> dict[str, Any]:
        """From a start to where no label changes."""
        now, count = nearest(x, centres), 1
        steps = [_step(centres, now)] if self.history else []
        while now.changed and count < self.max_iter:
            centres = means(x, centres, now)                              # (2.40)
            now = nearest(x, centres, now.labels)                         # (2.41)
            count += 1
            if self.history:
                steps.append(_step(centres, now))
        found = {"cluster_centers_": centres, "labels_": now.labels, "inertia_": _total(now),
                 "n_iter_": count}
        return {**found, "history_": steps} if self.history else found


def _step(centres: Tensor, now: Pass) -> Step:
    return Step(centres.to("cpu").numpy(), now.labels.to("cpu").numpy(), _total(now))


def _total(now: Pass) -> float:
    return cr.sum(now.distances.astype(cr.float64)).item()


def means(x: Tensor, centres: Tensor, now: Pass) -> Tensor:
    """J_l = (1 / |C_l|) Σ x over C_l; empty clusters are given a point.   Book: §2.6, (2.40)"""
    sums, counts = now.sums, now.counts.astype(cr.float64)
    empty = [k for k, count in enumerate(now.counts.to("cpu").numpy()) if count == 0]
    if empty:
        sums, counts = _refilled(x, now, empty)
    counts = counts[:, None]
    at = cr.where(counts > 0, sums / cr.maximum(counts, 1.0), centres.astype(cr.float64))
    return at.astype(x.dtype)


def _refilled(x: Tensor, now: Pass, empty: list[int]) -> tuple[Tensor, Tensor]:
    """Sums and counts after the farthest points, but no cluster's last one, have moved to empty clusters."""
    sums, counts = (a.to("cpu").numpy().copy() for a in (now.sums, now.counts))
    most = min(x.shape[0], len(empty) + counts.size)       # a cluster keeps at most one from moving
    squares, rows = (t.to("cpu").numpy() for t in cr.topk(now.distances, most))
    labels = now.labels[cr.asarray(rows).to(x.device)].to("cpu").numpy()
    for square, row, old in zip(squares, rows, labels, strict=True):
        if not empty or square == 0:
            break
        if counts[old] > 1:
            point, new = x[int(row)].to("cpu").numpy(), empty.pop(0)
            sums[old] -= point
            sums[new] += point
            counts[old] -= 1
            counts[new] += 1
    return cr.asarray(sums).to(x.device), cr.asarray(counts.astype(np.float64)).to(x.device)


def _spread(x: Tensor, K: int, rng: Any) -> Tensor:
    """Centres by k-means++."""
    n = x.shape[0]
    rows = [cr.randint(n, rng=rng).item()]
    squares = nearest(x, x[rows[0]][None]).distances
    for _ in range(K - 1):
        heights = cr.cumsum(squares.astype(cr.float64))
        total = heights[-1].item()
        if total > 0:
            u = cr.uniform((1,), rng=rng, dtype=cr.float64, device=x.device) * total
            row = min(cr.searchsorted(heights, u, side="right").item(), n - 1)
        else:
            row = cr.randint(n, rng=rng).item()               # all points are centres already
        rows.append(row)
        squares = cr.minimum(squares, nearest(x, x[row][None]).distances)
    return x[cr.asarray(np.asarray(rows)).to(x.device)]


class Elbow(NamedTuple):
    """The numbers of clusters, the least loss found for each, and where the curve bends most."""
    n_clusters: list[int]
    losses: np.ndarray
    knee: int


def elbow(X: Any, n_clusters: Iterable[int] = range(1, 11), *, standardize: bool = True, n_init: int = 10,
          seed: int = 0) -> Elbow:
    """The loss (2.39) against K, for choosing K where it stops to fall fast.   Book: §2.6

    Besides n_init random starts one begins with the centres of the K before and the farthest points, so that
    the curve never rises. The knee is the K farthest below the straight line between the ends of the curve.
    Shapes  X (n, p), its features standardised first unless told otherwise
    Errors  ValueError unless the K ascend
    """
    Ks = [int(K) for K in n_clusters]
    if not Ks or Ks != sorted(set(Ks)):
        raise ValueError(f"elbow: n_clusters must be ascending numbers, got {Ks}")
    x = KMeans()._samples(X, fitting=True)
    if standardize:
        deviation = cr.std(x, axis=0)
        x = (x - cr.mean(x, axis=0)) / cr.where(deviation > 0, deviation, 1.0)
    losses: list[float] = []
    before: Tensor | None = None
    for K in Ks:
        found = KMeans(K, n_init=n_init, seed=seed).fit(x)
        if before is not None:
            extended = KMeans(K, init=_more(x, before, K)).fit(x)
            found = extended if extended.inertia_ < found.inertia_ else found
        before = cr.asarray(found.cluster_centers_).to(x.device)
        losses.append(found.inertia_)
    return Elbow(Ks, np.asarray(losses), _knee(Ks, losses))


def _more(x: Tensor, centres: Tensor, K: int) -> Tensor:
    """The centres, and one by one the points that are farthest from all of them, K in all."""
    while centres.shape[0] < K:
        far = cr.argmax(nearest(x, centres).distances).item()
        centres = cr.concat([centres, x[far][None]], axis=0)
    return centres


def _knee(Ks: list[int], losses: list[float]) -> int:
    line = np.interp(Ks, [Ks[0], Ks[-1]], [losses[0], losses[-1]])
    return Ks[int(np.argmax(line - np.asarray(losses)))]
