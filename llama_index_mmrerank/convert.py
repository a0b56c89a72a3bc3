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
    NodeWithScore,
    QueryBundle,
)

from mmrerank import result_metadata
from mmrerank.errors import InvalidInputError
from mmrerank.frameworks import LLAMA_INDEX, wrong_type
from mmrerank.images.refs import GENERATED_CAPTIONS_KEY, IMAGES_KEY, RESULT_KEYS
from mmrerank.images.resolve import ImageResolver
from mmrerank.index.hits import Hit
from mmrerank.loaders.base import ATTACHMENT_KEY, BOX_KEY, Chunk
from mmrerank.loaders.figure_chunks import CITED_BY_KEY, KIND_KEY
from mmrerank.result_metadata import hit_metadata, scored_metadata
from mmrerank.types import Content, Image, RerankResult

__all__ = [
    "OUR_KEYS",
    "ChunkDocument",
    "check_nodes",
    "from_chunk",
    "from_hit",
    "own_refs",
    "to_content",
    "to_contents",
    "with_hidden_keys",
    "with_result_of",
    "with_scores",
]

AnyNode = TypeVar("AnyNode", bound=BaseNode)

OUR_KEYS = (IMAGES_KEY, *RESULT_KEYS, GENERATED_CAPTIONS_KEY)
"""Metadata keys for programs, hidden from LLMs and embedders."""


def to_content(query: QueryBundle | str | None) -> Content:
    """A query's text and the image at its `image_path`.

    Raises `InvalidInputError` without a query.
    """
    if query is None:
        raise InvalidInputError("reranking needs a query: pass query_bundle or query_str")
    if isinstance(query, str):
        return Content(query)
    images = [Image.from_path(query.image_path)] if query.image_path else []
    return Content(query.query_str, images)


def check_nodes(nodes: object) -> None:
    """Raise `InvalidInputError` for what is not a list of NodeWithScore."""
    if isinstance(nodes, str) or not isinstance(nodes, Sequence):
        raise wrong_type("nodes", nodes, "list of NodeWithScore", framework=LLAMA_INDEX)
    for i, item in enumerate(nodes):
        if not isinstance(item, NodeWithScore):
            raise wrong_type(f"nodes[{i}]", item, "NodeWithScore", framework=LLAMA_INDEX)


def to_contents(
    nodes: Sequence[NodeWithScore],
    resolver: ImageResolver,
    max_images: int,
    metadata_mode: MetadataMode = MetadataMode.NONE,
) -> tuple[list[Content], list[list[str]]]:
    """Each node's text and at most `max_images` images, and those images' references.

    First comes the node's own image (`ImageNode`, `image_resource`), then those that its metadata
    names; all are resolved under the image root. Raises `ImageError` for an image that cannot be
    used.
    """
    contents: list[Content] = []
    refs: list[list[str]] = []
    for item in nodes:
        node = item.node
        own = resolver.resolve(own_refs(node), node.metadata, max_images)
        named = resolver.find(node.metadata, max_images - len(own))
        unique: dict[Image, str] = {}  # a node may name its own image in its metadata too
        for ref, image in own + named:
            unique.setdefault(image, ref)
        text = node.get_content(metadata_mode=metadata_mode)
        contents.append(Content(text, list(unique)))
        refs.append(list(unique.values()))
    return contents, refs


def own_refs(node: BaseNode) -> list[str]:
    """A node's own image, as a data URI, a path or a URL; [] if it has none."""
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
    """A data URI from the base64 text in which `MediaResource` and `ImageNode` store bytes."""
    known = media_type if media_type and media_type.startswith("image/") else "image/unknown"
    return f"data:{known};base64,{data}"


def with_scores(item: NodeWithScore, result: RerankResult, refs: Sequence[str]) -> NodeWithScore:
    """A copy of the node with its score and its metadata (see `scored_metadata`); the id stays."""
    metadata = scored_metadata(item.node.metadata, result, refs, item.score)
    return NodeWithScore(node=with_hidden_keys(item.node, metadata), score=result.relevance_score)


def with_result_of(
    scored: NodeWithScore, shown: NodeWithScore, best_image: str | None
) -> NodeWithScore:
    """A copy of a node that shows the result of another: of a figure that it cites."""
    metadata = result_metadata.with_result_of(scored.metadata, shown.metadata, best_image)
    return NodeWithScore(node=with_hidden_keys(shown.node, metadata), score=scored.score)


def with_hidden_keys(node: AnyNode, metadata: dict[str, Any]) -> AnyNode:
    """A copy of the node with this metadata, our keys hidden from LLMs and embedders."""
    return node.model_copy(
        update={
            "metadata": metadata,
            "excluded_embed_metadata_keys": _with_our_keys(node.excluded_embed_metadata_keys),
            "excluded_llm_metadata_keys": _with_our_keys(node.excluded_llm_metadata_keys),
        }
    )


def _with_our_keys(keys: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*keys, *OUR_KEYS]))


class ChunkDocument(Document):
    """A chunk: a document for an `IngestionPipeline`, and also a node for a vector store.

    A vector store deletes the nodes of a document by their `ref_doc_id`. Those that a splitter
    makes have the document's id there, and so must a chunk that is stored as it is.
    """

    @property
    def ref_doc_id(self) -> str:
        """The source's id; a chunk is its own source.

        There is no relationship that says so: deleting such a document from a docstore fails.
        """
        return super().ref_doc_id or self.id_


def from_chunk(chunk: Chunk) -> ChunkDocument:
    """A loader's chunk as a document, with the chunk's id."""
    return _document(chunk.id, chunk.text, chunk.metadata)


def from_hit(hit: Hit, *, reranked: bool) -> NodeWithScore:
    """A result of an index as a node, with the id of its chunk (see `hit_metadata`)."""
    node = _document(hit.id, hit.text, hit_metadata(hit, reranked=reranked))
    return NodeWithScore(node=node, score=hit.score)


def _document(id_: str, text: str, metadata: dict[str, Any]) -> ChunkDocument:
    """A chunk as a document.

    Paths, positions and ids are hidden from LLMs and embedders, page and section from embedders only:
    they would blur an embedding. A chunk without text is embedded by page and section all the
    same, since LlamaIndex drops nodes that have nothing to embed.
    """
    hidden = [*OUR_KEYS, "source", "position", "not_rendered", BOX_KEY, KIND_KEY, CITED_BY_KEY]
    unembedded = [*hidden, "page", "section", ATTACHMENT_KEY] if text.strip() else hidden
    fields: dict[str, Any] = {
        "id_": id_,
        "text_resource": MediaResource(text=text),  # which a `text` of "" would not make
        "metadata": metadata,
        "excluded_embed_metadata_keys": unembedded,
        "excluded_llm_metadata_keys": list(hidden),
    }
    return ChunkDocument(**fields)
