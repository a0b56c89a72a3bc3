"""Whose turn it is, and what is computed together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmrerank.serve.queue import FairQueue, Request

KEYS = ["a", "b", "c", "d", None]


def request(*units: tuple) -> Request:
    """A request of (tokens, key, is it read) or of tokens alone."""
    made = Request(lambda results: results)
    for unit in units:
        tokens, key, read = unit if isinstance(unit, tuple) else (unit, None, False)
        made.add(None, tokens=tokens, read_tokens=1, key=key, read=read)
    return made


def places(units) -> list[int]:
    return [unit.place for unit in units]


def test_small_requests_share_a_batch():
    queue = FairQueue()
    one, other = request(10, 10), request(20)
    queue.add(one)
    queue.add(other)
    assert queue.tokens == {True: 0, False: 40}
    units = queue.take(100)
    assert [unit.request for unit in units] == [one, one, other]
    queue.done(units, lambda key: False)
    assert queue.tokens == {True: 0, False: 0}
    assert queue.take(100) == []


def test_a_large_request_keeps_a_small_one_waiting_for_one_batch():
    queue = FairQueue()
    large, small = request(*[10] * 1000), request(10, 10)
    queue.add(large)
    assert {unit.request for unit in queue.take(100)} == {large}
    queue.add(small)
    units = queue.take(100)
    assert sum(unit.request is small for unit in units) == 2
    assert sum(unit.request is large for unit in units) == 8  # the room that is left


def test_requests_of_one_size_get_equal_shares():
    queue = FairQueue()
    several = [request(*[10] * 40) for _ in range(3)]
    for one in several:
        queue.add(one)
    given_out = [unit.request for _ in range(6) for unit in queue.take(100)]
    counts = [given_out.count(one) for one in several]
    assert max(counts) - min(counts) <= 3  # a turn


def test_a_turn_that_a_full_batch_cut_goes_on_in_the_next_one():
    queue = FairQueue()
    several = [request(*[10] * 3) for _ in range(9)]
    for one in several:
        queue.add(one)
    given_out = [unit.request for _ in range(3) for unit in queue.take(100)]
    assert given_out == [one for one in several for _ in range(3)]


def test_a_turn_is_not_longer_because_a_full_batch_cut_it():
    queue = FairQueue()
    small, *large = request(*[10] * 2), *[request(*[10] * 40) for _ in range(3)]
    for one in (small, *large):
        queue.add(one)
    first, second = queue.take(100), queue.take(100)
    cut = first[-1].request
    assert sum(unit.request is cut for unit in first) == 2
    assert [unit.request is cut for unit in second][:4] == [True, False, False, False]


def test_a_unit_larger_than_the_budget_is_a_batch_of_its_own():
    queue = FairQueue()
    queue.add(request(500, 10))
    assert places(queue.take(100)) == [0]
    assert places(queue.take(100)) == [1]


def test_read_documents_first_but_not_for_ever():
    queue = FairQueue()
    cold = request((10, "cold", False))
    queue.add(cold)
    kinds = []
    for i in range(10):
        queue.add(request((10, f"{i}", True)))
        kinds.append(queue.take(1)[0].read)
    assert kinds == [True] * 8 + [False, True]


def test_one_unread_document_is_given_out_once_and_is_cheap_then():
    queue = FairQueue()
    one, other = request((10, "a", False)), request((10, "a", False), (10, "b", False))
    queue.add(one)
    queue.add(other)
    units = queue.take(100)
    assert [(unit.request, unit.key) for unit in units] == [(one, "a"), (other, "b")]
    queue.done(units, lambda key: True)
    assert queue.tokens == {True: 1, False: 0}
    (unit,) = queue.take(100)
    assert unit.request is other
    assert unit.read


def test_a_document_that_could_not_be_kept_is_given_out_again():
    queue = FairQueue()
    queue.add(request((10, "a", False)))
    queue.add(request((10, "a", False)))
    for _ in range(2):
        (unit,) = units = queue.take(100)
        assert not unit.read
        queue.done(units, lambda key: False)
    assert queue.tokens == {True: 0, False: 0}


def test_what_is_discarded_is_not_given_out():
    queue = FairQueue()
    gone, other = request((10, "a", False), (10, "b", True)), request((10, "a", False))
    queue.add(gone)
    queue.add(other)
    queue.discard(gone)
    queue.discard(gone)
    assert len(queue) == 1
    assert [unit.request for unit in queue.take(100)] == [other]


UNIT = st.tuples(st.integers(1, 60), st.sampled_from(KEYS), st.booleans())
STEP = st.one_of(
    st.tuples(st.just("add"), st.lists(UNIT, max_size=6)),
    st.tuples(st.just("take"), st.integers(1, 100)),
    st.tuples(st.just("leave"), st.integers(0, 10)),
)


@given(st.lists(STEP, max_size=40), st.sets(st.sampled_from(["a", "b", "c"])))
def test_every_unit_is_given_out_once_unless_its_client_left(steps, kept):
    queue, requests, out, gone = FairQueue(), [], [], set()

    def compute(budget: int) -> bool:
        units = queue.take(budget)
        out.extend(units)
        assert len(units) == 1 or sum(unit.tokens for unit in units) <= budget
        assert len({unit.read for unit in units}) <= 1
        unread = [unit.key for unit in units if unit.key is not None and not unit.read]
        assert len(unread) == len(set(unread))
        queue.done(units, kept.__contains__)
        return bool(units)

    for name, value in steps:
        if name == "add":
            # a unit without a key has no state that could have been read
            requests.append(request(*[(t, k, r and k is not None) for t, k, r in value]))
            queue.add(requests[-1])
        elif name == "take":
            compute(value)
        elif value < len(requests):
            queue.discard(requests[value])
            gone.add(requests[value])
    while compute(50):
        pass
    assert queue.tokens == {True: 0, False: 0}
    assert len(queue) == 0
    assert not queue._unread
    assert len(out) == len(set(out))
    for one in requests:
        if one not in gone:
            assert sum(unit.request is one for unit in out) == len(one.results)
