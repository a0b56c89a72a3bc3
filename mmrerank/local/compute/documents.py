"""Documents' states, for models whose prompts put the document first.

What a causal model computes of a document does not depend on what follows it. So its keys and
values are computed once; a query then costs its own few tokens a document, all documents in one
pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from mmrerank.local.cache.entry import CacheEntry
from mmrerank.local.cache.keys import Keys
from mmrerank.local.cache.memory import StateCache
from mmrerank.local.compute.engine import Engine, Progress, StateSink
from mmrerank.local.compute.states import State
from mmrerank.local.prompt.prompt import PlacedImage, Prompt
from mmrerank.types import Content

__all__ = ["DocumentScore", "DocumentStates", "MakePrompts", "Tail"]

MakePrompts = Callable[[Sequence[int]], list[Prompt]]
"""The whole prompts of the items at some indices."""

_AT_ONCE = 8  # entries that are looked up at once: states of pages take 20 MiB or more

_CachedItem = tuple[int, CacheEntry]


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows a document's state: the query and the token that the score is read from.

    It is the same for every document of a query. `back` is the number of tokens at the state's end that the
    tail replaces: 0, except for a query that merges with the words before it (one that begins with
    a line break).
    """

    prompt: Prompt
    back: int = 0


@dataclass(frozen=True, slots=True)
class DocumentScore:
    """The logit of one item, the tokens of its whole prompt, and whether it was cut to fit."""

    logit: float
    tokens: int
    cut: bool


