"""Small tables that come with scikit-learn, and its 8 x 8 digits.   Book: §1.4, §2.2

Every fifth sample of a class (of the table, for regression) is for testing: a stratified split with no chance
in it. `split=False` gives the whole table as one Dataset in its original order.
"""
import numpy as np

from .dataset import Dataset


def digits(*, split=True, standardize=False, flat=False):
    """1,797 hand-written digits as (train, test): x (N, 1, 8, 8) in [0, 1], y in 0 ... 9."""
    table = load("digits")
    x = table.images[:, None] / 16                               # grey levels 0 ... 16
    if flat:
        x = x.reshape(len(x), 64)
    return halves(x, table.target, np.float32, split, standardize, classes=tuple("0123456789"))


def iris(*, split=True, standardize=False, dtype=np.float32):
    """150 iris flowers, 4 lengths in cm, 3 kinds: (train, test)."""
    return classified(load("iris"), split, standardize, dtype)


def wine(*, split=True, standardize=False, dtype=np.float32):
    """178 wines, 13 measurements, 3 growers: (train, test)."""
    return classified(load("wine"), split, standardize, dtype)


def breast_cancer(*, split=True, standardize=False, dtype=np.float32):
    """569 tumours, 30 measurements, y = 1 malignant and 0 benign: (train, test).   Book: §2.2, §3.1"""
    table = load("breast_cancer")
    return halves(table.data, 1 - table.target, dtype, split, standardize, classes=("benign", "malignant"),
                  features=[book_name(str(name)) for name in table.feature_names])


def diabetes(*, split=True, standardize=False, dtype=np.float32):
    """442 patients, 10 measurements, y the progress of the disease after a year: (train, test)."""
    table = load("diabetes")
    return halves(table.data, table.target.astype(dtype), dtype, split, standardize,
                  features=table.feature_names)


def load(name):
    try:
        from sklearn import datasets
    except ImportError:
        raise ModuleNotFoundError(f"{name}: comes with scikit-learn: pip install 'chainrule[data]'") from None
    return getattr(datasets, f"load_{name}")()


def classified(table, split, standardize, dtype):
    return halves(table.data, table.target, dtype, split, standardize,
                  classes=[str(name) for name in table.target_names], features=table.feature_names)


def halves(x, y, dtype, split, standardize, **names):
    """(train, test), or the whole; standardised by the mean and deviation of what one trains on."""
    test = every_fifth(y) if split else np.zeros(len(x), bool)
    x = x.astype(dtype)
    if standardize:
        mean, std = x[~test].mean(0, dtype=np.float64), x[~test].std(0, dtype=np.float64)
        x = ((x - mean) / np.where(std > 0, std, 1)).astype(dtype)
    y = y.astype(np.int64) if y.dtype.kind in "iu" else y
    whole = Dataset(x, y, **names)
    return (whole[~test], whole[test]) if split else whole


def every_fifth(y):
    """A mask of every fifth sample of each class."""
    if y.dtype.kind == "f":
        return np.arange(len(y)) % 5 == 4
    mask = np.zeros(len(y), bool)
    for label in np.unique(y):
        mask[np.flatnonzero(y == label)[4::5]] = True
    return mask


def book_name(name):
    """"mean area", "worst area", "area error" as the book has them: area_mean, area_worst, area_se."""
    first, _, rest = name.partition(" ")
    name = f"{rest} {first}" if first in ("mean", "worst") else name.removesuffix("error") + "se"
    return name.replace(" ", "_")
