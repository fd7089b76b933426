"""Threads and processes: results do not depend on their number, and a forked child works."""
import os
import signal
import threading
import time

import chainrule as cr
import numpy as np
import pytest

WORK = """
import hashlib
import chainrule as cr
rng = cr.Rng(seed=0)
x, w = cr.normal((300, 257), rng=rng), cr.normal((257, 129), rng=rng)
big = cr.normal((1_000_003,), rng=rng)
# sums in several pieces, and a last panel that is cut
deep, flat = cr.normal((100, 1500), rng=rng), cr.normal((2001, 1500), rng=rng)
results = [x @ w, deep @ flat.T, cr.exp(big), cr.sum(big),
           cr.sum(cr.normal((999, 1001), rng=rng), axis=0), big * big,
           cr.sum(x.T, axis=-1), *cr.grad(lambda p: cr.sum(cr.tanh(x @ p[0]) @ p[1]))([w, w.T])]
theta, state = [cr.copy(x), cr.copy(big)], [[cr.zeros(x.shape), cr.zeros(big.shape)] for _ in range(2)]
cr.adam_update(theta, [x * x, big], *state, 0.1)
results += theta
index, edges = cr.randint(0, 257, (20_000,), rng=rng), cr.normal((20_000, 33), rng=rng)
A = cr.sparse.CSR.from_edges(cr.stack([index, index[::-1]]), 257, edges[:, 0])
segments = cr.segment_sum, cr.segment_mean, cr.segment_max, cr.segment_softmax
results += [f(edges, index, 257) for f in segments] + [A @ edges[:257], A.T @ edges[:257]]
results += [cr.take(edges, index, axis=0), cr.argsort(edges, axis=0), cr.sort(big),
            cr.scatter_add(cr.zeros((257, 33)), 0, cr.broadcast_to(index[:, None], edges.shape), edges),
            cr.topk(x, 5)[1], cr.searchsorted(cr.sort(big), big), cr.unique(index)]
for kind, m in (cr.nn.LSTM, 70), (cr.nn.GRU, 70), (cr.nn.RNN, 401):
    layer = kind(20, m, bidirectional=True, rng=rng)
    for batch in 1, 33:
        s = cr.normal((5, batch, 20), rng=rng)
        value, slopes = cr.value_and_grad(lambda f, s: cr.sum(f(s)[0] ** 2))(layer, s)
        results += [value, *slopes.values()]
print(hashlib.sha256(b"".join(r.numpy().tobytes() for r in results)).hexdigest())
"""


def test_results_do_not_depend_on_the_number_of_threads(python):
    assert len({python(WORK, CHAINRULE_NUM_THREADS=str(n)) for n in (1, 2, 3, 7)}) == 1


STEPS = """
import hashlib
import chainrule as cr
rng = cr.Rng(seed=0)
images, classes = cr.normal((16, 1, 28, 28), rng=rng), cr.randint(10, shape=(16,), rng=rng)
words = cr.randint(40, shape=(4, 64), rng=rng)
hash = hashlib.sha256()
for model, x, y in [(cr.nn.MLP(784, 300, 100, 10, rng=rng), images.reshape((16, 784)), classes),
                    (cr.models.LeNet(10, channels=1, size=28, rng=rng), images, classes),
                    (cr.models.GPT(40, 64, 1, 4, 64, rng=rng), words, words)]:
    adam = cr.optim.Adam(model, alpha=1e-3)
    both = cr.value_and_grad(lambda model, x, y: cr.losses.cross_entropy(model(x), y))
    for step in range(2):
        value, grads = both(model, x, y)
        adam.update(grads)
        for tensor in [value, *cr.tree.leaves(model)]:
            hash.update(tensor.numpy().tobytes())
print(hash.hexdigest())
"""


def test_training_steps_do_not_depend_on_the_number_of_threads(python):
    assert len({python(STEPS, CHAINRULE_NUM_THREADS=str(n)) for n in (1, 4)}) == 1


def test_the_number_of_threads_can_be_set():
    before = cr.num_threads()
    try:
        for n in (1, 3, 2):
            cr.set_num_threads(n)
            assert cr.num_threads() == n
            x = cr.ones((500, 500))
            assert cr.sum(x @ x).item() == 500**3
        with pytest.raises(ValueError):
            cr.set_num_threads(0)
    finally:
        cr.set_num_threads(before)


def test_a_forked_child_computes():
    """A pool whose threads are gone after fork would hang here; the parent goes on as well."""
    x = cr.ones((400, 400))
    assert cr.sum(x @ x).item() == 400**3                     # the pool runs before the fork
    child = os.fork()
    if child == 0:
        try:
            ok = cr.sum(x @ x).item() == 400**3 and cr.grad(lambda x: cr.sum(x @ x))(x)[0, 0].item() == 800
            os._exit(0 if ok else 1)
        finally:
            os._exit(2)
    for _ in range(300):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    else:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0
    assert cr.sum(x @ x).item() == 400**3


def test_eight_threads_at_once():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(120, 120)).astype("float32") for _ in range(8)]
    alone = [work(x) for x in inputs]
    together = [None] * 8

    def run(k):
        for _ in range(10):
            together[k] = work(inputs[k])

    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


def work(x):
    def loss(x):
        return cr.sum(cr.tanh(x @ x.T / 100) * x)
    return np.asarray(cr.grad(loss)(cr.asarray(x)))


def test_one_tensor_is_read_by_many_threads():
    x = cr.ones((64, 64))
    failures = []

    def read():
        for i in range(500):
            y = x[i % 64] + x[:, i % 64]
            if cr.sum(y).item() != 128 or np.asarray(x).sum() != 4096:
                failures.append(i)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_thread_that_ends_and_an_interpreter_that_exits_leave_no_noise(python):
    out = python("""
import threading
import chainrule as cr
keep = []
def work():
    keep.append(cr.grad(lambda x: cr.sum(x @ x))(cr.ones((200, 200))))
thread = threading.Thread(target=work); thread.start(); thread.join()
print(keep[0][0, 0].item())
""")
    assert out == "400.0\n"


def test_the_first_of_several_faults_is_named_on_any_number_of_threads():
    index = np.zeros(1_000_000, dtype=np.int64)
    index[700_000:] = 5
    index[600_001], index[900_000] = 9, 7
    before = cr.num_threads()
    try:
        for n in (1, 4):
            cr.set_num_threads(n)
            for _ in range(20):
                with pytest.raises(IndexError, match="index 9 is out"):
                    cr.take(cr.ones(3), cr.tensor(index))
    finally:
        cr.set_num_threads(before)
