"""What a server allows, and for how long it waits."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from mmrerank.errors import InvalidInputError
from mmrerank.serve.keys import Keys

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The limits of a server. Raises `InvalidInputError` for one that is not above 0.

    `name` is the model's name in answers. Times are in seconds, sizes in bytes; `max_pixels` is for
    each image, all other counts for each request. All bodies that are held at the same time have
    at most `max_held_bytes`. `drain_seconds` is how long requests that were accepted may take
    after SIGTERM.
    """

    name: str
    keys: Keys = field(default_factory=Keys)
    allow_urls: bool = False
    max_body_bytes: int = 64 * 2**20
    max_held_bytes: int = 256 * 2**20
    max_documents: int = 2048
    max_images: int = 256
    max_pixels: int = 40_000_000
    max_queue_tokens: int = 1_000_000
    max_queue_seconds: float = 60.0
    max_searches: int = 16
    max_connections: int = 1024
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    write_seconds: float = 30.0
    drain_seconds: float = 30.0

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and not value > 0:
                raise InvalidInputError(f"{one.name} must be above 0, not {value!r}")
