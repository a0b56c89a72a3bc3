"""Results as a page for people, in a notebook or a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from llama_index.core.schema import MetadataMode, NodeWithScore

from llama_index_mmrerank.convert import check_nodes, own_refs
from mmrerank.display.documents import ShownDocument, ShowOptions, show_documents
from mmrerank.display.page import ResultsPage

__all__ = ["show"]


def show(
    nodes: Sequence[NodeWithScore], query: str = "", **options: Unpack[ShowOptions]
) -> ResultsPage:
    """Nodes, best first, with their scores, ranks and images, as a page.

    A notebook shows it, `save` writes it as one HTML file. The words of `query` are marked.
    `image_root` is the folder of the images. Other keywords: `ShowOptions`. Raises
    `InvalidInputError` for what is not a list of NodeWithScore, and for options that cannot be used.
    """
    check_nodes(nodes)
    shown = [
        ShownDocument(
            item.node.get_content(MetadataMode.NONE),
            item.node.metadata,
            own_refs(item.node),
            item.score,
        )
        for item in nodes
    ]
    return show_documents(shown, query, **options)
