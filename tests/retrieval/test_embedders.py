"""The table of embedders: names that an index and the command line take."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmrerank import InvalidInputError
from mmrerank.retrieval.embedders import EMBEDDERS, embedder_name, make_embedder

GOLDEN = Path(__file__).parent.parent / "data" / "golden"


def test_a_name_makes_its_embedder():
    assert type(make_embedder("hashing")).__name__ == "HashingEmbedder"
    pytest.importorskip("torch")
    path = GOLDEN / "qwen3-reranker"
    embedder = make_embedder(f"qwen3={path}")
    assert type(embedder).__name__ == "Qwen3Embedder"
    assert embedder.model == str(path)


def test_a_folder_is_remembered_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    assert embedder_name("qwen3=model") == f"qwen3={tmp_path / 'model'}"
    assert embedder_name("qwen3=Qwen/Qwen3-Embedding-4B") == "qwen3=Qwen/Qwen3-Embedding-4B"
    assert embedder_name("qwen3") == "qwen3"


@pytest.mark.parametrize("name", ["", "bogus", "bogus=x", "hashing=x", "qwen3=", "qwen3= "])
def test_what_names_no_embedder_is_refused(name):
    with pytest.raises(InvalidInputError, match="embedder"):
        make_embedder(name)
    with pytest.raises(InvalidInputError, match="embedder"):
        embedder_name(name)


def test_names_are_unique():
    assert len({row.name for row in EMBEDDERS}) == len(EMBEDDERS)


def test_the_name_of_a_served_model_is_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    for service in ("openai", "jina", "vllm"):
        assert embedder_name(f"{service}=m") == f"{service}=m"
        monkeypatch.setenv(f"{service.upper()}_API_KEY", "k")
        with make_embedder(f"{service}=m") as embedder:
            assert embedder.model == "m"
            assert embedder.modalities <= next(
                row.modalities for row in EMBEDDERS if row.name == service
            )
