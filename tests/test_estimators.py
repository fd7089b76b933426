"""Every estimator keeps scikit-learn's contract, refuses bad input in one line, and takes tensors."""
import importlib
import pkgutil
import re
import subprocess
import sys

import chainrule as cr
import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")


def found():
    """All estimators of the library, by importing every module that may hold one."""
    names = [f"chainrule.models.{m.name}" for m in pkgutil.iter_modules(cr.models.__path__)]
    names += [f"chainrule.{m.name}" for m in pkgutil.iter_modules(cr.__path__)
              if m.name in ("preprocessing", "selection")]
    for name in names:
        importlib.import_module(name)
    classes, waiting = [], [cr.models.Estimator]
    while waiting:
        for c in waiting.pop().__subclasses__():
            waiting.append(c)
            if c.__module__.startswith("chainrule.") and not c.__name__.startswith("_"):
                classes.append(c)
    return sorted(set(classes), key=lambda c: c.__name__)


# Checks of scikit-learn that an estimator cannot meet, each with its reason: {class: {check: reason}}
EXCEPTIONS = {}

estimators = pytest.mark.parametrize("make", found(), ids=lambda c: c.__name__)
ROWS = np.random.default_rng(0).normal(size=(30, 4)) ** 2


def targets(estimator):
    y = ROWS @ [1.0, -2.0, 0.5, 3.0]
    return (y > np.median(y)).astype(np.int64) if estimator.kind == "classifier" else y


@estimators
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks_pass(make):
    from sklearn.utils.estimator_checks import check_estimator

    results = check_estimator(make(), on_fail=None, on_skip=None,
                              expected_failed_checks=EXCEPTIONS.get(make.__name__))
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 30


@estimators
@pytest.mark.filterwarnings("ignore")            # a few steps, or classes that are apart
def test_tensors_come_back_as_tensors_and_arrays_as_arrays(make):
    estimator = make()
    y = targets(estimator)
    estimator.fit(cr.tensor(ROWS), cr.tensor(y))
    for name in ("predict", "transform", "predict_proba", "decision_function"):
        if hasattr(estimator, name):
            ours, theirs = getattr(estimator, name)(cr.tensor(ROWS)), getattr(estimator, name)(ROWS)
            assert isinstance(ours, cr.Tensor) and isinstance(theirs, np.ndarray)
            np.testing.assert_allclose(np.asarray(ours), theirs)


@estimators
@pytest.mark.filterwarnings("ignore")
def test_bad_input_is_answered_in_one_line_and_what_was_learned_stays(make):
    estimator = make()
    y = targets(estimator)
    for name in ("predict", "transform"):
        if hasattr(estimator, name):
            with pytest.raises(cr.models.NotFittedError, match="is not fitted"):
                getattr(estimator, name)(ROWS)
    estimator.fit(ROWS, y)
    before = {k: np.array(v, dtype=object if isinstance(v, list) else None)
              for k, v in vars(estimator).items() if k.endswith("_")}
    hole = ROWS.copy()
    hole[3, 1] = np.nan
    takes_texts = hasattr(estimator, "levels_") or make is cr.models.ColumnTransformer
    texts = [] if takes_texts else [np.full((30, 4), "a")]
    for X in [hole, ROWS[:, 0], ROWS[:0], ROWS.astype(complex), *texts]:
        with pytest.raises((ValueError, TypeError)) as error:
            estimator.fit(X, y)
        assert re.match(r"^\w+: .*$", str(error.value)), "one line that begins with who refuses"
    with pytest.raises(ValueError, match="row 3"):
        estimator.fit(hole, y)
    if estimator.kind in ("regressor", "classifier"):
        with pytest.raises(cr.ShapeError, match="X has 30 samples and y 29"):
            estimator.fit(ROWS, y[:29])
    for k, v in before.items():
        np.testing.assert_array_equal(np.array(getattr(estimator, k), dtype=v.dtype), v)


def test_an_unknown_parameter_is_named():
    with pytest.raises(ValueError, match="LinearRegression: parameter 'alpha' is unknown; needs one of f"):
        cr.models.LinearRegression().set_params(alpha=1)


def test_an_estimator_prints_what_differs_from_the_defaults():
    assert repr(cr.models.LinearRegression(method="normal")) == "LinearRegression(method='normal')"


def test_scikit_learn_is_not_imported_by_an_estimator():
    program = ("import chainrule as cr, sys; cr.models.LinearRegression().fit([[0.], [1.]], [1., 2.]); "
               "assert 'sklearn' not in sys.modules")
    subprocess.run([sys.executable, "-c", program], check=True)


def test_estimators_work_inside_scikit_learns_pipeline_and_search():
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), cr.models.LinearRegression())
    search = GridSearchCV(pipeline, {"linearregression__method": ["svd", "normal"]}, cv=3)
    search.fit(ROWS, targets(pipeline[-1]))
    assert search.score(ROWS, targets(pipeline[-1])) > 0.999


def test_parameters_of_inner_estimators_are_reached_by_their_place():
    pipeline = cr.models.Pipeline([cr.preprocessing.Standardizer(), cr.models.LinearRegression()])
    assert pipeline.get_params()["steps__1__method"] == "svd"
    pipeline.set_params(steps__1__method="normal")
    assert pipeline.steps[1].method == "normal"
    rest = cr.models.OneVsRest(cr.models.LinearRegression()).set_params(estimator__method="gram")
    assert rest.estimator.method == "gram"
    with pytest.raises(ValueError, match="parameter 'estimator__alpha' is unknown; estimator is None"):
        cr.models.OneVsRest().set_params(estimator__alpha=1)


def test_a_saved_estimator_predicts_the_same_bits(tmp_path):
    y = np.array(["a", "b", "c"])[np.arange(30) % 3]
    model = cr.models.Pipeline([cr.preprocessing.Standardizer(), cr.models.OneVsOne()]).fit(ROWS, y)
    cr.models.save(tmp_path / "model.safetensors", model)
    again = cr.models.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(model)
    np.testing.assert_array_equal(again.predict(ROWS), model.predict(ROWS))
    np.testing.assert_array_equal(again.decision_function(ROWS), model.decision_function(ROWS))
    cr.io.save(tmp_path / "other.safetensors", {"estimator": "os:system", "attributes": {}})
    cr.io.save(tmp_path / "plain.safetensors", {"w": np.ones(3)})
    for name in ("other", "plain"):
        with pytest.raises(ValueError, match=f"{name}.safetensors: holds no estimator"):
            cr.models.load(tmp_path / f"{name}.safetensors")
