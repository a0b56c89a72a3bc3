"""Loaders, blobs, splitters after a loader, and images for documents of other loaders."""

from __future__ import annotations

import warnings

import pytest
import tiktoken
from adapters.files import folder, mail, options, picture
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from langchain_text_splitters import RecursiveCharacterTextSplitter, TokenTextSplitter

import mmrerank.demo
from langchain_mmrerank import (
    MultimodalBlobParser,
    MultimodalLoader,
    MultimodalPDFLoader,
    attach_images,
)
from mmrerank import DocumentError
from mmrerank.images.refs import read_refs

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community is being sunset
    from langchain_community.document_loaders import PyMuPDFLoader

__all__ = ["folder", "mail", "options"]

REPORT = mmrerank.demo.REPORT


def test_the_loader_gives_one_document_at_a_time_with_flat_metadata(tmp_path):
    loader = MultimodalPDFLoader(REPORT, image_root=tmp_path, pages=[3, 4])
    stream = loader.lazy_load()
    first = next(stream)
    assert isinstance(first, Document)
    documents = [first, *stream]
    assert {document.metadata["page"] for document in documents} == {3, 4}
    for document in documents:
        assert document.metadata["source"] == str(REPORT)
        assert all(type(value) in (str, int, float, bool) for value in document.metadata.values())
        for ref in read_refs(document.metadata.get("images")):
            assert (tmp_path / ref).is_file()
    assert any("images" in document.metadata for document in documents)
    assert any("images" not in document.metadata for document in documents)


def test_loading_the_same_file_again_gives_the_same_documents(report, tmp_path):
    again = MultimodalPDFLoader(str(REPORT), image_root=tmp_path).load()
    assert again == report.documents
    assert len({document.id for document in again}) == len(again)


def test_a_broken_file_is_an_error_that_names_it(tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    with pytest.raises(DocumentError, match=r"broken\.pdf"):
        MultimodalPDFLoader(tmp_path / "broken.pdf", image_root=tmp_path / "images").load()


def test_a_folder_is_loaded_as_a_whole(folder, options):
    documents = MultimodalLoader(folder, **options).load()
    assert len({document.metadata["source"] for document in documents}) == 3
    assert len({document.id for document in documents}) == len(documents)


def test_blobs_are_parsed_from_a_path_or_from_memory(folder, options):
    parser = MultimodalBlobParser(**options)
    (document,) = parser.lazy_parse(Blob.from_path(folder / "belt.png"))
    assert document.metadata["source"].endswith("belt.png")
    for given in ({"path": "green.png"}, {"metadata": {"source": "green.png"}}):
        blob = Blob.from_data(picture("green"), mime_type="image/png", **given)
        (document,) = parser.lazy_parse(blob)
        assert document.metadata["source"] == "green.png"
        assert len(read_refs(document.metadata["images"])) == 1


# -- splitters after the loader


@pytest.fixture
def byte_tokens(monkeypatch):
    """tiktoken downloads its vocabularies; this one, of single bytes, is made here."""
    encoding = tiktoken.Encoding(
        "bytes",
        pat_str=r"\s?\S+|\s+",
        mergeable_ranks={bytes([i]): i for i in range(256)},
        special_tokens={},
    )
    monkeypatch.setitem(tiktoken.registry.ENCODINGS, "bytes", encoding)
    return "bytes"


@pytest.mark.parametrize("kind", ["characters", "tokens"])
def test_text_splitters_keep_the_images(report, byte_tokens, kind):
    splitter = (
        RecursiveCharacterTextSplitter(chunk_size=300, chunk_overlap=30)
        if kind == "characters"
        else TokenTextSplitter(byte_tokens, chunk_size=300, chunk_overlap=30)
    )
    pieces = splitter.split_documents(report.documents)
    assert len(pieces) > 1.5 * len(report.documents)
    parents = {d.metadata["position"]: d.metadata for d in report.documents}
    assert all(piece.metadata == parents[piece.metadata["position"]] for piece in pieces)


# -- documents of other loaders


def test_images_are_attached_to_split_pages_and_not_to_another_file(report):
    pages = PyMuPDFLoader(str(REPORT)).load()
    pieces = RecursiveCharacterTextSplitter(chunk_size=600).split_documents(pages)
    stranger = Document("Figure 4 shows a cat.", metadata={"source": "/other/cats.pdf", "page": 3})
    *attached, other = attach_images([*pieces, stranger], REPORT, image_root=report.root)
    assert other == stranger
    with_figure = [d for d in attached if report.figure in read_refs(d.metadata.get("images"))]
    assert with_figure
    assert len(with_figure) < len(attached)
    assert all("Figure 4" in d.page_content or d.metadata["page"] == 3 for d in with_figure)


def test_attached_files_are_documents_of_the_mail(mail, options):
    own, attached = MultimodalLoader(mail, **options).load()
    assert own.page_content == "See the file."
    assert attached.page_content == "Belts carry parts."
    assert attached.metadata["source"] == str(mail)
    assert attached.metadata["attachment"] == "belts.txt"
