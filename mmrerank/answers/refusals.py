"""The errors of a model that answers, whatever client was asked; above all, of one for text only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mmrerank.errors import UnsupportedModalityError
from mmrerank.http.provider_errors import is_provider_error, provider_message, typed_error

__all__ = ["image_refusal", "model_errors"]

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
    message = " ".join(mask(provider_message(error)).split())
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
def model_errors(model: str, *, has_images: bool) -> Iterator[None]:
    """Within the block, the errors of a model's client become ours, with the original as the cause.

    A refusal of images is an `UnsupportedModalityError`. What is no error of a service or of the
    way to it stays as it is.
    """
    try:
        yield
    except Exception as error:  # each provider has its own kinds
        refusal = image_refusal(error) if has_images else None
        if refusal is None and not is_provider_error(error):
            raise
        raise refusal or typed_error(error, model) from error
