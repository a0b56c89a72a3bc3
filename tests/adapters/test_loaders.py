"""What both adapters promise of their loaders: the core's options, and its choice of a loader."""

from __future__ import annotations

import pytest
from adapters.files import folder, options

import langchain_mmrerank
import llama_index_mmrerank
from mmrerank import InvalidInputError

__all__ = ["folder", "options"]


@pytest.fixture(params=["langchain", "llama_index"])
def load(request):
    """`load(path, **options)`: the documents that a framework's loader for all formats makes."""

    def run(path, **options):
        if request.param == "langchain":
            return langchain_mmrerank.MultimodalLoader(path, **options).load()
        return llama_index_mmrerank.MultimodalReader(**options).load_data(path)

    return run


@pytest.fixture(params=["langchain", "llama_index"])
def load_pdf(request):
    def run(path, **options):
        if request.param == "langchain":
            return langchain_mmrerank.MultimodalPDFLoader(path, **options).load()
        return llama_index_mmrerank.MultimodalPDFReader(**options).load_data(path)

    return run


def test_a_file_and_a_folder_are_told_apart(load, folder, options):
    everything = load(folder, **options)
    images = load(folder, suffixes=[".png"], show_progress=False, **options)
    alone = load(folder / "belt.png", **options)
    assert [len(found) for found in (everything, images, alone)] == [3, 2, 1]


def test_an_unknown_keyword_is_refused(load, load_pdf, folder, options):
    with pytest.raises(TypeError, match="chunksize"):
        load_pdf(folder / "a.pdf", image_root=folder, chunksize=3)
    with pytest.raises(InvalidInputError, match="chunksize"):
        load(folder, chunksize=3, **options)
    with pytest.raises(InvalidInputError, match="recursive"):
        load(folder / "a.md", recursive=True, **options)
