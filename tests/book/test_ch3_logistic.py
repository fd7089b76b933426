"""Chapter 3, §3.1 and §3.2: logistic and probit regression."""
import chainrule as cr
import numpy as np
import pytest
from chainrule.models import LogisticRegression

book = pytest.mark.book

# Fig. 3.8: presence of a species against precipitation
PRESENT = np.array([0] * 7 + [1, 0, 0, 1, 1, 1, 0] + [1] * 11 + [0, 1, 1, 1, 0, 1] + [0] * 7)
RAIN = 10 * np.array([1, 1.4, 1.5, 1.7, 2, 2.1, 2.8, 3, 3.2, 3.3, 3.5, 3.8, 4, 4.1, 4.4, 4.7, 4.8, 4.9, 5, 5.1,
                      5.3, 5.4, 5.5, 6, 6.1, 6.1, 6.3, 6.4, 6.8, 6.9, 7, 7.4, 7.9, 8.5, 8.6, 8.7, 8.8, 9])
PLAIN, SQUARE = RAIN[:, None], np.c_[RAIN, RAIN ** 2]


@book("3.1-std-errors")
@pytest.mark.parametrize("X, errors", [(PLAIN, (0.80229, 0.0144455)),
                                       (SQUARE, (7.639498, 0.324443, 0.00317172))])
def test_standard_errors_are_those_of_the_observed_information(X, errors):
    model = LogisticRegression().fit(X, PRESENT)
    np.testing.assert_allclose(model.standard_errors_, errors, rtol=1e-5)
    phi = model.probability(X)
    design = np.c_[np.ones(len(X)), X]
    covariance = np.linalg.inv(design.T @ ((phi * (1 - phi))[:, None] * design))
    np.testing.assert_allclose(model.covariance_, covariance, rtol=1e-6)
    z = design @ model.theta_
    reach = 1.959964 * np.sqrt(np.einsum("ni,ij,nj->n", design, covariance, design))
    low, high = model.confidence_band(X)
    np.testing.assert_allclose(low, 1 / (1 + np.exp(reach - z)), rtol=1e-6)
    np.testing.assert_allclose(high, 1 / (1 + np.exp(-reach - z)), rtol=1e-6)
    assert (low > 0).all() and (low < phi).all() and (phi < high).all() and (high < 1).all()
