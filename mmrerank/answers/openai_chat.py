"""Answers of any endpoint that speaks OpenAI's chat completions, through the `openai` client."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

from mmrerank.answers.parts import ImagePart, Prompt, TextPart
from mmrerank.answers.refusals import image_refusal
from mmrerank.errors import APIConnectionError, InvalidResponseError, warn
from mmrerank.http.masking import Mask
from mmrerank.http.openai_client import OpenAIClient

__all__ = ["OpenAIChat", "chat_content"]


class OpenAIChat(OpenAIClient):
    """A chat model behind an address that speaks OpenAI's chat completions.

    ::

        with OpenAIChat("qwen3-vl", base_url="http://localhost:11434/v1") as chat:
            for piece in chat.stream(prompt):
                print(piece, end="")

    Options, and the errors that they raise, are those of
    `mmrerank.http.openai_client.OpenAIClient`.
    """

    def stream(
        self, prompt: Prompt, on_usage: Callable[[dict[str, int]], object] | None = None
    ) -> Iterator[str]:
        """The answer in pieces, as they arrive.

        `on_usage` is called with the counts of tokens, by the service's names, if it reports them.
        Raises `UnsupportedModalityError` where a model for text refuses the images of the prompt,
        `InvalidResponseError` for an empty answer, and another `APIError` where the service fails.
        Warns of an answer that was cut.
        """
        try:
            yield from self._pieces(prompt, on_usage)
        except Exception as error:  # the package's own kinds, and those of its http client
            mask = Mask([self._key.reveal() or ""])
            refusal = image_refusal(error, mask) if prompt.images else None
            raise refusal or self._typed(error) from None

    def _pieces(
        self, prompt: Prompt, on_usage: Callable[[dict[str, int]], object] | None
    ) -> Iterator[str]:
        reason, is_empty = None, True
        with self._client.chat.completions.create(
            model=self.model,
            messages=[{"role": "user", "content": chat_content(prompt)}],
            stream=True,
            stream_options={"include_usage": True},
        ) as chunks:
            for chunk in chunks:
                if chunk.usage is not None and on_usage is not None:
                    on_usage(_counts(chunk.usage))
                for choice in chunk.choices[:1]:
                    reason = choice.finish_reason or reason
                    if piece := choice.delta.content or getattr(choice.delta, "refusal", None):
                        is_empty = False
                        yield _text(piece)
        self._check_end(reason, is_empty=is_empty)

    def _check_end(self, reason: str | None, *, is_empty: bool) -> None:
        if reason is None:
            raise APIConnectionError(f"{self.model}: the answer broke off")
        if reason in ("length", "content_filter"):
            why = "limit of tokens" if reason == "length" else "service's content filter"
            warn(f"the answer of {self.model} was cut by the {why}")
        elif is_empty:
            raise InvalidResponseError(f"{self.model} gave an empty answer")


def chat_content(prompt: Prompt) -> str | list[dict[str, Any]]:
    """A prompt as the content of a message of OpenAI's chat completions.

    A plain text where there are no images: some servers of text models read no list.
    """
    if not prompt.images:
        return prompt.text
    return [_content_part(part) for part in prompt.parts]


def _content_part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    url = part.url
    if part.encoded is not None:
        data = base64.b64encode(part.encoded.data).decode()
        url = f"data:{part.encoded.media_type};base64,{data}"
    return {"type": "image_url", "image_url": {"url": url}}


def _text(piece: object) -> str:
    """A piece of an answer, which the client passes on unchecked. Raises `InvalidResponseError`."""
    if not isinstance(piece, str):
        raise InvalidResponseError(f"a piece of the answer is not a text: {piece!r:.100}")
    return piece


def _counts(usage: Any) -> dict[str, int]:
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {
        name: getattr(usage, name) for name in names if isinstance(getattr(usage, name, None), int)
    }
