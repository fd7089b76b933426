"""§3.4: monomials, how many there are, and the boundaries they draw."""
from itertools import product
from math import prod

import chainrule as cr
import numpy as np
import pytest
from chainrule.models import LogisticRegression, Pipeline
from chainrule.preprocessing import PolynomialFeatures, monomial_count, monomials

book = pytest.mark.book
RNG = np.random.default_rng(4)


def exponents(p, degrees):
    """All k in ℕᵖ whose sum is one of the degrees, by brute force."""
    return [k for k in product(range(max(degrees) + 1), repeat=p) if sum(k) in degrees]


@book("3.4-monomials")
@pytest.mark.parametrize("p, r", [(1, 1), (1, 4), (2, 2), (3, 2), (3, 4), (5, 3), (2, 8)])
def test_monomials_are_all_products_of_powers_up_to_the_degree(p, r):
    x = RNG.normal(size=(7, p))
    got = PolynomialFeatures(r).fit(x)
    assert got.transform(x).shape == (7, monomial_count(p, r) - 1)
    assert sorted(map(tuple, got.powers_)) == sorted(exponents(p, range(1, r + 1)))
    direct = np.stack([prod(x[:, j] ** k for j, k in enumerate(powers)) for powers in got.powers_], axis=1)
    np.testing.assert_allclose(got.transform(x), direct, rtol=1e-12)
    np.testing.assert_array_equal(monomials(cr.tensor(x[0]), r).numpy(), got.transform(x)[0])


@book("3.4-monomials")
def test_quadratic_features_are_the_books_p_times_p_plus_3_over_2():
    for p in range(1, 8):
        x = RNG.normal(size=p)
        pairs = [x[i] * x[j] for i in range(p) for j in range(i + 1, p)]
        want = [*x, *x**2, *pairs]
        got = monomials(cr.tensor(x), 2).numpy()
        assert len(got) == len(want) == p * (p + 3) // 2
        np.testing.assert_allclose(sorted(got), sorted(want), rtol=1e-13)


@book("3.4-monomials")
@pytest.mark.parametrize("options", [{}, {"include_bias": True}, {"interaction_only": True}])
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_polynomial_features_are_those_of_scikit_learn(degree, options):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = RNG.normal(size=(6, 4))
    ours = PolynomialFeatures(degree, **options).fit(x)
    theirs = preprocessing.PolynomialFeatures(degree, **{"include_bias": False, **options}).fit(x)
    np.testing.assert_allclose(ours.transform(x), theirs.transform(x), rtol=1e-12)
    np.testing.assert_array_equal(ours.powers_, theirs.powers_)
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())
    assert list(ours.get_feature_names_out("abcd")) == list(theirs.get_feature_names_out(list("abcd")))


def test_the_derivative_of_monomials_is_that_of_powers():
    J = cr.jacobian(lambda x: monomials(x, 3))(cr.tensor([2.0, 5.0], dtype=cr.float64)).numpy()
    # x, y, xx, xy, yy, xxx, xxy, xyy, yyy at (2, 5)
    assert J[:, 0].tolist() == [1, 0, 4, 5, 0, 12, 20, 25, 0]
    assert J[:, 1].tolist() == [0, 1, 0, 2, 10, 0, 4, 20, 75]


