"""The error for a model that was sent images and reads text only, whatever client was asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmrerank.errors import UnsupportedModalityError

__all__ = ["image_refusal", "refusals_named"]

# OpenAI, vLLM and Ollama answer 400, OpenRouter 404, DeepSeek 422, llama.cpp 500.
_STATUSES = (400, 404, 415, 422, 500, 501)

_ABOUT_IMAGES = re.compile(r"image|\bvision\b|modal|mmproj", re.IGNORECASE)

# The name of a model may speak of vision: "model `gpt-vision` does not exist".
_NO_SUCH_MODEL = re.compile(r"\bmodel\b[^.]{0,120}?\b(?:does not exist|not found)", re.IGNORECASE)

_LONGEST = 300  # characters of the provider's message


def image_refusal(
    error: BaseException, mask: Callable[[str], str] = lambda text: text
) -> UnsupportedModalityError | None:
    """The error to raise if a model refused a prompt because of its images; None for other errors.

    `error` is what the client of a provider raised: its `status_code`, or that of its response,
    and its message decide. `mask` takes secrets out of the message.
    """
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    message = " ".join(mask(str(error)).split())
    if status not in _STATUSES or not _ABOUT_IMAGES.search(message):
        return None
    if _NO_SUCH_MODEL.search(message):
        return None
    return UnsupportedModalityError(
        f"the model refused a prompt with images ({message:.{_LONGEST}}); if it reads text only, "
        'give it images="words" (on the command line, --images words): what was read in the '
        "images, as text"
    )


@contextmanager
def refusals_named(*, has_images: bool) -> Iterator[None]:
    """Within the block, a provider's refusal of images becomes an `UnsupportedModalityError`.

    All other errors stay as they are, and so do all if the prompt has no images.
    """
    try:
        yield
    except Exception as error:  # each provider has its own kinds
        refusal = image_refusal(error) if has_images else None
        if refusal is None:
            raise
        raise refusal from error
