"""Small tables: Boston housing, and those of scikit-learn with its 8 x 8 digits.   Book: §1.4, §2.2

Every fifth sample of a class (of the table, for regression) is for testing: a stratified split with no chance
in it. `split=False` gives the whole table as one Dataset in its original order.
"""
import numpy as np

import chainrule as cr

from .dataset import Dataset
from .files import find


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


def boston(*, columns=("rm", "lstat"), capped=False, split=True, standardize=False, dtype=np.float32):
    """Boston housing, y the median value of homes in 1,000 dollars: (train, test).   Book: §2.2, Fig. 2.3

    506 districts; the 16 whose value was cut off at 50 are left out unless `capped`, so 490 remain. `columns`
    of x: rm is the mean number of rooms, lstat the percentage of people of lower status, and so on.
    Errors  FileNotFoundError without boston-housing/boston.csv (`boston_like` needs no file); ValueError for
            an unknown column; the column `black`, made from the share of Black people, is refused
    Differs footnote 3 of the book says that the 16 rows have rm = 50; it is medv = 50
    """
    with open(find("boston-housing", "boston.csv"), encoding="utf-8") as file:
        names = [name.strip('"') for name in file.readline().strip().split(",")]
        table = np.loadtxt(file, delimiter=",")
    allowed = [name for name in names if name not in ("black", "medv")]
    unknown = [name for name in columns if name not in allowed]
    if unknown:
        raise ValueError(f"boston: columns {unknown} are not offered; needs some of {', '.join(allowed)}")
    y = table[:, names.index("medv")]
    keep = slice(None) if capped else y != 50
    x = table[:, [names.index(name) for name in columns]][keep]
    return halves(x, y[keep].astype(dtype), dtype, split, standardize, features=columns)


def boston_like(*, rng, n=490, split=True, standardize=False, dtype=np.float32):
    """SYNTHETIC rows with the means, deviations and correlations of rm, lstat and medv in `boston`.

    Normal draws, corrected to have these moments exactly: least squares gives the book's lines (Fig. 2.3),
    curvature is not in it.
    Errors  ValueError unless n >= 4
    """
    if n < 4:
        raise ValueError(f"boston_like: n must be at least 4, got {n}")
    mean, std = (6.245471, 12.924020, 21.635918), (0.652480, 7.075948, 7.857271)     # of the 490 rows
    rho = np.array([[1, -0.610369, 0.686634], [-0.610369, 1, -0.759837], [0.686634, -0.759837, 1]])
    z = cr.normal((n, 3), rng=rng, dtype=cr.float64).numpy()
    z = np.linalg.qr(z - z.mean(0))[0] * np.sqrt(n)                  # uncorrelated, of mean 0 and deviation 1
    table = mean + std * (z @ np.linalg.cholesky(rho).T)
    x, y = table[:, :2], table[:, 2].astype(dtype)
    return halves(x, y, dtype, split, standardize, features=("rm", "lstat"))


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