class DocumentStates:
    """Scores documents from their cached states, and caches the states that are missing."""

    def __init__(self, cache: StateCache, keys: Keys) -> None:
        self._cache, self._keys = cache, keys
        self._int8 = cache.reuse.states == "int8"

    def score(
        self,
        engine: Engine,
        items: Sequence[Content],
        tails: Sequence[Tail],
        make_prompts: MakePrompts,
        progress: Progress | None,
    ) -> list[DocumentScore]:
        """The score of each item with its tail, in order.

        `make_prompts` is asked for those items whose state is not cached. An item that is there
        several times, with several queries, is read once. Raises as `Engine.compute` does.
        """
        keys = self._keys_of(items)
        scores: dict[int, DocumentScore] = {}
        left = list(range(len(items)))
        while left:
            for chunk in self._cached_chunks(left, keys, tails, engine.budget):
                scores |= self._score_cached(engine, chunk, tails)
                if progress is not None:
                    progress(len(chunk))
            unread = [row for row in left if row not in scores]
            if missing := _first_of_each(unread, keys, tails):
                scores |= self._score_missing(
                    engine, keys, missing, make_prompts(missing), tails, progress
                )
            left = [row for row in unread if row not in scores]
        return [scores[row] for row in range(len(items))]

    def warm(
        self, engine: Engine, items: Sequence[Content], tail: Tail, make_prompts: MakePrompts
    ) -> None:
        """Compute and cache the states that are missing. Raises as `Engine.compute` does."""
        keys = self._keys_of(items)
        rows = range(len(items))
        missing = [row for row, entry in self._entries(rows, keys) if entry is None]
        if missing:
            prompts = make_prompts(missing)
            lengths = [len(prompt) - len(tail.prompt) for prompt in prompts]
            documents = [
                replace(prompt, ids=prompt.ids[:length], images=_images_before(prompt, length))
                for prompt, length in zip(prompts, lengths, strict=True)
            ]
            sink = self._sink([keys[row] for row in missing], prompts, lengths)
            engine.compute(documents, sink=sink, scores=False)

    def key(self, item: Content) -> str:
        """The key of an item's state. Raises `ImageError` for an image that cannot be read."""
        return self._keys.document(item.images, item.text)

    def _keys_of(self, items: Sequence[Content]) -> list[str]:
        known = {item: self.key(item) for item in dict.fromkeys(items)}
        return [known[item] for item in items]

    def _cached_chunks(
        self, rows: Sequence[int], keys: Sequence[str], tails: Sequence[Tail], budget: int
    ) -> Iterator[list[_CachedItem]]:
        """Those rows that are cached, with their entries; tails of at most `budget` tokens at a time.

        The bytes of a chunk are limited too: many of its entries may come from disk.
        """
        chunk: list[_CachedItem] = []
        nbytes = tokens = 0
        for row, entry in self._entries(rows, keys):
            if entry is None:
                continue
            added = len(tails[row].prompt)
            if chunk and (tokens + added > budget or nbytes > self._cache.chunk_bytes):
                yield chunk
                chunk, nbytes, tokens = [], 0, 0
            chunk.append((row, entry))
            nbytes, tokens = nbytes + entry.nbytes, tokens + added
        if chunk:
            yield chunk

    def _entries(
        self, rows: Sequence[int], keys: Sequence[str]
    ) -> Iterator[tuple[int, CacheEntry | None]]:
        """The entry of the key of each row, some of which are looked up at once."""
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            found = self._cache.get_all([keys[row] for row in some], "document")
            for row in some:
                yield row, found.get(keys[row])

    def _score_cached(
        self, engine: Engine, chunk: Sequence[_CachedItem], tails: Sequence[Tail]
    ) -> dict[int, DocumentScore]:
        """Compute only the tail of each item."""
        states, starts = [], []
        for row, entry in chunk:
            state, back = State(entry.tensors["kv"], entry.tensors.get("scale")), tails[row].back
            states.append(state.head(state.tokens - back))
            starts.append(entry.facts["next"] - back)
        logits = engine.resume(states, [tails[row].prompt for row, _ in chunk], starts)
        return {
            row: DocumentScore(
                logit,
                entry.facts["tokens"] + len(tails[row].prompt) - tails[row].back,
                bool(entry.facts["cut"]),
            )
            for (row, entry), logit in zip(chunk, logits, strict=True)
        }

    def _score_missing(
        self,
        engine: Engine,
        keys: Sequence[str],
        rows: Sequence[int],
        prompts: Sequence[Prompt],
        tails: Sequence[Tail],
        progress: Progress | None,
    ) -> dict[int, DocumentScore]:
        """Compute whole prompts, and cache the documents' states (not where the tail has `back`)."""
        lengths = [
            0 if tails[row].back else len(prompt) - len(tails[row].prompt)
            for row, prompt in zip(rows, prompts, strict=True)
        ]
        sink = self._sink([keys[row] for row in rows], prompts, lengths)
        logits = engine.compute(prompts, progress, sink=sink)
        return {
            row: DocumentScore(logit, len(prompt), prompt.cut)
            for row, prompt, logit in zip(rows, prompts, logits, strict=True)
        }

    def _sink(
        self, keys: Sequence[str], prompts: Sequence[Prompt], lengths: Sequence[int]
    ) -> StateSink:
        """Puts the state of the first `lengths[row]` tokens of each prompt into the cache."""

        def put(row: int, state: State) -> None:
            facts = {
                "tokens": lengths[row],
                "next": int(prompts[row].positions()[0, lengths[row]]),
                "cut": int(prompts[row].cut),
            }
            if self._int8:
                state = state.in_int8()
            tensors = {"kv": state.kv}
            if state.scale is not None:
                tensors["scale"] = state.scale
            self._cache.put(keys[row], CacheEntry(tensors, facts), "document")

        return StateSink(lengths, put)


def _first_of_each(rows: Sequence[int], keys: Sequence[str], tails: Sequence[Tail]) -> list[int]:
    """One row of each key, in order: the first one whose state can be cached, if there is one."""
    first: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: tails[row].back > 0):  # stable
        first.setdefault(keys[row], row)
    return sorted(first.values())


def _images_before(prompt: Prompt, length: int) -> tuple[PlacedImage, ...]:
    """The images that begin before the token `length`: those of the document."""
    return tuple(image for image in prompt.images if image.start < length)
