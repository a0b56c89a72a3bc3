"""What captions cost: estimated before they are asked for, counted while they are."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from mmrerank.images.facts import image_facts
from mmrerank.types import Image

__all__ = ["Budget", "CaptionCost", "estimate_tokens"]

_PIXELS_PER_TOKEN = 750  # services count between 500 and 1,000 pixels as a token
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionCost:
    """What captions would cost: `images` without repetitions, of which `known` have an answer.

    `requests` are to be sent; some may be sent twice. `input_tokens` are estimated from the sizes
    of the images, services count differently; `max_output_tokens` is the most that can be written.
    """

    images: int
    known: int
    requests: int
    input_tokens: int
    max_output_tokens: int

    def __str__(self) -> str:
        return (
            f"{self.images} images, {self.known} of them known: {self.requests} requests, about "
            f"{self.input_tokens:,} tokens to read, at most {self.max_output_tokens:,} to write"
        )


def estimate_tokens(image: Image, prompt: str, max_pixels: int) -> int:
    """About how many tokens a service counts for the prompt and an image. Raises `ImageError`."""
    facts = image_facts(image)
    pixels = min(facts.width * facts.height, max_pixels)
    return pixels // _PIXELS_PER_TOKEN + len(prompt) // _CHARACTERS_PER_TOKEN


class Budget:
    """Counts images and tokens, from any thread; None means no limit.

    Tokens are taken as estimated before a request and settled after it, so that requests which run
    at the same time do not spend the same tokens.
    """

    def __init__(self, images: int | None, tokens: int | None) -> None:
        self._images, self._tokens = images, tokens
        self._lock = threading.Lock()

    def take(self, tokens: int) -> bool:
        """Take an image and `tokens` tokens; False, and nothing is taken, if either is spent."""
        with self._lock:
            if self._images == 0 or (self._tokens is not None and self._tokens < tokens):
                return False
            if self._images is not None:
                self._images -= 1
            if self._tokens is not None:
                self._tokens -= tokens
            return True

    def settle(self, expected: int, spent: int) -> None:
        """Replace the tokens that were taken by those that were spent."""
        with self._lock:
            if self._tokens is not None:
                self._tokens += expected - spent
