"""What the batches of one call keep to: how many at once, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mmrerank.errors import APITimeoutError
from mmrerank.http.limits import Slots

__all__ = ["Bounds"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the batches of one call keep to. `model` is named in errors.

    At most `workers` batches run at once, each with one of `slots`, which all calls share.
    `deadline` is a time of `time.monotonic`. `mask` takes secrets out of an error's text.
    """

    model: str
    slots: Slots
    workers: int
    deadline: float
    mask: Callable[[str], str] = str

    def seconds_left(self) -> float:
        """Until the deadline; 0 after it."""
        return max(0.0, self.deadline - time.monotonic())

    def deadline_error(self) -> APITimeoutError:
        """To be raised when the deadline has passed."""
        return APITimeoutError(f"{self.model}: the call did not end before its deadline")

    def check_deadline(self) -> None:
        """Raise an `APITimeoutError` if the deadline has passed."""
        if time.monotonic() > self.deadline:
            raise self.deadline_error()
