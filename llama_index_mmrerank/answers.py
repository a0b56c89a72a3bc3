"""From reranked nodes to prompts with their images: `ImagePostprocessor` and `to_message`."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Unpack

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, MessageRole, TextBlock
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import (
    BaseNode,
    ImageNode,
    MediaResource,
    MetadataMode,
    Node,
    NodeWithScore,
    QueryBundle,
    TextNode,
)
from pydantic import ConfigDict, Field

from llama_index_mmrerank.convert import check_nodes, to_contents, with_hidden_keys
from mmrerank.adapter_options import ImagePromptOptions
from mmrerank.answers.chunks import Chunk, read_chunk
from mmrerank.answers.images import ImageBudget, ImagePicker, PickedImage
from mmrerank.answers.parts import ImagePart, Prompt
from mmrerank.answers.prompt import PromptBuilder, PromptOptions
from mmrerank.answers.rendering import generated_lines, image_labels, quoted_words
from mmrerank.errors import InvalidInputError
from mmrerank.images.encode import EncodedImage
from mmrerank.images.refs import IMAGES_KEY, write_refs
from mmrerank.images.resolve import ImageResolver
from mmrerank.ocr.words import ImageReader

__all__ = ["ImagePostprocessor", "allowed_urls", "build_prompt", "to_chat_message", "to_message"]

_MOST_IMAGES = 50  # of a node; a prompt has room for fewer


class ImagePostprocessor(BaseNodePostprocessor):
    """Gives nodes their images, or the words in them, so that an engine hands them to its LLM.

    ::

        RetrieverQueryEngine.from_args(
            retriever,
            node_postprocessors=[rerank, ImagePostprocessor(image_root="images")],
            multimodal=True,
        )

    `images` says how. "send" (default): the image that scored best becomes the node's own, beside
    its text, and further ones follow it as nodes of their own, since a node holds one image; for
    `RetrieverQueryEngine` and `CitationQueryEngine` with `multimodal=True`. "separate": each image
    follows its node as an `ImageNode`, for `MultiModalContextChatEngine`, which takes no others.
    "words": what was read in the images is added to the node's text and marked, for LLMs and
    engines that read text only.

    Each image comes once, that of an `ImageNode` too. There are at most `max_images` in all, of at most `max_pixels` each and
    `max_bytes` together; larger ones are shrunk. The other options are those of `MultimodalRerank`
    and `PromptOptions`. Raises `InvalidInputError` for options that cannot be used, `ImageError`
    for an image that cannot be used.
    """

    images: Literal["send", "separate", "words"] = "send"
    image_root: Any = Field(default=None, exclude=True)
    image_key: Any = Field(default=IMAGES_KEY, exclude=True)
    path_map: Mapping[str, str] | None = None
    on_image_error: Literal["raise", "warn"] = "raise"
    urls: Literal["refuse", "fetch"] = "refuse"
    max_images: int = Field(default=ImageBudget().max_images, ge=1)
    max_pixels: int = ImageBudget().max_pixels
    max_bytes: int = ImageBudget().max_bytes
    reader: ImageReader | None = Field(default=None, exclude=True)

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    @classmethod
    def class_name(cls) -> str:
        """The name LlamaIndex knows this class by."""
        return "ImagePostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        check_nodes(nodes)
        resolver = ImageResolver(
            self.image_root, self.image_key, self.path_map, self.on_image_error, self.urls
        )
        chunks = _chunks(nodes, resolver)
        budget = ImageBudget(self.max_images, self.max_pixels, self.max_bytes)
        picker = ImagePicker(budget, on_image_error=self.on_image_error, reader=self.reader)
        picked = picker.pick(chunks, words=self.images == "words")
        result: list[NodeWithScore] = []
        for i, (item, chunk) in enumerate(zip(nodes, chunks, strict=True)):
            own = [(j, one) for (place, j), one in picked.images.items() if place == i]
            bare = NodeWithScore(node=_without_image(item.node), score=item.score)
            result += self._with_images(bare, chunk, own)
        return result

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._postprocess_nodes, nodes, query_bundle)

    def _with_images(
        self, item: NodeWithScore, chunk: Chunk, own: list[tuple[int, PickedImage]]
    ) -> Iterator[NodeWithScore]:
        """The node and its images, the one that scored best first."""
        if self.images == "words":
            yield _with_words(item, chunk, own)
            return
        encoded = [(j, one.encoded) for j, one in own if one.encoded is not None]
        if self.images == "send" and encoded:
            resource = _resource(encoded.pop(0)[1])
            yield NodeWithScore(node=_multimodal(item.node, resource), score=item.score)
        else:
            yield item
        for j, image in encoded:
            yield NodeWithScore(node=self._image_node(item.node, chunk, j, image), score=item.score)

    def _image_node(self, node: BaseNode, chunk: Chunk, j: int, image: EncodedImage) -> BaseNode:
        """A node of one image, with the metadata of the node that it belongs to."""
        about = chunk.images[j]
        shared: dict[str, Any] = {
            "id_": f"{node.node_id}-image-{j + 1}",
            "metadata": {**node.metadata, IMAGES_KEY: write_refs([about.ref])},
            "relationships": node.relationships,
        }
        text = about.caption or about.label
        made: BaseNode
        if self.images == "separate":
            data = base64.b64encode(image.data).decode()
            made = ImageNode(text=text, image=data, image_mimetype=image.media_type, **shared)
        else:
            resource = MediaResource(text=text) if text else None
            made = Node(text_resource=resource, image_resource=_resource(image), **shared)
        made.excluded_llm_metadata_keys = list(node.excluded_llm_metadata_keys)
        return with_hidden_keys(made, made.metadata)


def to_message(
    nodes: Sequence[NodeWithScore], question: str, **options: Unpack[ImagePromptOptions]
) -> ChatMessage:
    """One message of the nodes, best first, with their images, and the question.

    Each node's text has a label (`[1]`), its images stand next to it (`[1, Figure 3]`), the
    question is last. `options` are those of `ImagePromptOptions`; `images="auto"` sends images.
    Raises `InvalidInputError` for options that cannot be used, `ImageError` for an image that
    cannot be used.
    """
    return to_chat_message(build_prompt(nodes, question, **options))


def build_prompt(
    nodes: Sequence[NodeWithScore], question: str, **options: Unpack[ImagePromptOptions]
) -> Prompt:
    """The prompt of `to_message`, with its citations. Raises the errors of `to_message`."""
    check_nodes(nodes)
    known = PromptOptions.__annotations__.keys()
    given: dict[str, Any] = {name: value for name, value in options.items() if name in known}
    resolving: dict[str, Any] = {
        name: value for name, value in options.items() if name not in known
    }
    allowed_urls(resolving.get("urls", "refuse"))
    resolver = ImageResolver(**resolving)
    builder = PromptBuilder(on_image_error=resolver.on_image_error, **given)
    return builder.build(question, _chunks(nodes, resolver))


def allowed_urls(urls: Literal["refuse", "pass", "fetch"]) -> Literal["refuse", "fetch"]:
    """`urls` as it is. Raises `InvalidInputError` for "pass"."""
    if urls == "pass":
        raise InvalidInputError('LlamaIndex would open URLs by itself; give urls="fetch"')
    return urls


def to_chat_message(prompt: Prompt) -> ChatMessage:
    """A prompt as a message of content blocks."""
    return ChatMessage(
        role=MessageRole.USER,
        blocks=[
            _image_block(part) if isinstance(part, ImagePart) else TextBlock(text=part.text)
            for part in prompt.parts
        ],
    )


def _image_block(part: ImagePart) -> ImageBlock:
    assert part.encoded is not None  # URLs are fetched or refused
    return ImageBlock(image=part.encoded.data, image_mimetype=part.encoded.media_type)


def _chunks(nodes: Sequence[NodeWithScore], resolver: ImageResolver) -> list[Chunk]:
    contents, refs = to_contents(nodes, resolver, _MOST_IMAGES)
    return [
        read_chunk(
            content.text or "",
            item.node.metadata,
            list(zip(names, content.images, strict=True)),
        )
        for item, content, names in zip(nodes, contents, refs, strict=True)
    ]


def _resource(image: EncodedImage) -> MediaResource:
    # As base64, which the class does not mistake for raw bytes and encode again.
    return MediaResource(data=base64.b64encode(image.data), mimetype=image.media_type)


def _multimodal(node: BaseNode, image: MediaResource) -> BaseNode:
    """A copy of a node that holds an image beside its text, which a `TextNode` cannot."""
    if isinstance(node, Node):
        return node.model_copy(update={"image_resource": image})
    return Node(**_fields(node), image_resource=image)


def _without_image(node: BaseNode) -> BaseNode:
    """A node without an image of its own, which an engine would send beside those that are picked."""
    if isinstance(node, Node) and node.image_resource is not None:
        return node.model_copy(update={"image_resource": None})
    return TextNode(**_fields(node)) if isinstance(node, ImageNode) else node


def _fields(node: BaseNode) -> dict[str, Any]:
    """What a node of another class is made of, to have the same text and metadata."""
    return {
        "id_": node.node_id,
        "embedding": node.embedding,
        "metadata": node.metadata,
        "excluded_embed_metadata_keys": node.excluded_embed_metadata_keys,
        "excluded_llm_metadata_keys": node.excluded_llm_metadata_keys,
        "relationships": node.relationships,
        "metadata_template": node.metadata_template,
        "metadata_separator": node.metadata_separator,
        "text_resource": MediaResource(text=node.get_content(MetadataMode.NONE)),
    }


def _with_words(
    item: NodeWithScore, chunk: Chunk, own: Sequence[tuple[int, PickedImage]]
) -> NodeWithScore:
    """The node with what was read in its images at the end of its text."""
    if not own:
        return item
    labels = image_labels(chunk)
    lines: list[str] = []
    for j, one in own:
        page = f" on page {chunk.images[j].page}" if chunk.images[j].page else ""
        lines += ["", f"What was read in {labels[j]}, an image{page}:"]
        lines += quoted_words(chunk.images[j], one.words)
        lines += generated_lines(f"{labels[j]}:", chunk.images[j])
    copied = item.node.model_copy()
    copied.set_content("\n".join([chunk.text, *lines]))
    return NodeWithScore(node=copied, score=item.score)
