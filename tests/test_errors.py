"""Errors and warnings say where they come from."""

from __future__ import annotations

import pickle
import warnings

import pytest

from mmrerank.errors import (
    APIError,
    DocumentError,
    ImageError,
    MissingDependencyError,
    RerankWarning,
)
from mmrerank.images.resolve import ImageResolver


def test_a_warning_points_at_the_line_outside_these_packages(tmp_path):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ImageResolver(tmp_path, on_image_error="warn").find({"images": "gone.png"})
    assert [w.category for w in seen] == [RerankWarning]
    assert seen[0].filename == __file__


def test_a_warning_passes_over_the_frameworks(tmp_path):
    from langchain_core.documents import Document
    from langchain_core.runnables import RunnableLambda

    from langchain_mmrerank import MultimodalRerank
    from mmrerank.testing import FakeReranker

    rerank = MultimodalRerank(reranker=FakeReranker(), image_root=tmp_path)
    documents = [Document("text", metadata={"image_path": "a.png"})]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        RunnableLambda(lambda query: rerank.compress_documents(documents, query)).invoke("q")
    (warning,) = [w for w in seen if w.category is RerankWarning]
    assert warning.filename == __file__


def test_errors_survive_another_process():
    error = MissingDependencyError("pymupdf", "pdf", "loading a PDF")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ImageError("a.png", "is empty"), "image 'a.png': is empty"),
        (DocumentError("a.pdf", "is damaged", page=3), "a.pdf, page 3: is damaged"),
        (APIError("refused", status_code=400, code="bad"), "refused (status 400, code bad)"),
    ],
)
def test_messages_say_what_and_why(error, message):
    assert str(error) == message


def test_bytes_in_place_of_a_name_do_not_fill_the_message():
    assert len(str(ImageError("A" * 10_000, "is too long"))) < 300
