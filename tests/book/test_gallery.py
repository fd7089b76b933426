"""Every entry of the gallery runs at its quick size, and no row of its table is off."""
import numpy as np
import pytest
from chainrule.book import Result, at_least, at_most, entries, fact, find, near
from chainrule.book.command import attempt


@pytest.mark.parametrize("entry", entries(), ids=lambda e: e.name)
def test_entry_agrees_with_the_book(entry):
    result = attempt(entry, full=False)
    if isinstance(result, str):
        pytest.skip(result)
    assert isinstance(result, Result) and (result.rows or result.figures)
    assert not [row for row in result.rows if row.holds is False]
    for caption, figure in result.figures.items():
        assert caption and figure.axes, "a picture without a caption or without axes"


def test_rows_claim_what_they_say():
    assert near("x", 1.0, 1.05, 0.1).holds and not near("x", 1.0, 1.2, 0.1).holds
    assert not near("x", 1.0, float("nan"), 0.1).holds
    assert not near("pair", (1.0, 2.0), (1.0, 2.5), 0.1).holds
    assert at_least("x", 0.9, 0.95).holds and not at_least("x", 0.9, 0.8).holds
    assert at_most("x", 0.9, 0.8).holds and not at_most("x", 0.9, 0.95).holds
    bound = np.float64(0.9)                              # its comparisons are np.bool_
    assert at_least("x", bound, 0.8).holds is False and at_most("x", bound, 1).holds is False
    assert fact("it rains", 1).holds and not fact("it rains", 0).holds


def test_near_needs_as_many_numbers_as_the_book_has():
    with pytest.raises(ValueError):
        near("pair", (1.0, 2.0), (1.0,), 0.1)


def test_an_unknown_id_is_answered_with_its_neighbours():
    with pytest.raises(KeyError, match="there is no entry '4.5-fig4.99'"):
        find("4.5-fig4.99")
