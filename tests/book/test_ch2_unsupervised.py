"""Section 2.6: K-means, covariance, eigenvalues and singular values, principal components, low rank."""
import time

import chainrule as cr
import numpy as np
import pytest
from chainrule.models import PCA, KMeans, clustering_loss, elbow, kmeans

book = pytest.mark.book
RNG = np.random.default_rng(26)


def tensor(x):
    return cr.tensor(np.asarray(x, np.float64))


def blobs(n, centres, deviation, seed=0):
    """(points, true labels) about centres (K, p)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(centres), n)
    return centres[labels] + deviation * rng.normal(size=(n, centres.shape[1])), labels


FOUR = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [6.0, 6.0]])
TABLE = RNG.normal(size=(40, 5)) @ RNG.normal(size=(5, 5)) + [3.0, -1.0, 0.0, 10.0, 2.0]


# ---- K-means
def slow_kmeans(x, centres):
    """(2.41) and (2.40) in plain loops, for starts that leave no cluster empty."""
    labels, count = None, 0
    while True:
        new = []
        for point in x:
            squares = [sum((a - b) ** 2 for a, b in zip(point, c, strict=True)) for c in centres]
            new.append(min(range(len(centres)), key=lambda k: (squares[k], k)))
        count += 1
        if new == labels:
            return centres, labels, count
        labels = new
        centres = [np.mean([p for p, c in zip(x, labels, strict=True) if c == k], axis=0)
                   for k in range(len(centres))]


@book("2.6-kmeans")
@pytest.mark.parametrize("K", [1, 2, 3, 5])
def test_kmeans_goes_the_way_of_the_plain_loop_from_the_same_start(K):
    x, _ = blobs(70, FOUR, 1.5, seed=K)
    centres, labels, count = slow_kmeans(x, list(x[:K]))
    found = KMeans(K, init=x[:K]).fit(x)
    np.testing.assert_array_equal(found.labels_, labels)
    np.testing.assert_allclose(found.cluster_centers_, centres, rtol=1e-12)
    assert found.n_iter_ == count


@book("2.6-kmeans")
@pytest.mark.parametrize("seed", range(8))
def test_the_loss_never_rises_and_the_end_is_a_fixed_point(seed):
    x, _ = blobs(200, FOUR, 2.0, seed)
    found = KMeans(6, init="random", seed=seed, history=True).fit(x)
    losses = [step.loss for step in found.history_]
    assert all(b <= a * (1 + 1e-12) for a, b in zip(losses, losses[1:], strict=False))
    assert losses[-1] == found.inertia_ and len(losses) == found.n_iter_
    again = KMeans(6, init=found.cluster_centers_).fit(x)
    assert again.n_iter_ == 2
    np.testing.assert_array_equal(again.labels_, found.labels_)
    np.testing.assert_allclose(again.cluster_centers_, found.cluster_centers_, rtol=1e-12)
    np.testing.assert_array_equal(found.predict(x), found.labels_)


@book("2.6-kmeans")
@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_well_separated_groups_are_found(init):
    x, true = blobs(300, FOUR, 0.4)
    found = KMeans(4, init=init, n_init=10).fit(x)
    pairs = {(int(a), int(b)) for a, b in zip(true, found.labels_, strict=True)}
    assert len(pairs) == 4                                      # one label a group, one group a label
    assert found.score(x) == pytest.approx(-found.inertia_)


@book("2.6-kmeans")
def test_kmeans_is_scikit_learns_on_a_picture_of_409600_pixels():
    cluster = pytest.importorskip("sklearn.cluster")
    x = blobs(409_600, RNG.random((6, 3)), 0.12)[0].astype(np.float32)
    begin = time.perf_counter()
    ours = KMeans(6, init=x[:6], max_iter=9).fit(x)
    assert time.perf_counter() - begin < 10
    theirs = cluster.KMeans(6, init=x[:6], n_init=1, max_iter=8, tol=0).fit(x)
    assert np.mean(ours.labels_ != theirs.labels_) < 1e-5
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, atol=1e-5)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-5)


def test_of_equally_near_centres_the_first_takes_the_point():
    x = np.array([[0.0], [1.0], [2.0]])
    assert KMeans(2, init=[[0.0], [2.0]], max_iter=1, history=True).fit(x).history_[0].labels[1] == 0
    assert kmeans.nearest(tensor(x), tensor([[2.0], [0.0]])).labels[1].item() == 0


def test_an_empty_cluster_is_given_the_farthest_point_that_is_not_alone():
    x = np.array([[0.0], [1.0], [2.0], [9.0]])
    found = KMeans(3, init=[[1.0], [50.0], [60.0]], history=True).fit(x)
    assert sorted(np.bincount(found.labels_, minlength=3)) == [1, 1, 2]
    losses = [step.loss for step in found.history_]
    assert losses == sorted(losses, reverse=True) and found.inertia_ == pytest.approx(0.5)
    same = KMeans(3, init="random").fit(np.ones((5, 2)))          # one point: two clusters stay empty
    assert same.inertia_ == 0 and set(same.labels_) == {0}


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 3, 2), (1000, 3, 6), (4097, 1, 5), (300, 257, 4),
                                   (40, 600, 3), (9000, 5, 70), (0, 3, 2), (10, 0, 2)])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-5), ("float64", 1e-12)])
def test_the_kernel_agrees_with_its_definition_on_any_size(shape, dtype, tolerance):
    n, p, K = shape
    x, c = RNG.normal(size=(n, p)).astype(dtype), RNG.normal(size=(K, p)).astype(dtype)
    earlier = RNG.integers(0, K, n)
    squares = ((x[:, None].astype(np.float64) - c) ** 2).sum(-1)
    found = kmeans.nearest(cr.tensor(x), cr.tensor(c), cr.tensor(earlier))
    labels = found.labels.numpy()
    np.testing.assert_allclose(found.distances.numpy(), squares.min(1), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(squares[np.arange(n), labels], squares.min(1), rtol=tolerance, atol=tolerance)
    sums = np.zeros((K, p))
    np.add.at(sums, labels, x.astype(np.float64))
    np.testing.assert_allclose(found.sums.numpy(), sums, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(found.counts.numpy(), np.bincount(labels, minlength=K))
    assert found.changed == np.sum(labels != earlier)
    if n and p:
        plain = kmeans.composed(cr.tensor(x), cr.tensor(c), cr.tensor(earlier))
        np.testing.assert_allclose(plain.distances.numpy(), found.distances.numpy(), rtol=tolerance)
        assert (plain.labels.numpy() != labels).sum() <= 1   # equally near, but for rounding
        assert plain.counts.numpy().sum() == n and plain.sums.shape == (K, p)


def test_kmeans_does_not_depend_on_the_number_of_threads():
    x = cr.normal((30_001, 3), rng=cr.Rng(0))
    threads, found = cr.num_threads(), []
    try:
        for n in (1, 3):
            cr.set_num_threads(n)
            fit = KMeans(5, seed=1, max_iter=20).fit(x)
            found.append((fit.cluster_centers_.tobytes(), fit.labels_.tobytes(), fit.inertia_))
    finally:
        cr.set_num_threads(threads)
    assert found[0] == found[1]


def test_what_kmeans_cannot_do_it_says_in_one_line():
    x, infinite = np.eye(3), np.full((3, 3), np.inf)
    for estimator, X, text in (
            (KMeans(4), x, r"KMeans: n_clusters=4 needs as many samples, got n_samples=3"),
            (KMeans(0), x, r"KMeans: n_clusters must be a positive integer, got 0"),
            (KMeans(2), np.full((3, 3), np.nan), r"KMeans: X holds NaN or inf, first in row 0; .*"),
            (KMeans(2, init="best"), x, r"KMeans: init 'best' is unknown; needs one of k-means\+\+, random"),
            (KMeans(2, init=x), x, r"KMeans: init \(3, 3\) needs to be \(n_clusters, n_features\), "
                                   r"here \(2, 3\)"),
            (KMeans(3, init=infinite), x, r"KMeans: init holds NaN or inf, needs finite numbers")):
        with pytest.raises(ValueError, match=f"^{text}$"):
            estimator.fit(X)
        assert not hasattr(estimator, "labels_")
    ints = cr.zeros(3, dtype=cr.int64)
    points = cr.ones((3, 2))
    for c, e, text in ((cr.ones((2, 3)), ints, "equally many columns"),
                       (cr.ones((0, 2)), ints, "at least one centre"),
                       (cr.ones((2, 2)), ints[:2], "need one a row"),
                       (cr.ones((2, 2), dtype=cr.float64), ints, "both float32 or both float64"),
                       (cr.ones((2, 2)), cr.ones(3), "need to be int64")):
        with pytest.raises(ValueError, match=f"^nearest_centres: .*{text}"):
            kmeans.nearest(points, c, e)


@book("2.6-clustering-loss")
def test_the_clustering_loss_is_its_definition_with_both_ends():
    x = TABLE
    found = KMeans(3, seed=2).fit(x)
    plain = sum(np.sum((x[found.labels_ == k] - found.cluster_centers_[k]) ** 2) for k in range(3))
    assert clustering_loss(x, found.cluster_centers_, found.labels_) == pytest.approx(plain, rel=1e-12)
    assert found.inertia_ == pytest.approx(plain, rel=1e-12)
    assert KMeans(len(x), init="random").fit(x).inertia_ == 0
    assert KMeans(1).fit(x).inertia_ == pytest.approx(len(x) * np.trace(np.cov(x.T, bias=True)), rel=1e-12)


@book("2.6-elbow")
@pytest.mark.parametrize("K", [3, 4])
def test_the_elbow_never_rises_and_bends_at_the_true_number(K):
    x, _ = blobs(400, FOUR[:K] * [1.0, 50.0], [0.4, 20.0], seed=K)  # of different scales
    curve = elbow(x, range(1, 9))
    assert (np.diff(curve.losses) <= 0).all() and curve.knee == K
    z = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(curve.losses[0], z.size, rtol=1e-12)   # K = 1: n trace S, and each s = 1
    assert curve.losses[K - 1] == pytest.approx(KMeans(K, n_init=10).fit(z).inertia_, rel=1e-9)
    with pytest.raises(ValueError, match="elbow: n_clusters must be ascending numbers"):
        elbow(x, [3, 2])


# ---- the data matrix and its covariance
@book("2.6-data-matrix")
def test_the_centred_data_matrix_has_columns_of_mean_0():
    x = tensor(TABLE)
    centred = x - cr.mean(x, axis=0)                              # 1 x̄ᵀ by broadcasting
    assert centred.shape == (40, 5)
    np.testing.assert_allclose(cr.mean(centred, axis=0).numpy(), np.zeros(5), atol=1e-12)
    ones = cr.ones((40, 1), dtype=cr.float64)
    np.testing.assert_array_equal(centred.numpy(), (x - ones @ cr.mean(x, axis=0)[None]).numpy())


@book("2.6-covariance")
@pytest.mark.parametrize("p", [1, 5, 131])
def test_covariance_is_numpys_symmetric_and_positive_semidefinite(p):
    x = RNG.normal(size=(60, p)) * 3 + 100
    S = cr.covariance(tensor(x)).numpy()
    np.testing.assert_allclose(S, np.cov(x.T, bias=True).reshape(p, p), rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(S, S.T)
    np.testing.assert_allclose(np.diag(S), x.var(axis=0), rtol=1e-10)
    assert np.linalg.eigvalsh(S).min() > -1e-10 * np.linalg.norm(S)


@book("2.6-correlation")
def test_correlation_is_numpys_and_the_covariance_of_standardised_data():
    x = tensor(TABLE)
    R = cr.correlation(x).numpy()
    np.testing.assert_allclose(R, np.corrcoef(TABLE.T), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(R, cr.covariance((x - x.mean(0)) / cr.std(x, axis=0)).numpy(), atol=1e-12)
    np.testing.assert_allclose(np.diag(R), 1, rtol=1e-14)
    S = cr.covariance(x).numpy()
    np.testing.assert_allclose(R, S / np.sqrt(np.outer(np.diag(S), np.diag(S))), atol=1e-12)


# ---- factors
@book("2.6-sym-eigen")
@pytest.mark.parametrize("p", [1, 2, 30, 784])
def test_symmetric_matrices_are_v_lambda_v_transposed(p):
    S = cr.covariance(cr.normal((p + 50, p), rng=cr.Rng(p), dtype=cr.float64))
    values, V = cr.linalg.eigh(S)
    values, V = cr.flip(values), cr.flip(V, axis=1)                # descending, as the book has them
    S, values, V = (t.numpy() for t in (S, values, V))
    assert (np.diff(values) <= 0).all()
    assert np.linalg.norm(S @ V - V * values) < 1e-9 * np.linalg.norm(S)
    np.testing.assert_allclose(V.T @ V, np.eye(p), atol=1e-12)
    np.testing.assert_allclose(V * values @ V.T, S, atol=1e-12 * max(1, p))
    np.testing.assert_allclose(values, np.linalg.eigvalsh(S)[::-1], rtol=1e-9)


MATRICES = {"tall": RNG.normal(size=(40, 7)), "wide": RNG.normal(size=(6, 23)),
            "square": RNG.normal(size=(9, 9)),
            "rank 2": RNG.normal(size=(12, 2)) @ RNG.normal(size=(2, 8)), "one row": RNG.normal(size=(1, 5))}


@book("2.6-svd")
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("full", [False, True])
def test_every_matrix_is_u_delta_v_transposed(name, full):
    a = MATRICES[name]
    k, scale = min(a.shape), np.linalg.norm(a)
    U, s, Vh = (t.numpy() for t in cr.linalg.svd(tensor(a), full_matrices=full))
    assert U.shape == (a.shape[0], a.shape[0] if full else k)
    assert Vh.shape == (a.shape[1] if full else k, a.shape[1])
    np.testing.assert_allclose(U[:, :k] * s @ Vh[:k], a, atol=1e-10 * scale)
    np.testing.assert_allclose(U.T @ U, np.eye(U.shape[1]), atol=1e-12)
    np.testing.assert_allclose(Vh @ Vh.T, np.eye(Vh.shape[0]), atol=1e-12)
    assert (np.diff(s) <= 0).all() and (s >= 0).all()
    np.testing.assert_allclose(s, np.linalg.svd(a, compute_uv=False), atol=1e-12 * scale)
    assert (name == "rank 2") == (s[-1] < 1e-12 * s[0])


# ---- principal components
@book("2.6-pca")
@pytest.mark.parametrize("shape", [(40, 5), (5, 9)])
def test_components_are_eigenvectors_and_scores_are_uncorrelated(shape):
    x = RNG.normal(size=shape) @ RNG.normal(size=(shape[1],) * 2) + 4
    S = np.cov(x.T, bias=True)
    total = np.trace(S)
    m = min(*shape, 4)
    for solver in ("eigen", "svd", "auto"):
        pca = PCA(m, solver=solver)
        scores = pca.fit_transform(x)
        V, values = pca.components_.T, pca.explained_variance_
        assert V.shape == (shape[1], m) and scores.shape == (shape[0], m)
        np.testing.assert_allclose(S @ V, V * values, atol=1e-8 * total)             # (2.45)
        np.testing.assert_allclose(scores, (x - x.mean(0)) @ V, atol=1e-10 * total)   # (2.44)
        np.testing.assert_allclose(np.cov(scores.T, bias=True), np.diag(values), atol=1e-8 * total)
        assert (np.diff(values) <= 0).all() and (values >= 0).all()
        np.testing.assert_allclose(pca.explained_variance_ratio_, values / total, rtol=1e-8)
        assert (V[np.abs(V).argmax(0), range(m)] > 0).all()                          # the rule of signs


@book("2.6-pca")
def test_all_components_give_the_data_back_and_both_routes_agree():
    x = RNG.normal(size=(50, 6)) @ RNG.normal(size=(6, 6)) + 2
    eigen, svd = PCA(solver="eigen").fit(x), PCA(solver="svd").fit(x)
    for pca in (eigen, svd):
        np.testing.assert_allclose(pca.inverse_transform(pca.transform(x)), x, atol=1e-10)
    np.testing.assert_allclose(eigen.components_, svd.components_, atol=1e-8)
    np.testing.assert_allclose(eigen.explained_variance_, svd.explained_variance_, atol=1e-8)
    few = PCA(2).fit(x)
    error = np.sum((few.inverse_transform(few.transform(x)) - x) ** 2) / len(x)
    assert error == pytest.approx(eigen.explained_variance_[2:].sum(), rel=1e-8)


def test_blocks_of_rows_give_the_components_of_the_whole(monkeypatch):
    x = RNG.normal(size=(2500, 3)) @ RNG.normal(size=(3, 3)) + 100
    whole = PCA(solver="svd").fit(x)
    monkeypatch.setattr("chainrule.models.pca.FOR_PRODUCTS", 1)
    monkeypatch.setattr("chainrule.models.pca.FOR_SCORES", 1)      # blocks of 1024 rows, the least there is
    parts = PCA()
    scores = parts.fit_transform(x)
    np.testing.assert_allclose(parts.components_, whole.components_, atol=1e-10)
    np.testing.assert_allclose(parts.explained_variance_, whole.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(scores, (x - x.mean(0)) @ whole.components_.T, atol=1e-8)


def test_few_components_of_many_features_are_the_first_of_all():
    x = cr.normal((300, 60), rng=cr.Rng(9), dtype=cr.float64) * cr.arange(1, 61, dtype=cr.float64)
    few, all_of_them = PCA(4).fit(x), PCA().fit(x)                 # another routine finds few
    np.testing.assert_allclose(few.components_, all_of_them.components_[:4], atol=1e-9)
    np.testing.assert_allclose(few.explained_variance_, all_of_them.explained_variance_[:4], rtol=1e-10)
    np.testing.assert_allclose(few.explained_variance_ratio_, all_of_them.explained_variance_ratio_[:4])


def test_components_are_scikit_learns():
    decomposition = pytest.importorskip("sklearn.decomposition")
    ours, theirs = PCA(3).fit(TABLE), decomposition.PCA(3).fit(TABLE)
    np.testing.assert_allclose(np.abs(ours.components_), np.abs(theirs.components_), atol=1e-10)
    np.testing.assert_allclose(ours.explained_variance_ * 40 / 39, theirs.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(ours.explained_variance_ratio_, theirs.explained_variance_ratio_, rtol=1e-10)
    np.testing.assert_allclose(ours.singular_values_, theirs.singular_values_, rtol=1e-10)


def test_what_pca_cannot_do_it_says_in_one_line():
    x = RNG.normal(size=(6, 3))
    for estimator, text in (
            (PCA(4), r"PCA: n_components=4 needs to be at most min\(n_samples, n_features\), here "
                     r"n_samples=6 and n_features=3"),
            (PCA(0), r"PCA: n_components must be a positive integer, got 0"),
            (PCA(1, solver="fast"), r"PCA: solver 'fast' is unknown; needs one of auto, eigen, svd")):
        with pytest.raises(ValueError, match=f"^{text}$"):
            estimator.fit(x)
    with pytest.raises(cr.ShapeError, match=r"inverse_transform needs scores \(n, 2\), got shape \(6, 3\)"):
        PCA(2).fit(x).inverse_transform(x)
    flat = PCA().fit(np.ones((4, 2)))                              # no variance at all: no NaN
    assert not flat.explained_variance_ratio_.any() and np.isfinite(flat.components_).all()


@book("2.6-pca-variational")
def test_the_first_component_has_the_most_variance_and_the_next_the_most_of_the_rest():
    S = cr.covariance(tensor(TABLE))
    pca = PCA().fit(TABLE)
    values, V = pca.explained_variance_, pca.components_.T
    u = RNG.normal(size=(5, 2000))
    u /= np.linalg.norm(u, axis=0)
    assert np.einsum("in,ij,jn->n", u, S.numpy(), u).max() <= values[0] * (1 + 1e-12)
    assert (V[:, 0] @ S.numpy() @ V[:, 0]) == pytest.approx(values[0], rel=1e-12)
    v = tensor(RNG.normal(size=5))
    for _ in range(3000):                                         # gradient ascent on the sphere ‖v‖ = 1
        v = v + 0.5 / values[0] * cr.grad(lambda v: v @ S @ v)(v)
        v = v / cr.norm(v)
    np.testing.assert_allclose(np.abs(v.numpy()), np.abs(V[:, 0]), atol=1e-6)
    rest = S - values[0] * cr.outer(v, v)                          # deflation: what v cannot explain
    w = tensor(RNG.normal(size=5))
    for _ in range(3000):                                         # power iteration
        w = rest @ w / cr.norm(rest @ w)
    np.testing.assert_allclose(np.abs(w.numpy()), np.abs(V[:, 1]), atol=1e-6)
    u = u - np.outer(V[:, 0], V[:, 0] @ u)                        # (2.47): orthogonal to v₁
    u /= np.linalg.norm(u, axis=0)
    assert np.einsum("in,ij,jn->n", u, S.numpy(), u).max() <= values[1] * (1 + 1e-12)


@book("2.6-pca-svd-link")
def test_singular_vectors_of_the_data_are_the_components():
    x = tensor(TABLE)
    x = x - cr.mean(x, axis=0)
    n = x.shape[0]
    U, s, Vh = (t.numpy() for t in cr.linalg.svd(x, full_matrices=False))
    S = cr.covariance(x).numpy()
    np.testing.assert_allclose(Vh.T * s**2 @ Vh / n, S, atol=1e-9)                    # (2.49)
    pca = PCA(solver="eigen").fit(TABLE)
    np.testing.assert_allclose(pca.explained_variance_, s**2 / n, rtol=1e-9)
    np.testing.assert_allclose(pca.singular_values_, s, rtol=1e-9)
    np.testing.assert_allclose(x.numpy() @ Vh.T, U * s, atol=1e-9)                     # (2.51)
    np.testing.assert_allclose(np.abs(pca.transform(TABLE)), np.abs(U * s), atol=1e-9)


# ---- low rank
@book("2.6-low-rank")
@pytest.mark.parametrize("m", [0, 1, 3, 7])
def test_the_approximation_of_rank_m_leaves_the_tail_of_the_sum(m):
    a = MATRICES["tall"]
    U, s, Vh = np.linalg.svd(a, full_matrices=False)
    b = cr.linalg.low_rank(tensor(a), m)
    assert cr.linalg.matrix_rank(b).item() == m
    np.testing.assert_allclose(a - b.numpy(), U[:, m:] * s[m:] @ Vh[m:], atol=1e-12)
    factors = [t.numpy() for t in cr.linalg.svd(tensor(a), full_matrices=False)]
    kept = factors[0][:, :m], factors[1][:m], factors[2][:m]
    assert sum(t.size for t in kept) == m * (1 + 40 + 7)
    np.testing.assert_allclose(kept[0] * kept[1] @ kept[2], b.numpy(), atol=1e-12)


@book("2.6-eckart-young")
def test_nothing_of_rank_m_is_nearer():
    a, m = MATRICES["tall"], 3
    s = np.linalg.svd(a, compute_uv=False)
    least = cr.linalg.matrix_norm(tensor(a) - cr.linalg.low_rank(tensor(a), m)).item() ** 2
    assert least == pytest.approx(np.sum(s[m:] ** 2), rel=1e-9)
    left = RNG.normal(size=(1000, 40, m))
    # each with its best right factor, so that the candidates are good ones
    right = np.linalg.pinv(left) @ a
    assert np.square(a - left @ right).sum((1, 2)).min() >= least * (1 - 1e-12)
    near = np.linalg.svd(a, full_matrices=False)[0][:, :m] + 0.01 * left
    assert np.square(a - near @ (np.linalg.pinv(near) @ a)).sum((1, 2)).min() >= least * (1 - 1e-12)
    left = tensor(left[0])
    for _ in range(300):                                          # alternating least squares
        right = cr.linalg.lstsq(left, tensor(a))
        left = cr.linalg.lstsq(right.mT, tensor(a).mT).mT
    reached = cr.sum(cr.square(tensor(a) - left @ right)).item()
    assert least * (1 - 1e-12) <= reached <= least * (1 + 1e-6)


@book("2.6-frobenius-norm")
@pytest.mark.parametrize("name", MATRICES)
def test_the_frobenius_norm_is_that_of_the_singular_values(name):
    a = MATRICES[name]
    norm = cr.linalg.matrix_norm(tensor(a)).item()
    assert norm == pytest.approx(np.linalg.norm(a, "fro"), rel=1e-14)
    assert norm == pytest.approx(cr.norm(cr.linalg.svdvals(tensor(a))).item(), rel=1e-12)
