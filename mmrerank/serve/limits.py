"""How much work may wait for the model, in tokens and in seconds."""

from __future__ import annotations

from collections.abc import Mapping

from mmrerank.errors import InvalidInputError, QueueFullError, RequestTooLargeError

__all__ = ["Limits"]

_KEPT = 0.9  # of what was measured before, at each new measurement: about ten batches count


class Limits:
    """Decides whether a request may wait. Not locked.

    Tokens of documents that were read before (True) and of others (False) take different times, so
    they are counted and measured apart. Raises `InvalidInputError` for limits that are not positive.
    """

    def __init__(self, max_tokens: int, max_seconds: float) -> None:
        if max_tokens < 1 or not max_seconds > 0:
            raise InvalidInputError("max_queue_tokens and max_queue_seconds must be positive")
        self.max_tokens, self.max_seconds = max_tokens, max_seconds
        self._tokens = {True: 0.0, False: 0.0}
        self._seconds = {True: 0.0, False: 0.0}

    def measured(self, read: bool, tokens: int, seconds: float) -> None:
        """A batch of so many tokens took so long."""
        self._tokens[read] = _KEPT * self._tokens[read] + tokens
        self._seconds[read] = _KEPT * self._seconds[read] + seconds

    def seconds(self, waiting: Mapping[bool, int]) -> float:
        """How long so many tokens will take; a kind that was never measured counts as 0.0."""
        return sum(
            tokens * self._seconds[read] / self._tokens[read]
            for read, tokens in waiting.items()
            if self._tokens[read]
        )

    def check(self, tokens: int, waiting: Mapping[bool, int], planned: int) -> None:
        """Raises `RequestTooLargeError` or `QueueFullError` if `tokens` more may not wait.

        `planned` tokens were accepted and are not in the queue yet. They are not counted in seconds,
        since their documents may have been read.
        """
        if tokens > self.max_tokens:
            raise RequestTooLargeError(
                f"the request has about {tokens} tokens, more than the {self.max_tokens} that may "
                "wait for the model"
            )
        total, seconds = sum(waiting.values()) + planned, self.seconds(waiting)
        if total + tokens > self.max_tokens:
            raise QueueFullError(f"{total} tokens wait for the model", max(1.0, seconds / 2))
        if seconds > self.max_seconds:
            late = seconds - self.max_seconds
            raise QueueFullError(f"work for {seconds:.0f} s waits", max(1.0, late))
