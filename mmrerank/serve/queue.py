"""The queue of a scheduler: whose turn it is, and what is computed together. No threads, no waiting.

A request is cut into units, each of which is computed on its own: a query with one document, or
with a part of one. Requests take turns, a few units each, so that a large one keeps nobody waiting
(deficit round robin). Units whose document was read before cost little and go first; of several
units with one unread document only one is given out at a time, since the others are cheap once
that one was read.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmrerank.types import Scored, Usage

__all__ = ["FairQueue", "Outcome", "Request", "ScoredRequest", "Unit", "halves"]

_TURNS = 4  # requests that share a batch if each has enough for more than its turn
_READ_IN_A_ROW = 8  # batches of read documents before one of unread ones, if there are any


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRequest:
    """The answer to one request: a `Scored` for each document, in order, and what it used.

    `usage.total_tokens` is None where the reranker does not count tokens.
    """

    scored: list[Scored]
    usage: Usage


Outcome = ScoredRequest | Exception
"""What becomes of a request: its answer or its error."""


class Request:
    """Units that belong together. `finish` makes the answer of the results of all units, in order."""

    def __init__(self, finish: Callable[[list[Any]], ScoredRequest]) -> None:
        self.finish = finish
        self.results: list[Any] = []
        self.left = 0  # units without a result
        self.taken = 0  # tokens that its present turn has had
        self.waiting: dict[bool, OrderedDict[Unit, None]] = {
            True: OrderedDict(),
            False: OrderedDict(),
        }

    def add(
        self, work: Any, *, tokens: int, read_tokens: int = 0, key: str | None = None, read: bool
    ) -> None:
        """Add a unit. `tokens` is what it costs unread, `read_tokens` once its document is read."""
        unit = Unit(self, len(self.results), work, tokens, read_tokens, key, read)
        self.results.append(None)
        self.left += 1
        self.waiting[read][unit] = None

    def put(self, unit: Unit, result: Any) -> None:
        """Take the result of a unit."""
        self.results[unit.place] = result
        self.left -= 1

    def outcome(self) -> Outcome:
        """What became of it, once all units have their results."""
        try:
            return self.finish(self.results)
        except Exception as error:  # no finite score, or a mistake in the caller's own `fusion`
            return error


@dataclass(eq=False, slots=True)
class Unit:
    """One thing to compute: `work`, for the place `place` among its request's results.

    `key` names the state of its document, None if it has none; `read` says that the state was
    computed before.
    """

    request: Request
    place: int
    work: Any
    unread_tokens: int
    read_tokens: int
    key: str | None
    read: bool

    @property
    def tokens(self) -> int:
        """What it costs to compute, in tokens."""
        return self.read_tokens if self.read else self.unread_tokens


@dataclass(slots=True)
class _Batch:
    budget: int
    read: bool
    units: list[Unit] = field(default_factory=list)
    tokens: int = 0
    keys: set[str] = field(default_factory=set)

    def add(self, unit: Unit) -> bool:
        """Whether there was room; the first unit always has some."""
        if self.units and self.tokens + unit.tokens > self.budget:
            return False
        self.units.append(unit)
        self.tokens += unit.tokens
        if unit.key is not None and not unit.read:
            self.keys.add(unit.key)
        return True


class FairQueue:
    """Requests in the order of their turns. Not locked.

    `tokens` counts what was accepted and is not done, `tokens[True]` with read documents and
    `tokens[False]` with others.
    """

    def __init__(self) -> None:
        self.tokens = {True: 0, False: 0}
        self._turns: deque[Request] = deque()
        self._waiting = {True: 0, False: 0}
        self._unread: dict[str, dict[Unit, None]] = {}  # the units that wait, by their documents
        self._read_in_a_row = 0

    def __len__(self) -> int:
        """The number of units that wait."""
        return sum(self._waiting.values())

    def add(self, request: Request) -> None:
        """Its first turn comes after those of all others."""
        self._turns.append(request)
        for units in request.waiting.values():
            for unit in units:
                self.tokens[unit.read] += unit.tokens
                self._wait(unit)

    def discard(self, request: Request) -> None:
        """Forget what waits of a request; units that are being computed are not stopped."""
        for units in request.waiting.values():
            for unit in list(units):
                self._give_out(unit)
                self.tokens[unit.read] -= unit.tokens
        if request in self._turns:
            self._turns.remove(request)

    def take(self, budget: int) -> list[Unit]:
        """The next batch, of at most `budget` tokens or of one unit; call `done` with it later.

        All of its units have a read document, or none has. [] if nothing waits.
        """
        batch = _Batch(budget, self._next_kind())
        full, passed = False, 0
        while not full and passed < len(self._turns):
            request = self._turns[0]
            before = len(batch.units)
            full = not self._turn(request, batch)
            if full:
                break  # it has the rest of its turn in the next batch
            self._turns.popleft()
            if any(request.waiting.values()):
                self._turns.append(request)
                passed = passed + 1 if len(batch.units) == before else 0
        return batch.units

    def done(self, units: Sequence[Unit], is_read: Callable[[str], bool]) -> None:
        """These units were computed, or failed. `is_read` says which documents are read now."""
        for unit in units:
            self.tokens[unit.read] -= unit.tokens
        for key in {unit.key for unit in units if unit.key is not None and not unit.read}:
            if key in self._unread and is_read(key):
                self._mark_read(list(self._unread[key]))

    def _next_kind(self) -> bool:
        """Whether the next batch is of read documents: first those, but not for ever."""
        late = self._read_in_a_row >= _READ_IN_A_ROW and self._waiting[False] > 0
        read = self._waiting[True] > 0 and not late
        self._read_in_a_row = self._read_in_a_row + 1 if read else 0
        return read

    def _turn(self, request: Request, batch: _Batch) -> bool:
        """Move units of a request into the batch, as many as are left of its turn.

        False if the batch is full before the turn ends.
        """
        waiting = request.waiting[batch.read]
        while request.taken < max(1, batch.budget // _TURNS):
            unit = next((u for u in waiting if u.key is None or u.key not in batch.keys), None)
            if unit is None:
                break
            if not batch.add(unit):
                return False
            request.taken += unit.tokens
            self._give_out(unit)
        request.taken = 0
        return True

    def _mark_read(self, units: Iterable[Unit]) -> None:
        """Let units wait among those whose documents are read."""
        for unit in units:
            self._give_out(unit)
            self.tokens[False] -= unit.tokens
            unit.read = True
            self.tokens[True] += unit.tokens
            unit.request.waiting[True][unit] = None
            self._wait(unit)

    def _wait(self, unit: Unit) -> None:
        self._waiting[unit.read] += 1
        if unit.key is not None and not unit.read:
            self._unread.setdefault(unit.key, {})[unit] = None

    def _give_out(self, unit: Unit) -> None:
        """The unit waits no longer."""
        del unit.request.waiting[unit.read][unit]
        self._waiting[unit.read] -= 1
        if unit.key is not None and not unit.read:
            del self._unread[unit.key][unit]
            if not self._unread[unit.key]:
                del self._unread[unit.key]


def halves(units: list[Unit], requests: list[Request]) -> tuple[list[Unit], list[Unit]]:
    """The units of the first half of the requests, and those of the others."""
    first = set(requests[: len(requests) // 2])
    return [u for u in units if u.request in first], [u for u in units if u.request not in first]
