"""The protocol of caption models, and what passes between them and a `Captioner`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mmrerank.images.encode import EncodedImage

__all__ = ["CaptionModel", "CaptionReply", "CaptionRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionRequest:
    """One image and the prompt for it; the answer should have the form of `CAPTION_SCHEMA`.

    `max_tokens` is the most that the answer may have.
    """

    image: EncodedImage
    prompt: str
    max_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionReply:
    """What a model answered: JSON as text or as a mapping, or anything else that it said.

    `refusal` is what it said instead of an answer, `is_cut` whether the answer reached its limit.
    Tokens are None where the service does not count them.
    """

    content: str | Mapping[str, Any] = ""
    refusal: str = ""
    is_cut: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None


class CaptionModel(Protocol):
    """A vision model that is asked about one image at a time, from several threads.

    Retries, timeouts and transport are its own business.
    """

    @property
    def name(self) -> str:
        """The model's name, part of the key under which its captions are kept."""

    def caption(self, request: CaptionRequest) -> CaptionReply:
        """Answer one request.

        Raises `AuthenticationError`, `UnsupportedModalityError` or `InvalidInputError` where no
        request can succeed, which ends the whole work, and another `RerankError` where this one
        failed.
        """
