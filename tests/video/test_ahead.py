"""What a thread makes before its turn comes in its order, bounded, and with its errors in place."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from openmer.video._ahead import ahead, later


def counted(made, most=None):
    """Numbers, each noted with its thread when it is made; an error after so many."""
    number = 0
    while most is None or number < most:
        made.append((number, threading.get_ident()))
        yield number
        number += 1
    raise RuntimeError("broken")


def test_items_come_in_their_order_made_by_one_other_thread():
    made = []
    with closing(ahead(counted(made), 3)) as items:
        assert [next(items) for _ in range(20)] == list(range(20))
    (thread,) = {thread for _, thread in made}
    assert thread != threading.get_ident()


def test_no_more_are_made_than_may_wait_and_none_after_the_end():
    made = []
    with closing(ahead(counted(made), 3)) as items:
        next(items)
        time.sleep(0.05)
        assert len(made) <= 1 + 3 + 1
    end = len(made)
    time.sleep(0.05)
    assert len(made) == end
    assert not [one for one in threading.enumerate() if one.name.startswith("openmer-ahead")]


def test_an_error_comes_after_the_items_before_it():
    items = ahead(counted([], 5), 3)
    assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(RuntimeError, match="broken"):
        next(items)


@pytest.mark.parametrize("items", [[], [None], [0, "", None]])
def test_what_counts_as_false_is_an_item_too(items):
    assert list(ahead(items, 2)) == items


def test_without_a_pool_a_call_waits_until_its_result_is_asked_for():
    calls = []
    result = later(None, lambda value: calls.append(value) or value, 3)
    assert calls == []
    assert result() == 3 and calls == [3]
    with ThreadPoolExecutor(1) as pool:
        assert later(pool, max, 4, 7)() == 7
