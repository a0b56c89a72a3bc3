"""Results as a page for people, in a notebook or a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from langchain_core.documents import Document

from langchain_mmrerank.convert import check_documents
from mmrerank.display.documents import ShownDocument, ShowOptions, show_documents
from mmrerank.display.page import ResultsPage

__all__ = ["show"]


def show(
    documents: Sequence[Document], query: str = "", **options: Unpack[ShowOptions]
) -> ResultsPage:
    """Documents, best first, with their scores, ranks and images, as a page.

    A notebook shows it, `save` writes it as one HTML file. The words of `query` are marked.
    `image_root` is the folder of the images. Other keywords: `ShowOptions`. Raises
    `InvalidInputError` for what is not a list of Documents, and for options that cannot be used.
    """
    check_documents(documents)
    shown = [ShownDocument(one.page_content, one.metadata) for one in documents]
    return show_documents(shown, query, **options)
