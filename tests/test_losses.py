"""Losses: the book's numbers, NumPy's formulas, scikit-learn and PyTorch."""
import chainrule as cr
import numpy as np
import pytest

losses = cr.losses


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def assert_close(a, b, rtol=1e-9, atol=1e-12):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol)


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def test_cross_entropy_has_the_books_numbers():
    """§5.3, (5.20): z = (1, 2, 3), class 3: C = 0.4076060 and slope softmax(z) - e_y."""
    z = cr.tensor([[1.0, 2.0, 3.0]], dtype=cr.float64)
    value, slope = cr.value_and_grad(losses.cross_entropy)(z, cr.tensor([2]))
    assert_close(value, 0.4076059644, 1e-9)
    assert_close(slope, [[0.0900306, 0.2447285, -0.3347590]], 1e-6)


def test_cross_entropy_is_finite_for_large_scores():
    value, slope = cr.value_and_grad(losses.cross_entropy)(cr.tensor([[1e4, 0.0, -1e4]]), cr.tensor([2]))
    assert value.item() == 2e4 and np.isfinite(slope).all()


OPTIONS = [
    {},
    {"reduction": "sum"},
    {"reduction": "none"},
    {"label_smoothing": 0.2},
    {"weights": True},
    {"weights": True, "label_smoothing": 0.1},
    {"ignore_index": 1},
    {"ignore_index": -100, "weights": True, "label_smoothing": 0.3},
    {"ignore_index": -100, "reduction": "none"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", ["classes", "probabilities"])
def test_cross_entropy_equals_pytorchs(options, kind):
    t = pytest.importorskip("torch")
    z, y = draw(8, 4), np.array([0, 3, 1, 1, 2, 0, 3, 2])
    if options.get("ignore_index") == -100:
        y[[2, 5]] = -100
    if kind == "probabilities":
        if "ignore_index" in options:
            pytest.skip("classes alone can be ignored")
        y = np.exp(log_softmax(draw(8, 4, seed=1)))
    weights = np.array([0.5, 1.0, 2.0, 0.1]) if options.get("weights") else None
    theirs = {name: value for name, value in options.items() if name != "weights"}
    z_t = t.tensor(z, requires_grad=True)
    value_t = t.nn.functional.cross_entropy(z_t, t.tensor(y), None if weights is None else t.tensor(weights),
                                            **theirs)
    value_t.sum().backward()
    ours = {**options, "weights": None if weights is None else cr.tensor(weights)}
    y = cr.tensor(y)
    assert_close(losses.cross_entropy(cr.tensor(z), y, **ours), value_t.detach())
    slope = cr.grad(lambda z: cr.sum(losses.cross_entropy(z, y, **ours)))(cr.tensor(z))
    assert_close(slope, z_t.grad)


def test_cross_entropy_and_nll_of_pictures_have_their_classes_on_axis_1():
    z, y = draw(2, 3, 4, 5), np.random.default_rng(0).integers(0, 3, (2, 4, 5))
    log_a = log_softmax(np.moveaxis(z, 1, -1))
    wanted = -np.take_along_axis(log_a, y[..., None], -1).mean()
    assert_close(losses.cross_entropy(cr.tensor(z), cr.tensor(y), axis=1), wanted)
    log_a = np.ascontiguousarray(np.moveaxis(log_a, -1, 1))
    assert_close(losses.nll(cr.tensor(log_a), cr.tensor(y), axis=1), wanted)


def test_small_label_types_are_classes_too():
    z, y = cr.tensor(draw(4, 3)), np.array([0, 2, 1, 1])
    wanted = losses.cross_entropy(z, cr.tensor(y))
    for dtype in (np.uint8, np.int32):
        assert_close(losses.cross_entropy(z, cr.tensor(y.astype(dtype))), wanted)


def test_wrong_targets_are_named():
    z = cr.tensor(draw(4, 3))
    with pytest.raises(cr.ShapeError, match=r"z \(4, 3\) and y \(3,\) need y.shape == z.shape\[:-1\]"):
        losses.cross_entropy(z, cr.tensor([0, 1, 2]))
    with pytest.raises(cr.ShapeError, match=r"cross_entropy: z \(4, 3\) and y \(4,\) need the same shape"):
        losses.cross_entropy(z, cr.ones((4,)))
    for wrong in (3, -1):
        with pytest.raises(IndexError):
            losses.cross_entropy(z, cr.tensor([0, 1, 2, wrong])).item()
    with pytest.raises(ValueError, match="mse: reduction 'avg' is unknown; needs one of mean, sum, none"):
        losses.mse(z, z, reduction="avg")
    with pytest.raises(cr.ShapeError, match=r"mse: prediction \(4, 3\) and y \(4, 1\) need the same shape"):
        losses.mse(z, cr.ones((4, 1)))


def test_binary_cross_entropy_equals_scikit_learns_and_its_form_for_logits():
    metrics = pytest.importorskip("sklearn.metrics")
    z, y = draw(50) * 3, (draw(50, seed=1) > 0).astype(float)
    a = 1 / (1 + np.exp(-z))
    wanted = metrics.log_loss(y, a)
    assert_close(losses.binary_cross_entropy(cr.tensor(a), cr.tensor(y)), wanted)
    assert_close(losses.binary_cross_entropy_with_logits(cr.tensor(z), cr.tensor(y)), wanted)
    slope = cr.grad(lambda z: losses.binary_cross_entropy_with_logits(z, cr.tensor(y), reduction="sum"))
    assert_close(slope(cr.tensor(z)), a - y)
    huge = losses.binary_cross_entropy_with_logits(cr.tensor([1e4, -1e4]), cr.tensor([0.0, 1.0]))
    assert huge.item() == 1e4


def test_binary_cross_entropy_is_finite_at_certainty():
    a = cr.tensor([0.0, 1.0, 0.0, 1.0])
    value, slope = cr.value_and_grad(lambda a: losses.binary_cross_entropy(
        a, cr.tensor([0.0, 1.0, 1.0, 0.0]), reduction="sum"))(a)
    assert 0 < value.item() <= 200 and np.isfinite(slope).all()


def test_positive_weight_equals_pytorchs():
    t = pytest.importorskip("torch")
    z, y = draw(6, 3), (draw(6, 3, seed=1) > 0).astype(float)
    weight = np.array([0.5, 2.0, 3.0])
    wanted = t.nn.functional.binary_cross_entropy_with_logits(t.tensor(z), t.tensor(y),
                                                              pos_weight=t.tensor(weight))
    assert_close(losses.binary_cross_entropy_with_logits(cr.tensor(z), cr.tensor(y),
                                                         positive_weight=cr.tensor(weight)), wanted)


def test_huber_has_the_books_numbers():
    """(2.19), δ = 1"""
    e = cr.tensor([0.0, 0.5, 1.0, 2.0, -3.0])
    assert losses.huber(e, cr.zeros((5,)), reduction="none").tolist() == [0, 0.125, 0.5, 1.5, 2.5]
    slope = cr.grad(lambda e: losses.huber(e, cr.zeros((5,)), reduction="sum"))(e)
    assert slope.tolist() == [0, 0.5, 1, 1, -1]


def test_absolute_loss_has_slope_zero_at_zero():
    slope = cr.grad(lambda e: losses.mae(e, cr.zeros((3,)), reduction="sum"))(cr.tensor([-2.0, 0.0, 3.0]))
    assert slope.tolist() == [-1, 0, 1]


A, B = draw(6, 4), draw(6, 4, seed=1)
P, Q = np.exp(log_softmax(A)), np.exp(log_softmax(B))
SIGNS = np.sign(draw(6, seed=2))
CASES = {                                # ours, NumPy's per sample, PyTorch's mean
    "mse": (lambda **o: losses.mse(cr.tensor(A), cr.tensor(B), **o), (A - B) ** 2,
            lambda f, t: f.mse_loss(t(A), t(B))),
    "mae": (lambda **o: losses.mae(cr.tensor(A), cr.tensor(B), **o), np.abs(A - B),
            lambda f, t: f.l1_loss(t(A), t(B))),
    "huber": (lambda **o: losses.huber(cr.tensor(A), cr.tensor(B), delta=0.7, **o), None,
              lambda f, t: f.huber_loss(t(A), t(B), delta=0.7)),
    "smooth_l1": (lambda **o: losses.smooth_l1(cr.tensor(A), cr.tensor(B), beta=0.7, **o), None,
                  lambda f, t: f.smooth_l1_loss(t(A), t(B), beta=0.7)),
    "kl": (lambda **o: losses.kl_divergence(cr.tensor(P), cr.tensor(Q), **o), (P * np.log(P / Q)).sum(-1),
           lambda f, t: f.kl_div(t(Q).log(), t(P), reduction="batchmean")),
    "hinge": (lambda **o: losses.hinge(cr.tensor(A[:, 0]), cr.tensor(SIGNS), **o),
              np.maximum(0, 1 - A[:, 0] * SIGNS), None),
    "cosine": (lambda **o: losses.cosine_loss(cr.tensor(A), cr.tensor(B), cr.tensor(SIGNS), margin=0.1, **o),
               None, lambda f, t: f.cosine_embedding_loss(t(A), t(B), t(SIGNS), margin=0.1)),
    "triplet": (lambda **o: losses.triplet(cr.tensor(A), cr.tensor(B), cr.tensor(P), margin=2.0, **o),
                np.maximum(0, ((A - B) ** 2).sum(-1) - ((A - P) ** 2).sum(-1) + 2), None),
    "triplet_root": (lambda **o: losses.triplet(cr.tensor(A), cr.tensor(B), cr.tensor(P), squared=False, **o),
                     None, lambda f, t: f.triplet_margin_loss(t(A), t(B), t(P), eps=0.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_losses_equal_their_formulas_in_every_reduction(name):
    ours, each, theirs = CASES[name]
    if each is None:
        each = np.asarray(ours(reduction="none"))
    assert_close(ours(reduction="none"), each)
    assert_close(ours(reduction="sum"), each.sum())
    assert_close(ours(), each.mean())
    if theirs:
        t = pytest.importorskip("torch")
        assert_close(ours(), theirs(t.nn.functional, t.tensor), 1e-7)


def test_triplet_has_the_books_numbers():
    """(6.27): a = (0, 0), s = (1, 0)"""
    a, s = cr.tensor([[0.0, 0.0]]), cr.tensor([[1.0, 0.0]])
    assert losses.triplet(a, s, cr.tensor([[2.0, 0.0]]), margin=1.0).item() == 0
    assert losses.triplet(a, s, cr.tensor([[1.0, 1.0]]), margin=2.0).item() == 1


def test_kl_divergence_takes_zero_probabilities():
    p = cr.tensor([0.0, 0.5, 0.5], dtype=cr.float64)
    q = cr.tensor([0.2, 0.4, 0.4], dtype=cr.float64)
    assert_close(losses.kl_divergence(p, q), np.log(1.25))
    assert np.isinf(losses.kl_divergence(q, p).item())
    assert_close(losses.kl_divergence(p, p), 0.0)


def test_cosine_similarity_is_finite_for_zero_vectors():
    f = cr.value_and_grad(lambda u: cr.sum(losses.cosine_similarity(u, cr.ones((2, 3)))))
    value, slope = f(cr.zeros((2, 3)))
    assert value.item() == 0 and np.isfinite(slope).all()
