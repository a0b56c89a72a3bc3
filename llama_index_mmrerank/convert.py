"""LlamaIndex nodes to Content, and results back to copies of the caller's own nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from llama_index.core.schema import (
    BaseNode,
    Document,
    ImageNode,
    MediaResource,
    MetadataMode,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
)

from mmrerank.errors import InvalidInputError
from mmrerank.images.refs import (
    BEST_IMAGE_KEY,
    IMAGES_KEY,
    IS_SCORED_KEY,
    RELEVANCE_KEY,
    RETRIEVAL_RANK_KEY,
    RETRIEVAL_SCORE_KEY,
)
from mmrerank.images.resolve import ImageResolver
from mmrerank.loaders.base import Chunk, source_id
from mmrerank.types import Content, Image, RerankResult

__all__ = [
    "OUR_KEYS",
    "from_chunk",
    "to_content",
    "to_contents",
    "with_hidden_keys",
    "with_scores",
]

AnyNode = TypeVar("AnyNode", bound=BaseNode)

OUR_KEYS = (
    IMAGES_KEY,
    RELEVANCE_KEY,
    RETRIEVAL_RANK_KEY,
    RETRIEVAL_SCORE_KEY,
    BEST_IMAGE_KEY,
    IS_SCORED_KEY,
)
"""Metadata for programs: excluded from what LLMs and embedders read."""


def to_content(query: QueryBundle | str | None) -> Content:
    """A query's text and the image at its `image_path`."""
    if query is None:
        raise InvalidInputError("a query is needed to rerank: give query_bundle or query_str")
    if isinstance(query, str):
        return Content(query)
    images = [Image.from_path(query.image_path)] if query.image_path else []
    return Content(query.query_str, images)


def to_contents(
    nodes: Sequence[NodeWithScore],
    resolver: ImageResolver,
    max_images: int,
    metadata_mode: MetadataMode = MetadataMode.NONE,
) -> tuple[list[Content], list[list[str]]]:
    """Each node's text and images, and the references of those images.

    Images are those of the node itself (`ImageNode`, `image_resource`), then those of its
    metadata; both are references to be resolved under the image root.
    """
    contents: list[Content] = []
    names: list[list[str]] = []
    for item in nodes:
        node = item.node
        own = resolver.resolve(_own_refs(node), node.metadata, max_images)
        found = own + resolver.find(node.metadata, max_images - len(own))
        unique: dict[Image, str] = {}  # a node may name its own image in its metadata too
        for name, image in found:
            unique.setdefault(image, name)
        text = node.get_content(metadata_mode=metadata_mode)
        contents.append(Content(text, list(unique)))
        names.append(list(unique.values()))
    return contents, names


def _own_refs(node: BaseNode) -> list[str]:
    """The image that a node itself holds: base64 (as a data URI), path or URL."""
    if isinstance(node, ImageNode):
        if node.image:
            return [_data_uri(node.image, node.image_mimetype)]
        return [str(ref) for ref in (node.image_path or node.image_url,) if ref]
    resource = getattr(node, "image_resource", None)
    if not isinstance(resource, MediaResource):
        return []
    if resource.data:
        return [_data_uri(resource.data.decode("ascii", "replace"), resource.mimetype)]
    return [str(ref) for ref in (resource.path or resource.url,) if ref]


def _data_uri(data: str, media_type: str | None) -> str:
    """`MediaResource` and `ImageNode` keep bytes as base64 text."""
    kind = media_type if media_type and media_type.startswith("image/") else "image/unknown"
    return f"data:{kind};base64,{data}"


def with_scores(item: NodeWithScore, result: RerankResult, refs: Sequence[str]) -> NodeWithScore:
    """A copy of the node with its score; the id stays, and the input is not touched.

    `retrieval_rank` counts from 1; `retrieval_score` is the earlier score where there was one.
    After several rerankers both are still those of the retrieval.
    """
    metadata: dict[str, Any] = dict(item.node.metadata)
    for stale in (BEST_IMAGE_KEY, IS_SCORED_KEY):
        metadata.pop(stale, None)
    if RETRIEVAL_RANK_KEY not in metadata:  # this is the first reranker
        metadata[RETRIEVAL_RANK_KEY] = result.index + 1
        metadata.pop(RETRIEVAL_SCORE_KEY, None)
        if item.score is not None:
            metadata[RETRIEVAL_SCORE_KEY] = float(item.score)
    metadata[RELEVANCE_KEY] = result.relevance_score
    if not result.is_scored:
        metadata[IS_SCORED_KEY] = False
    if result.best_image is not None:
        metadata[BEST_IMAGE_KEY] = refs[result.best_image]
    node = with_hidden_keys(item.node, metadata)
    return NodeWithScore(node=node, score=result.relevance_score)


def with_hidden_keys(node: AnyNode, metadata: dict[str, Any]) -> AnyNode:
    """A copy of the node with other metadata, our keys kept from LLMs and embedders."""
    return node.model_copy(
        update={
            "metadata": metadata,
            "excluded_embed_metadata_keys": _with_ours(node.excluded_embed_metadata_keys),
            "excluded_llm_metadata_keys": _with_ours(node.excluded_llm_metadata_keys),
        }
    )


def _with_ours(keys: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*keys, *OUR_KEYS]))


def from_chunk(chunk: Chunk) -> Document:
    """A loader's chunk as a document, with the chunk's id and its file as its source.

    Its metadata is for programs, save the page: a path would only blur an embedding. A chunk that
    is nothing but images shows its page there too, since LlamaIndex leaves out nodes that have
    nothing to embed.
    """
    hidden = [*OUR_KEYS, "source", "position", "not_rendered"]
    unembedded = [*hidden, "page", "section"] if chunk.text.strip() else hidden
    return Document(
        id_=chunk.id,
        text_resource=MediaResource(text=chunk.text),  # which a `text` of "" would not make
        metadata=chunk.metadata,
        excluded_embed_metadata_keys=unembedded,
        excluded_llm_metadata_keys=list(hidden),
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source_id(chunk.source))},
    )
