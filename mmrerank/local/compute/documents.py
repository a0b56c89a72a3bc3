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
from mmrerank.local.compute.decoder import State
from mmrerank.local.compute.engine import Engine, Progress, StateSink
from mmrerank.local.prompt.prompt import PlacedImage, Prompt
from mmrerank.types import Content

__all__ = ["DocumentScore", "DocumentStates", "MakePrompts", "Tail"]

MakePrompts = Callable[[Sequence[Content]], list[Prompt]]

_AT_ONCE = 8  # entries that are looked up at once: states of pages take 20 MiB or more

_CachedItem = tuple[int, CacheEntry]


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows a document's state: the query and the token that the score is read from.

    It is the same for every document. `back` is the number of tokens at the state's end that the
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
        tail: Tail,
        make_prompts: MakePrompts,
        progress: Progress | None,
    ) -> list[DocumentScore]:
        """The score of each item, in order.

        `make_prompts` makes the whole prompts of those items whose state is not cached. Raises as
        `Engine.compute` does.
        """
        keys = self._keys_of(items)
        scores: dict[int, DocumentScore] = {}
        max_rows = max(1, engine.budget // len(tail.prompt))
        for chunk in self._cached_chunks(keys, max_rows):
            scores |= self._score_cached(engine, chunk, tail)
            if progress is not None:
                progress(len(chunk))
        missing = [row for row in range(len(items)) if row not in scores]
        if missing:
            prompts = make_prompts([items[row] for row in missing])
            missing_keys = [keys[row] for row in missing]
            computed = self._score_missing(engine, missing_keys, prompts, tail, progress)
            scores |= dict(zip(missing, computed, strict=True))
        return [scores[row] for row in range(len(items))]

    def warm(
        self, engine: Engine, items: Sequence[Content], tail: Tail, make_prompts: MakePrompts
    ) -> None:
        """Compute and cache the states that are missing. Raises as `Engine.compute` does."""
        keys = self._keys_of(items)
        missing = [row for row, entry in self._entries(keys) if entry is None]
        if missing:
            prompts = make_prompts([items[row] for row in missing])
            lengths = [len(prompt) - len(tail.prompt) for prompt in prompts]
            documents = [
                replace(prompt, ids=prompt.ids[:length], images=_images_before(prompt, length))
                for prompt, length in zip(prompts, lengths, strict=True)
            ]
            sink = self._sink([keys[row] for row in missing], prompts, lengths)
            engine.compute(documents, sink=sink, scores=False)

    def _keys_of(self, items: Sequence[Content]) -> list[str]:
        return [self._keys.document(item.images, item.text) for item in items]

    def _cached_chunks(self, keys: Sequence[str], max_rows: int) -> Iterator[list[_CachedItem]]:
        """The items that are cached, with their entries, at most `max_rows` at a time.

        The bytes of a chunk are limited too: many of its entries may come from disk.
        """
        chunk: list[_CachedItem] = []
        nbytes = 0
        for row, entry in self._entries(keys):
            if entry is None:
                continue
            chunk.append((row, entry))
            nbytes += entry.nbytes
            if len(chunk) == max_rows or nbytes > self._cache.chunk_bytes:
                yield chunk
                chunk, nbytes = [], 0
        if chunk:
            yield chunk

    def _entries(self, keys: Sequence[str]) -> Iterator[tuple[int, CacheEntry | None]]:
        """The entry of each key, some of which are looked up at once."""
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            found = self._cache.get_all(some, "document")
            for row, key in enumerate(some, start):
                yield row, found.get(key)

    def _score_cached(
        self, engine: Engine, chunk: Sequence[_CachedItem], tail: Tail
    ) -> dict[int, DocumentScore]:
        """Compute only the tail of each item."""
        states, starts = [], []
        for _, entry in chunk:
            state = State(entry.tensors["kv"], entry.tensors.get("scale"))
            states.append(state.head(state.tokens - tail.back))
            starts.append(entry.facts["next"] - tail.back)
        logits = engine.resume(states, [tail.prompt] * len(states), starts)
        added = len(tail.prompt) - tail.back
        return {
            row: DocumentScore(logit, entry.facts["tokens"] + added, bool(entry.facts["cut"]))
            for (row, entry), logit in zip(chunk, logits, strict=True)
        }

    def _score_missing(
        self,
        engine: Engine,
        keys: Sequence[str],
        prompts: Sequence[Prompt],
        tail: Tail,
        progress: Progress | None,
    ) -> list[DocumentScore]:
        """Compute whole prompts, and cache the documents' states (not where the tail has `back`)."""
        lengths = [0 if tail.back else len(prompt) - len(tail.prompt) for prompt in prompts]
        logits = engine.compute(prompts, progress, sink=self._sink(keys, prompts, lengths))
        return [
            DocumentScore(logit, len(prompt), prompt.cut)
            for prompt, logit in zip(prompts, logits, strict=True)
        ]

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


def _images_before(prompt: Prompt, length: int) -> tuple[PlacedImage, ...]:
    """The images that begin before the token `length`: those of the document."""
    return tuple(image for image in prompt.images if image.start < length)
