"""From reranked documents to a message with their images: `to_message` and `ImagePrompt`."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, convert_to_messages
from langchain_core.messages.content import ContentBlock, ImageContentBlock, TextContentBlock
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import Runnable, RunnableBinding, RunnableConfig
from pydantic import ConfigDict, Field

from langchain_mmrerank.convert import check_documents
from mmrerank.adapter_options import ImagePromptOptions
from mmrerank.answers.chunks import Chunk, read_chunk
from mmrerank.answers.citations import Citations
from mmrerank.answers.parts import ImagePart, Prompt, TextPart
from mmrerank.answers.prompt import PromptBuilder, PromptOptions
from mmrerank.errors import InvalidInputError
from mmrerank.frameworks import LANGCHAIN, wrong_type
from mmrerank.images.refs import IMAGES_KEY
from mmrerank.images.resolve import ImageResolver
from mmrerank.options import Configurable

__all__ = ["ImagePrompt", "ImagePromptValue", "reads_images", "to_message"]

_QUESTION_KEYS = ("question", "input")  # the second is what `create_retrieval_chain` calls it


class ImagePromptValue(ChatPromptValue):
    """The messages of an `ImagePrompt`, with `citations`: all that an answer can cite.

    `left_out` are the references of images for which the budget had no room, or which could not be
    used; `image_count` is how many images the last message holds.
    """

    citations: Citations = Field(exclude=True)
    left_out: tuple[str, ...] = ()
    image_count: int = 0

    model_config = ConfigDict(arbitrary_types_allowed=True)


class ImagePrompt(Configurable, Runnable[Mapping[str, Any], ImagePromptValue]):
    """A prompt of documents with their images, and a question about them.

    ::

        chain = {"context": retriever, "question": RunnablePassthrough()} | ImagePrompt(
            image_root="images"
        ) | model

    The input is a dict with `context` (documents, best first), `question` or `input`, and, if there
    is one, `chat_history`. The result is one message, after those of the history: each document's
    text with a label (`[1]`), its images next to it (`[1, Figure 3]`), the question last. Each
    image is in it once, shrunk to the budget, as inline base64, which every provider takes.
    `prompt.invoke(...).citations.parse(answer)` finds what an answer refers to.

    `model` is the chat model that will read the prompt: where its profile says that it reads text
    only, `images="auto"` hands over the words that were read in the images. `options` are those of
    `ImagePromptOptions`. Raises `InvalidInputError` for options and inputs that cannot be used,
    `ImageError` for an image that cannot be used.
    """

    options = ImagePromptOptions
    defaults: ClassVar[Mapping[str, Any]] = {
        **PromptBuilder.defaults,
        "image_root": None,
        "image_key": IMAGES_KEY,
        "path_map": None,
        "on_image_error": "raise",
        "urls": "refuse",
    }

    def __init__(
        self,
        *,
        model: Runnable[Any, Any] | None = None,
        **options: Unpack[ImagePromptOptions],
    ) -> None:
        given = self.complete_options(options)
        self._can_see = reads_images(model)
        self._resolver = ImageResolver(
            given["image_root"],
            given["image_key"],
            given["path_map"],
            given["on_image_error"],
            given["urls"],
        )
        rest = {name: given[name] for name in PromptOptions.__annotations__}
        self._builder = PromptBuilder(on_image_error=given["on_image_error"], **rest)

    def invoke(
        self,
        input: Mapping[str, Any],  # noqa: A002 - the framework's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> ImagePromptValue:
        """The messages for a model. Raises `InvalidInputError` and `ImageError`."""
        return self._call_with_config(self._prompt_value, input, config, run_type="prompt")

    def _prompt_value(self, given: Mapping[str, Any]) -> ImagePromptValue:
        if not isinstance(given, Mapping) or "context" not in given:
            raise InvalidInputError("an ImagePrompt takes a dict with context and question")
        question = next((given[key] for key in _QUESTION_KEYS if key in given), None)
        if not isinstance(question, str):
            raise InvalidInputError("an ImagePrompt takes a dict whose question is a str")
        prompt = self._builder.build(
            question, self._chunks(given["context"]), can_see=self._can_see
        )
        history = convert_to_messages(given.get("chat_history") or [])
        return ImagePromptValue(
            messages=[*history, _message(prompt)],
            citations=prompt.citations,
            left_out=prompt.left_out,
            image_count=len(prompt.images),
        )

    def _chunks(self, documents: Sequence[Document]) -> list[Chunk]:
        check_documents(documents)
        return [
            read_chunk(one.page_content, one.metadata, self._resolver.find(one.metadata))
            for one in documents
        ]


def to_message(
    documents: Sequence[Document],
    question: str,
    *,
    model: Runnable[Any, Any] | None = None,
    **options: Unpack[ImagePromptOptions],
) -> HumanMessage:
    """One message of the documents, best first, with their images, and the question.

    Arguments and errors are those of `ImagePrompt`.
    """
    value = ImagePrompt(model=model, **options).invoke({"context": documents, "question": question})
    message = value.messages[-1]
    assert isinstance(message, HumanMessage)
    return message


def reads_images(model: Runnable[Any, Any] | None) -> bool | None:
    """Whether a chat model reads images, by its profile; None if the profile does not say.

    Raises `InvalidInputError` for something that is not a LangChain model.
    """
    while isinstance(model, RunnableBinding):  # model.bind(...), model.with_config(...)
        model = model.bound
    if model is not None and not isinstance(model, Runnable):
        raise wrong_type("model", model, "chat model", framework=LANGCHAIN)
    profile = model.profile if isinstance(model, BaseChatModel) else None
    says = (profile or {}).get("image_inputs")
    return says if isinstance(says, bool) else None


def _message(prompt: Prompt) -> HumanMessage:
    """A plain text where there are no images: some servers of text models read no list."""
    if not prompt.images:
        return HumanMessage(prompt.text)
    return HumanMessage(content_blocks=[_block(part) for part in prompt.parts])


def _block(part: TextPart | ImagePart) -> ContentBlock:
    # Not by `create_image_block`, which gives each block a random id: equal prompts are then never
    # found in a cache.
    if isinstance(part, TextPart):
        return TextContentBlock(type="text", text=part.text)
    if part.encoded is None:
        return ImageContentBlock(type="image", url=part.url or "")
    data = base64.b64encode(part.encoded.data).decode()
    return ImageContentBlock(type="image", base64=data, mime_type=part.encoded.media_type)
