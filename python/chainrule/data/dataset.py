"""Samples held in memory and walked through in mini-batches.   Book: §4.2, (4.13)"""
import queue
import threading

import numpy as np

import chainrule as cr


class Dataset:
    """Samples x and, where there are any, labels y: two tensors with one row a sample.

    Shapes  x (N, ...);  y (N, ...) or None
    Errors  ShapeError unless x and y have as many rows
    Example
        >>> data = cr.data.Dataset([[1.0], [2.0], [3.0]], [0, 1, 0])
        >>> [x.shape for x, y in data.batches(2)]
        [(2, 1), (1, 1)]
    """
    def __init__(self, x, y=None, *, classes=(), features=()):
        self.x = as_tensor(x)
        self.y = None if y is None else as_tensor(y)
        self.classes = tuple(classes)                            # the name of label k is classes[k]
        self.features = tuple(features)                          # names of the columns of x
        if self.x.ndim == 0 or (self.y is not None and self.y.ndim == 0):
            raise cr.ShapeError("Dataset: x and y need one row a sample, got a scalar")
        if self.y is not None and self.y.shape[0] != len(self):
            raise cr.ShapeError(f"Dataset: {len(self)} rows of x and {self.y.shape[0]} of y; needs as many")

    def __len__(self):
        return self.x.shape[0]

    def __getitem__(self, index):
        """Sample `index` as (x, y); a slice, an index array or a mask gives a smaller Dataset."""
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"Dataset: index {index} is out of range for {len(self)} samples")
            return self.x[int(index)] if self.y is None else (self.x[int(index)], self.y[int(index)])
        if not isinstance(index, slice):
            index = np.asarray(index.to("cpu") if isinstance(index, cr.Tensor) else index)
            if index.dtype != bool and index.dtype.kind not in "iu":
                raise cr.DTypeError(f"Dataset: index must be integers or a mask, got {index.dtype}")
        return self.like(*(None if t is None else rows(t, index) for t in (self.x, self.y)))

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        y = "" if self.y is None else f", y {self.y.shape} {self.y.dtype}"
        return f"Dataset({len(self):,} samples: x {self.x.shape} {self.x.dtype}{y})"

    def like(self, x, y):
        """New samples that keep the names of classes and features."""
        return Dataset(x, y, classes=self.classes, features=self.features)

    def on_host(self):
        """Can a thread gather rows with NumPy?"""
        return plain(self.x)

    def rows(self, index):
        """[x rows, y rows or None]: NumPy arrays on the CPU, so that a thread may gather them."""
        return [None if t is None else gather(t, index) for t in (self.x, self.y)]

    def to(self, device):
        """The same samples on another device, so that batches are gathered there."""
        return self.like(self.x.to(device), None if self.y is None else self.y.to(device))

    def batches(self, size, rng=None, drop_last=False, *, replace=False, prefetch=0, start=0):
        """Mini-batches of `size` samples: in order, or shuffled by `rng` anew for each walk through them.

        Same order from the same state of `rng`; `replace` draws each index independently (§4.2, footnote 11);
        `prefetch` batches are gathered ahead by a thread; the first `start` batches are passed over.
        """
        return Batches(self, size, rng, drop_last, replace, prefetch, start)

    def split(self, fraction, rng=None):
        """Two disjoint parts, the first round(fraction N) long; shuffled if given `rng`.   Book: §2.5"""
        if not 0 <= fraction <= 1:
            raise ValueError(f"split: fraction must lie in [0, 1], got {fraction}")
        order = shuffled(len(self), rng)
        cut = round(fraction * len(self))
        return self[order[:cut]], self[order[cut:]]


class Batches:
    """One or more walks through a Dataset, `len` batches each; made by `Dataset.batches`."""

    def __init__(self, data, size, rng, drop_last, replace, prefetch, start):
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"batches: size must be a positive integer, got {size!r}")
        for name, count in (("prefetch", prefetch), ("start", start)):
            if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
                raise ValueError(f"batches: {name} must be an integer of at least 0, got {count!r}")
        if replace and rng is None:
            raise ValueError("batches: drawing with replacement needs rng=")
        self.data, self.size, self.rng, self.start = data, int(size), rng, start
        self.drop_last, self.replace, self.prefetch = drop_last, replace, prefetch

    def __len__(self):
        n = len(self.data)
        return n // self.size if self.drop_last else -(-n // self.size)

    def __iter__(self):
        n = len(self.data)                                       # the order is drawn at the call
        if self.replace and n:
            order = np.asarray(cr.randint(0, n, (n,), rng=self.rng))
        else:
            order = None if self.rng is None else shuffled(n, self.rng)
        if self.prefetch and self.data.on_host():
            return self._tensors(ahead(self._parts(order), self.prefetch))
        return self._tensors(self._parts(order))

    def _parts(self, order):
        """(x rows, y rows) of each batch."""
        for i in range(self.start, len(self)):
            span = slice(i * self.size, min((i + 1) * self.size, len(self.data)))
            yield self.data.rows(span if order is None else order[span])

    @staticmethod
    def _tensors(parts):
        for x, y in parts:
            yield as_tensor(x) if y is None else (as_tensor(x), as_tensor(y))


def as_tensor(a):
    """A tensor over the same bytes where possible."""
    if isinstance(a, cr.Tensor):
        return a
    return cr.asarray(a) if isinstance(a, np.ndarray) else cr.tensor(a)


def plain(t):
    """Does NumPy see the bytes of t?"""
    return t.device == "cpu" and t.dtype != cr.bfloat16


def gather(t, index):
    """Rows of t, as NumPy's where it can see them: it copies rows without a lock on the interpreter."""
    if plain(t):
        return np.asarray(t)[index]
    return t[index] if isinstance(index, slice) else t[cr.tensor(index).to(t.device)]


def rows(t, index):
    return as_tensor(gather(t, index))


def shuffled(n, rng):
    return np.arange(n) if rng is None else np.asarray(cr.permutation(n, rng=rng))


def ahead(items, count):
    """The same items, up to `count` of them made ahead by a thread that ends with the walk."""
    done = object()
    ready = queue.Queue(maxsize=count)
    stop = threading.Event()

    def offer(item):
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def work():
        try:
            for item in items:
                offer((item, None))
                if stop.is_set():
                    return
            offer((done, None))
        except BaseException as error:                           # raised again where the batch is asked for
            offer((done, error))

    def walk():
        thread = threading.Thread(target=work, name="chainrule-batches", daemon=True)
        thread.start()
        try:
            while True:
                item, error = ready.get()
                if error is not None:
                    raise error
                if item is done:
                    return
                yield item
        finally:
            stop.set()
            thread.join()

    return walk()
