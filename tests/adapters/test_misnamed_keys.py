"""A key given under a name that an adapter does not know shows in no error."""

from __future__ import annotations

import importlib

import pytest

from mmrerank import OCRReranker

KEY = "key-that-nobody-may-read"


@pytest.mark.parametrize("package", ["langchain_mmrerank", "llama_index_mmrerank"])
@pytest.mark.parametrize("option", ["jina_api_key", "token", "top_n"])
def test_a_key_under_another_name_shows_in_no_error(package, option):
    pytest.importorskip({"lan": "langchain_core", "lla": "llama_index.core"}[package[:3]])
    adapter = importlib.import_module(package).MultimodalRerank
    with pytest.raises(ValueError, match=option) as caught:
        adapter(reranker=OCRReranker(), **{option: KEY})
    assert KEY not in str(caught.value)
