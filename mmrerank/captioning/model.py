"""The protocol of caption models, and what passes between them and a `Captioner`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mmrerank.errors import APIError, InvalidResponseError, RerankError
from mmrerank.images.encode import EncodedImage

__all__ = ["CaptionModel", "CaptionReply", "CaptionRequest", "checked_reply"]


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


def checked_reply(model: CaptionModel, request: CaptionRequest) -> CaptionReply:
    """The reply of a model, which is anybody's: it may raise and return anything.

    Raises a `RerankError` of the model's own, and `APIError` for all else that it raises;
    `InvalidResponseError` for what is no reply.
    """
    try:
        reply: Any = model.caption(request)
    except RerankError:
        raise
    except Exception as error:
        message = f"{model.name} failed: {type(error).__name__}: {error}"
        raise APIError(message) from error
    if not isinstance(reply, CaptionReply):
        kind = type(reply).__name__
        raise InvalidResponseError(f"{model.name} returned a {kind}, not a CaptionReply")
    if not isinstance(reply.content, (str, Mapping)):
        raise InvalidResponseError(f"{model.name} returned content that is no text and no mapping")
    counts = (reply.input_tokens, reply.output_tokens)
    if not all(count is None or isinstance(count, int) for count in counts):
        raise InvalidResponseError(f"{model.name} returned counts of tokens that are no numbers")
    checked: CaptionReply = reply
    return checked
