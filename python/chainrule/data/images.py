"""Picture data sets: MNIST, Fashion-MNIST (idx files) and CIFAR-10 (binary batches).   Book: §1.4"""
import math

import numpy as np

import chainrule as cr

from . import files
from .dataset import Dataset
from .synthetic import made_digits

MNIST = {                                # the original bytes
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
FASHION = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
CIFAR10_SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"

DIGITS = tuple("0123456789")
CLOTHES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
           "ankle boot")
THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def mnist(*, standardize=False, flat=False, stand_in=False):
    """70,000 hand-written digits as (train, test): x (N, 1, 28, 28) in [0, 1], y in 0 ... 9.

    stand_in   6,000 and 1,000 made digits, and a warning, if the set is not to be had
    """
    url = "https://ossci-datasets.s3.amazonaws.com/mnist/"
    try:
        halves = list(idx_set("mnist", url, MNIST))
    except FileNotFoundError as error:
        if not stand_in:
            raise
        files.replaced(str(error), "made digits")
        halves = [(np.rint(255 * np.asarray(part.x)).astype(np.uint8), np.asarray(part.y))
                  for part in (made_digits(n, rng=cr.Rng(n)) for n in (6000, 1000))]
    return pictures(halves, DIGITS, standardize, flat)


def fashion_mnist(*, standardize=False, flat=False):
    """70,000 pictures of clothes as (train, test): x (N, 1, 28, 28) in [0, 1], y in 0 ... 9."""
    url = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
    return pictures(idx_set("fashion-mnist", url, FASHION), CLOTHES, standardize, flat)


def cifar10(*, standardize=False, flat=False):
    """60,000 colour pictures as (train, test): x (N, 3, 32, 32) in [0, 1], y in 0 ... 9.

    The complete set if it is on this machine, else the 4,000 + 1,000 of `cifar10-subset`, else a download.
    """
    archive = files.look("cifar10", "cifar-10-binary.tar.gz")
    parts = [files.look("cifar10-subset", f"{part}.bin.xz") for part in ("train_4000", "test_1000")]
    if archive is None and all(parts):
        return pictures([read_cifar(part) for part in parts], THINGS, standardize, flat)
    if archive is None:
        url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
        archive = files.find("cifar10", "cifar-10-binary.tar.gz", url, CIFAR10_SHA256)
    return pictures(cifar_archive(archive), THINGS, standardize, flat)


def pictures(halves, classes, standardize, flat):
    """(train, test), pixels in [0, 1]; standardised by training mean and deviation of each channel."""
    (x, y), (x_test, y_test) = ((pixels.astype(np.float32) / np.float32(255), y) for pixels, y in halves)
    if standardize:
        mean = x.mean((0, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
        std = x.std((0, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
        std[std == 0] = 1                                        # a channel of one colour
        x, x_test = (x - mean) / std, (x_test - mean) / std
    if flat:
        x, x_test = (a.reshape(len(a), math.prod(a.shape[1:])) for a in (x, x_test))
    return Dataset(x, y, classes=classes), Dataset(x_test, y_test, classes=classes)


def idx_set(name, url, sums):
    """((pixels, labels) of train, of test) from the four files of an MNIST-like set."""
    for half in ("train", "t10k"):
        read = []
        for kind in ("images-idx3", "labels-idx1"):
            file = f"{half}-{kind}-ubyte.gz"
            plain = files.look(name, file[:-3])                  # unpacked by the user
            read.append(read_idx(plain or files.find(name, file, url + file, sums[file])))
        pixels, labels = read
        if pixels.ndim != 3 or labels.ndim != 1 or len(pixels) != len(labels):
            raise ValueError(f"{name}: {half} has pictures {pixels.shape} and labels {labels.shape}; "
                             "needs (N, rows, columns) and (N,)")
        if labels.max(initial=0) > 9:
            raise ValueError(f"{name}: {half} has the label {labels.max()}, needs 0 to 9")
        yield pixels[:, None], labels.astype(np.int64)


def read_idx(path):
    """The bytes of an idx file: magic 0, 0, 8, axes; one big-endian size an axis; data.   Gzip or plain.

    Errors  ValueError, naming the file, for a damaged, cut-off or foreign file
    """
    data = unpacked(path)
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or not 1 <= data[3] <= 4:
        raise ValueError(f"{path}: not an idx file: begins {data[:4].hex()}, needs 000008 and 01 to 04")
    axes = data[3]
    head = 4 + 4 * axes
    shape = tuple(int.from_bytes(data[i:i + 4], "big") for i in range(4, min(head, len(data)), 4))
    if len(data) != head + math.prod(shape):
        raise ValueError(f"{path}: cut off or damaged: {len(data)} bytes, "
                         f"its header needs {head + math.prod(shape)}")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def read_cifar(path):
    """(pixels (N, 3, 32, 32) uint8, labels (N,) int64) of a CIFAR-10 binary batch; plain, gzip or xz.

    Errors  ValueError, naming the file, for a damaged, cut-off or foreign file
    """
    return cifar_records(unpacked(path), path)


def cifar_records(data, path):
    record = 1 + 3 * 32 * 32                                     # label, then red, green, blue planes
    if len(data) == 0 or len(data) % record:
        raise ValueError(f"{path}: cut off or not CIFAR-10: {len(data)} bytes, records have {record}")
    table = np.frombuffer(data, np.uint8).reshape(-1, record)
    if table[:, 0].max() > 9:
        raise ValueError(f"{path}: not CIFAR-10: label {table[:, 0].max()} is above 9")
    return table[:, 1:].reshape(-1, 3, 32, 32), table[:, 0].astype(np.int64)


def cifar_archive(path):
    """((pixels, labels) of train, of test) from the official archive, read without unpacking it to disk."""
    import tarfile
    import zlib

    try:
        with tarfile.open(path) as archive:
            batches = {member.name.rsplit("/", 1)[-1]: archive.extractfile(member).read()
                       for member in archive if member.isfile() and member.name.endswith(".bin")}
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: cut off or damaged: {files.one_line(error)}") from None
    needed = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    absent = [name for name in needed if name not in batches]
    if absent:
        raise ValueError(f"{path}: has no {absent[0]}; needs the binary version of CIFAR-10")
    parts = [cifar_records(batches[name], f"{path}: {name}") for name in needed]
    train = tuple(np.concatenate([part[i] for part in parts[:5]]) for i in range(2))
    return train, parts[5]


def unpacked(path):
    """The bytes of a file, through gzip or xz if its first bytes say so."""
    import gzip  # here to keep `import chainrule` short
    import lzma
    import zlib

    with open(path, "rb") as file:
        start = file.read(6)
    opener = gzip.open if start[:2] == b"\x1f\x8b" else lzma.open if start == b"\xfd7zXZ\x00" else open
    try:
        with opener(path, "rb") as file:
            return file.read()
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise ValueError(f"{path}: cut off or damaged: {files.one_line(error)}") from None
