"""Error and gamma functions."""
import chainrule as cr
import numpy as np
from scipy import special

from .checks import normal, uniform

COMPOSED = {"low": "written in several ops, each of which rounds"}
NEGATIVE = np.array([-0.4, -1.7, -2.3, -3.5, -10.2])       # between the poles



def digamma_shifted(x):
    """SciPy loses digits beside its poles: ψ(x) = ψ(x + 3) - 1/x - 1/(x + 1) - 1/(x + 2) does not."""
    return special.digamma(x + 3) - 1 / x - 1 / (x + 1) - 1 / (x + 2)


CASES = {
    "erf": (cr.erf, special.erf, [normal(3, 4)]),
    "erfc": (cr.erfc, special.erfc, [normal(3, 4)]),
    "erfinv": (cr.erfinv, special.erfinv, [uniform(-0.9, 0.9, 3, 4)]),
    "lgamma": (cr.lgamma, special.gammaln, [uniform(0.3, 6, 3, 4)]),
    "lgamma_negative": (cr.lgamma, special.gammaln, [NEGATIVE]),
    "digamma": (cr.digamma, special.digamma, [uniform(0.3, 6, 3, 4)]),
    "digamma_negative": (cr.digamma, special.digamma, [NEGATIVE]),
    **{f"polygamma_{n}": (lambda x, n=n: cr.polygamma(n, x), lambda x, n=n: special.polygamma(n, x),
                          [uniform(1.1, 6, 3, 4)]) for n in (0, 1, 2, 3, 6)},
    **{f"polygamma_{n}_negative": (lambda x, n=n: cr.polygamma(n, x), lambda x, n=n: special.polygamma(n, x),
                                   [NEGATIVE]) for n in (1, 2, 3)},
    "logit": (cr.logit, special.logit, [uniform(0.05, 0.95, 3, 4)], COMPOSED),
    "log_normal_cdf": (cr.log_normal_cdf, special.log_ndtr, [normal(3, 4)], COMPOSED),
    "log_normal_cdf_far": (cr.log_normal_cdf, special.log_ndtr, [np.array([-25.0, -13.5, -11.0, 2.5])], COMPOSED),
}

EDGE = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 0.5, -0.5, 0.9, -0.9])
TAIL = np.array([1 - 2.0**-20, -1 + 2.0**-22, 0.999, 1e-12, -1e-30, 0.5])
POLES = np.array([0.0, -1.0, -2.0, -20.0])
NEAR_POLES = np.array([1e-6, -1e-6, -1 + 2.0**-18, -1 - 2.0**-18, -2 + 2.0**-17])
LONG = np.array([1e3, 1e6, 1e15, 30.5])

CORNERS = {
    "erf_edge": (cr.erf, special.erf, [EDGE]),
    "erf_tiny": (cr.erf, special.erf, [np.array([1e-12, -1e-30])]),
    "erfc_edge": (cr.erfc, special.erfc, [EDGE]),
    "erfc_tail": (lambda x: cr.log(cr.erfc(x)), lambda x: np.log(special.erfc(x)), [np.array([1.0, 3.0, 5.0, 8.0])]),
    "erfc_far": (cr.erfc, special.erfc, [np.array([30.0, -30.0, 1e30])]),
    "erfinv_edge": (cr.erfinv, special.erfinv, [np.array([1.0, -1.0, 1.5, -2.0, np.nan, np.inf, 0.0])]),
    "erfinv_tail": (cr.erfinv, special.erfinv, [TAIL]),
    "erfinv_tiny": (cr.erfinv, special.erfinv, [TAIL[3:5]]),
    "logit_edge": (cr.logit, special.logit, [np.array([0.0, 1.0, 0.5, -0.5, 1.5, np.nan])]),
    "logit_tiny": (cr.logit, special.logit, [np.array([1e-7, 2.0**-20, 0.5 + 2.0**-10])]),
    "log_normal_cdf_edge": (cr.log_normal_cdf, special.log_ndtr, [np.array([np.inf, -np.inf, np.nan, 0.0])]),
    "lgamma_poles": (cr.lgamma, special.gammaln, [POLES]),
    "lgamma_near_poles": (cr.lgamma, special.gammaln, [NEAR_POLES]),
    "lgamma_roots": (cr.lgamma, special.gammaln, [np.array([1.0, 2.0, 1 + 2.0**-16, 2 - 2.0**-16])]),
    "lgamma_long": (cr.lgamma, special.gammaln, [LONG[:2]]),
    "lgamma_edge": (cr.lgamma, special.gammaln, [np.array([np.inf, np.nan])]),
    "digamma_edge": (cr.digamma, special.digamma, [np.array([0.0, -0.0, np.inf, np.nan, -1.0, -2.0])]),
    "digamma_near_poles": (cr.digamma, digamma_shifted, [NEAR_POLES]),
    "digamma_long": (cr.digamma, special.digamma, [LONG]),
    "digamma_far_below": (cr.digamma, special.digamma, [np.array([-1000.25, -99999.5])]),
    "polygamma_poles": (lambda x: cr.polygamma(1, x), lambda x: special.polygamma(1, x), [POLES]),
    "polygamma_poles_even": (lambda x: cr.polygamma(2, x), lambda x: special.polygamma(2, x), [POLES]),
    "polygamma_near_poles": (lambda x: cr.polygamma(1, x), lambda x: special.polygamma(1, x), [NEAR_POLES[2:]]),
    "polygamma_long": (lambda x: cr.polygamma(3, x) * 1e9, lambda x: special.polygamma(3, x) * 1e9, [LONG[:2]]),
    "polygamma_edge": (lambda x: cr.polygamma(1, x), lambda x: special.polygamma(1, x), [np.array([np.inf, np.nan])]),
    "polygamma_high": (lambda x: cr.polygamma(20, x) / 1e15, lambda x: special.polygamma(20, x) / 1e15,
                       [np.array([1.0, 2.5, 7.0])]),
    "erf_empty": (cr.erf, special.erf, [np.zeros((0, 2))]),
    "lgamma_empty": (cr.lgamma, special.gammaln, [np.zeros((2, 0))]),
}

ERRORS = {
    "polygamma_order": (lambda: cr.polygamma(-1, cr.ones(2)), ValueError, "polygamma: n must be at least 0, got -1"),
}