@book("3.4-monomial-count")
def test_the_count_of_monomials_is_exact():
    assert monomial_count(1000, 2) == 501_501
    assert monomial_count(1000, 4) == 42_084_793_751
    assert [monomial_count(2, r) for r in (1, 2, 4, 8)] == [3, 6, 15, 45]
    assert [4 * monomial_count(2, r) for r in (2, 8)] == [24, 180]            # K = 4 classes
    assert all(monomial_count(p, 2) == 1 + p * (p + 3) // 2 for p in range(1, 2000))
    for p in range(1, 5):
        for r in range(5):
            assert monomial_count(p, r) == len(exponents(p, range(r + 1)))
            assert monomial_count(p, r, exactly=True) == len(exponents(p, [r]))
            assert monomial_count(p, r) == sum(monomial_count(p, k, exactly=True) for k in range(r + 1))


def test_features_without_end_are_refused_before_they_are_made():
    with pytest.raises(ValueError, match="1000 features and degree 4 make 42,084,793,751; needs at most 10,"):
        monomials(cr.zeros((1, 1000)), 4)
    with pytest.raises(ValueError, match="degree must be a positive integer, got 0"):
        PolynomialFeatures(0).fit(np.ones((2, 2)))
    with pytest.raises(ValueError, match="input_features has 1 names, needs 2"):
        PolynomialFeatures().fit(np.ones((2, 2))).get_feature_names_out(["a"])


# ---- the models
@book("3.4-quadratic-logistic")
@pytest.mark.parametrize("b, w1, w2", [(1.0, 0.7, -0.4), (-19.4, 0.863, -0.00838), (0.3, -1.1, 0.25)])
def test_a_quadratic_in_the_log_odds_turns_at_its_vertex_and_is_symmetric_about_it(b, w1, w2):
    theta = cr.tensor([w1, w2], dtype=cr.float64)

    def phi(x):
        return cr.sigmoid(b + monomials(x, 2) @ theta)
    vertex = -w1 / (2 * w2)
    way = 1.0 if w2 < 0 else -1.0                                     # a maximum, or a minimum
    start = cr.tensor([vertex + 0.5], dtype=cr.float64)
    # the logarithm of the odds of φ has the same turning point, without plateaus
    found = cr.optim.minimize(lambda x: -way * (cr.log(phi(x)) - cr.log(1 - phi(x))), start)
    assert found.x.item() == pytest.approx(vertex, abs=1e-6)
    grid = np.linspace(vertex - 3, vertex + 3, 20_001)
    on_grid = phi(cr.tensor(grid[:, None])).numpy()
    assert (grid[(way * on_grid).argmax()]) == pytest.approx(vertex, abs=3e-4)
    h = cr.tensor(np.array([0.1, 1.0, 7.0, 30.0])[:, None])
    np.testing.assert_allclose(phi(vertex + h).numpy(), phi(vertex - h).numpy(), rtol=1e-9)
    far = phi(cr.tensor([[1e4], [-1e4]], dtype=cr.float64)).numpy()
    np.testing.assert_allclose(far, 0 if w2 < 0 else 1, atol=1e-12)


@book("3.4-quadratic-boundary")
def test_a_classifier_on_quadratic_features_decides_by_the_sign_of_a_conic():
    X = RNG.normal(size=(300, 2))
    y = (X[:, 0] ** 2 + 2 * X[:, 1] ** 2 + 0.5 * X[:, 0] * X[:, 1] + 0.4 * RNG.normal(size=300) < 1.5)
    model = Pipeline([PolynomialFeatures(2), LogisticRegression()]).fit(X, y.astype(int))
    logistic = model.steps_[-1]
    assert logistic.parameter_count() == 6 == monomial_count(2, 2)
    w1, w2, w11, w12, w22 = logistic.coef_                             # in the order x₁, x₂, x₁², x₁x₂, x₂²
    a, b = np.meshgrid(np.linspace(-3, 3, 101), np.linspace(-3, 3, 101))
    conic = logistic.intercept_ + w1 * a + w2 * b + w11 * a**2 + w22 * b**2 + w12 * a * b
    said = model.predict(np.c_[a.ravel(), b.ravel()]).reshape(a.shape)
    np.testing.assert_array_equal(said == 1, conic > 0)
    assert 0 < (conic > 0).mean() < 1
    # no half-space of the plane: between two points outside there is one inside
    ends = model.predict(np.array([[-3.0, 0.0], [3.0, 0.0], [0.0, 0.0]]))
    assert ends.tolist() == [0, 0, 1]
