"""Datasets and the walks through them."""
import threading

import chainrule as cr
import numpy as np
import pytest


def numbers(n):
    """n samples, the label of each telling which it is."""
    return cr.data.Dataset(np.arange(2 * n, dtype=np.float32).reshape(n, 2), np.arange(n))


def order(batches):
    return np.concatenate([np.asarray(y) for _, y in batches]).tolist()


@pytest.mark.parametrize("n, size", [(10, 3), (9, 3), (1, 5), (7, 7), (5, 1)])
def test_an_epoch_uses_every_sample_once(n, size):
    batches = numbers(n).batches(size, rng=cr.Rng(1))
    parts = list(batches)
    assert len(parts) == len(batches) == -(-n // size)
    assert sorted(order(parts)) == list(range(n))
    assert all(np.array_equal(np.asarray(x)[:, 0], 2 * np.asarray(y)) for x, y in parts)


def test_without_rng_the_order_is_that_of_the_samples():
    assert order(numbers(10).batches(4)) == list(range(10))


def test_the_same_state_gives_the_same_order_and_each_walk_a_new_one():
    data, rng = numbers(50), cr.Rng(3)
    state = rng.state()
    first, second = order(data.batches(8, rng=rng)), order(data.batches(8, rng=rng))
    rng.restore(state)
    assert order(data.batches(8, rng=rng)) == first != second


def test_drop_last_leaves_the_short_batch_out():
    batches = numbers(10).batches(4, drop_last=True)
    assert len(batches) == 2 and order(batches) == list(range(8))


def test_a_walk_that_starts_later_has_the_rest_of_the_same_order():
    whole = order(numbers(20).batches(3, rng=cr.Rng(5)))
    assert order(numbers(20).batches(3, rng=cr.Rng(5), start=4)) == whole[12:]


def test_drawing_with_replacement_repeats_samples():
    drawn = order(numbers(100).batches(10, rng=cr.Rng(0), replace=True))
    assert len(drawn) == 100 and len(set(drawn)) < 90


def test_prefetching_changes_nothing_but_the_thread():
    plain, ahead = (numbers(50).batches(4, rng=cr.Rng(2), prefetch=count) for count in (0, 2))
    assert order(ahead) == order(plain)


def test_leaving_a_walk_early_ends_its_thread():
    for _ in numbers(1000).batches(1, prefetch=3):
        break
    walk = iter(numbers(1000).batches(1, prefetch=3))
    next(walk)
    walk.close()
    assert not [t for t in threading.enumerate() if t.name == "chainrule-batches"]


def test_an_error_of_the_thread_arrives_where_the_batch_is_asked_for():
    def broken():
        yield 1
        raise OSError("disk gone")

    walk = cr.data.dataset.ahead(broken(), 2)
    assert next(walk) == 1
    with pytest.raises(OSError, match="disk gone"):
        next(walk)


def test_indexing_gives_samples_and_subsets():
    data = numbers(6)
    x, y = data[-1]
    assert np.asarray(x).tolist() == [10, 11] and y.item() == 5
    assert len(data) == 6 and order(data[1:3].batches(9)) == [1, 2]
    assert order(data[[4, 0]].batches(9)) == [4, 0]
    assert order(data[np.arange(6) > 3].batches(9)) == [4, 5]
    assert order(data[cr.tensor([5, -6])].batches(9)) == [5, 0]
    assert [y.item() for _, y in data] == list(range(6))
    with pytest.raises(IndexError, match="Dataset: index 6 is out of range for 6 samples"):
        data[6]


def test_splits_are_disjoint_and_complete():
    """n = 1,000, 80-20 twice.   Book: §2.5"""
    rest, test = numbers(1000).split(0.8, cr.Rng(0))
    train, validation = rest.split(0.8, cr.Rng(1))
    assert (len(train), len(validation), len(test)) == (640, 160, 200)
    seen = sum((order(part.batches(1000)) for part in (train, validation, test)), [])
    assert sorted(seen) == list(range(1000))


def test_data_without_labels_gives_bare_batches():
    data = cr.data.Dataset(np.ones((5, 2), np.float32))
    assert [x.shape for x in data.batches(3)] == [(3, 2), (2, 2)]
    assert data[0].shape == (2,)


def test_empty_data_has_no_batches():
    for options in ({}, {"rng": cr.Rng(0)}, {"rng": cr.Rng(0), "replace": True}, {"prefetch": 2}):
        assert list(numbers(0).batches(3, **options)) == []


@pytest.mark.parametrize("make, message", [
    (lambda: cr.data.Dataset(np.ones((3, 2)), np.ones(2)), "Dataset: 3 rows of x and 2 of y; needs as many"),
    (lambda: numbers(3).batches(0), "batches: size must be a positive integer, got 0"),
    (lambda: numbers(3).batches(2, prefetch=-1), "batches: prefetch must be an integer of at .* 0, got -1"),
    (lambda: numbers(3).batches(2, start=0.5), "batches: start must be an integer of at least 0, got 0.5"),
    (lambda: numbers(3)[[0.5]], "Dataset: index must be integers or a mask, got float64"),
    (lambda: numbers(3).split(1.5), r"split: fraction must lie in \[0, 1\], got 1.5"),
    (lambda: numbers(3).batches(2, replace=True), "batches: drawing with replacement needs rng="),
])
def test_errors_say_what_is_needed(make, message):
    with pytest.raises(ValueError, match=message):
        make()
