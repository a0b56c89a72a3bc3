"""Documents' states, for models whose prompts put the document first.

What a causal model makes of a document does not depend on what follows it. So its keys and values
are computed once; a query then costs its own few tokens a document, all documents in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from mmrerank.local.cache.entry import Kept
from mmrerank.local.cache.keys import Keys
from mmrerank.local.cache.memory import Store
from mmrerank.local.compute.decoder import State
from mmrerank.local.compute.engine import Engine, Progress, Sink
from mmrerank.local.prompt.prompt import PlacedImage, Prompt
from mmrerank.types import Content

__all__ = ["DocumentStates", "Tail"]

Prompts = Callable[[Sequence[Content]], list[Prompt]]

Known = tuple[int, Kept]


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows a document's state: the query and the token that the score is read from.

    It is the same behind every document. `back` is how many tokens at the state's end the tail
    replaces: 0, but for a query that merges with the words before it (it begins with a line break).
    """

    prompt: Prompt
    back: int = 0


class DocumentStates:
    """Scores documents from their states, and keeps the states it did not find."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store, self._keys = store, keys
        self._int8 = store.reuse.states == "int8"

    def score(
        self,
        engine: Engine,
        items: Sequence[Content],
        tail: Tail,
        prompts: Prompts,
        step: Progress | None,
    ) -> tuple[list[float], list[int], list[bool]]:
        """The logit of each item, the tokens of its prompt, and whether it was cut to fit.

        `prompts` makes the whole prompts of those items whose state is not kept.
        """
        keys = [self._keys.document(item.images, item.text) for item in items]
        found: dict[int, tuple[float, int, bool]] = {}
        missing: list[int] = []
        most = max(1, engine.budget // len(tail.prompt))
        for chunk in self._chunks(keys, missing, most):
            for (row, kept), logit in zip(chunk, self._resume(engine, chunk, tail), strict=True):
                tokens = kept.facts["tokens"] - tail.back + len(tail.prompt)
                found[row] = logit, tokens, bool(kept.facts["cut"])
            if step is not None:
                step(len(chunk))
        if missing:
            made = prompts([items[row] for row in missing])
            lengths = [0 if tail.back else len(prompt) - len(tail.prompt) for prompt in made]
            sink = self._sink([keys[row] for row in missing], made, lengths)
            values = engine.compute(made, step, sink=sink)
            for row, prompt, logit in zip(missing, made, values, strict=True):
                found[row] = logit, len(prompt), prompt.cut
        ordered = [found[row] for row in range(len(items))]
        return (
            [logit for logit, _, _ in ordered],
            [tokens for _, tokens, _ in ordered],
            [cut for _, _, cut in ordered],
        )

    def warm(self, engine: Engine, items: Sequence[Content], tail: Tail, prompts: Prompts) -> None:
        """Compute and keep the states that are not kept yet."""
        keys = [self._keys.document(item.images, item.text) for item in items]
        missing = [row for row, key in enumerate(keys) if self._store.get(key) is None]
        if missing:
            made = prompts([items[row] for row in missing])
            lengths = [len(prompt) - len(tail.prompt) for prompt in made]
            cut = [
                replace(prompt, ids=prompt.ids[:length], images=_before(prompt, length))
                for prompt, length in zip(made, lengths, strict=True)
            ]
            sink = self._sink([keys[row] for row in missing], made, lengths)
            engine.compute(cut, sink=sink, scores=False)

    def _chunks(self, keys: Sequence[str], missing: list[int], most: int) -> Iterator[list[Known]]:
        """The items that are kept, with their states, at most `most` at a time.

        What a chunk holds in memory is bounded too: much of it may have come from disk.
        """
        chunk: list[Known] = []
        held = 0
        for row, key in enumerate(keys):
            kept = self._store.get(key)
            if kept is None:
                missing.append(row)
                continue
            chunk.append((row, kept))
            held += kept.nbytes
            if len(chunk) == most or held > self._store.chunk_bytes:
                yield chunk
                chunk, held = [], 0
        if chunk:
            yield chunk

    def _resume(self, engine: Engine, chunk: Sequence[Known], tail: Tail) -> list[float]:
        states, starts = [], []
        for _, kept in chunk:
            state = State(kept.tensors["kv"], kept.tensors.get("scale"))
            states.append(state.head(state.tokens - tail.back))
            starts.append(kept.facts["next"] - tail.back)
        return engine.resume(states, [tail.prompt] * len(states), starts)

    def _sink(self, keys: Sequence[str], made: Sequence[Prompt], lengths: Sequence[int]) -> Sink:
        def put(row: int, state: State) -> None:
            facts = {
                "tokens": lengths[row],
                "next": int(made[row].positions()[0, lengths[row]]),
                "cut": int(made[row].cut),
            }
            if self._int8:
                state = state.in_int8()
            tensors = {"kv": state.kv}
            if state.scale is not None:
                tensors["scale"] = state.scale
            self._store.put(keys[row], Kept(tensors, facts))

        return Sink(lengths, put)


def _before(prompt: Prompt, length: int) -> tuple[PlacedImage, ...]:
    """The images that stand before the token `length`: those of the document."""
    return tuple(image for image in prompt.images if image.start < length)
