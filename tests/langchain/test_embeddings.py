"""The core's embedders as LangChain Embeddings."""

from __future__ import annotations

import base64

import pytest
from colours import COLOURS, ColourEmbedder, colour_files, picture
from langchain_chroma import Chroma
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from langchain_mmrerank import MultimodalEmbeddings, TextEmbeddings
from mmrerank.errors import ImageError, InvalidInputError, UnsupportedModalityError
from mmrerank.retrieval.base import default_embedder


class Lengths:
    """An embedder of the core, by the number of letters."""

    def embed_documents(self, texts):
        return [[float(len(text))] for text in texts]

    def embed_query(self, text):
        return [-float(len(text))]


def test_any_embedder_of_the_core_is_used():
    embeddings = TextEmbeddings(Lengths())
    assert embeddings.embed_documents(["a", "bcd"]) == [[1.0], [3.0]]
    assert embeddings.embed_query("ab") == [-2.0]


def test_the_default_needs_no_model():
    assert TextEmbeddings().embed_query("torque") == default_embedder().embed_query("torque")


class TestStandard(EmbeddingsUnitTests):
    """LangChain's own tests of how embeddings are made."""

    @property
    def embeddings_class(self):
        return MultimodalEmbeddings

    @property
    def embedding_model_params(self):
        return {"embedder": ColourEmbedder()}


class TestStandardCalls(EmbeddingsIntegrationTests):
    """LangChain's own tests of what embeddings answer."""

    @property
    def embeddings_class(self):
        return MultimodalEmbeddings

    @property
    def embedding_model_params(self):
        return {"embedder": ColourEmbedder()}


class TestStandardOfTexts(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self):
        return TextEmbeddings


@pytest.fixture
def embeddings(tmp_path):
    colour_files(tmp_path)
    return MultimodalEmbeddings(ColourEmbedder(), image_root=tmp_path)


async def test_images_and_texts_have_vectors_that_compare(embeddings, tmp_path):
    names = [f"{name}.png" for name in COLOURS]
    found = embeddings.embed_image(names)
    assert await embeddings.aembed_image(uris=names) == found
    assert embeddings.embed_image(uris=[str(tmp_path / name) for name in names]) == found
    assert embeddings.embed_image([(tmp_path / names[0]).as_uri()]) == found[:1]
    data = base64.b64encode(picture("red")).decode()
    assert embeddings.embed_image([f"data:image/png;base64,{data}"]) == found[:1]
    for query, own in zip(embeddings.embed_documents(list(COLOURS)), found, strict=True):
        assert query == pytest.approx(own, abs=1e-6)
    assert await embeddings.aembed_query("a red pump") == embeddings.embed_query("a red pump")
    assert await embeddings.aembed_documents(["red"]) == embeddings.embed_documents(["red"])
    assert embeddings.embed_image([]) == []


@pytest.mark.parametrize(
    "uri",
    ["../secret.png", "/etc/passwd", "nowhere.png", "http://example.org/a.png", "", "red.txt"],
)
async def test_only_images_under_the_root_are_opened(embeddings, tmp_path, uri):
    (tmp_path / "red.txt").write_text("no image")
    (tmp_path.parent / "secret.png").write_bytes(picture("red"))
    with pytest.raises(ImageError):
        embeddings.embed_image([uri])
    with pytest.raises(ImageError):
        await embeddings.aembed_image(["red.png", uri])


def test_without_a_root_no_file_is_opened(tmp_path):
    with pytest.raises(ImageError, match="image_root"):
        MultimodalEmbeddings(ColourEmbedder()).embed_image(colour_files(tmp_path))


@pytest.mark.parametrize("uris", ["red.png", [5], [None]])
def test_what_is_no_list_of_uris_is_refused(embeddings, uris):
    with pytest.raises(InvalidInputError):
        embeddings.embed_image(uris)


def test_what_embeds_no_images_is_refused():
    with pytest.raises(UnsupportedModalityError, match="HashingEmbedder"):
        MultimodalEmbeddings(default_embedder())
    with pytest.raises(InvalidInputError, match="Lengths"):
        MultimodalEmbeddings(Lengths())
    with pytest.raises(InvalidInputError, match="urls"):
        MultimodalEmbeddings(ColourEmbedder(), urls="pass")


def test_chroma_finds_images_that_it_was_given(embeddings, tmp_path):
    store = Chroma("pictures", embeddings)
    store.add_images(colour_files(tmp_path), metadatas=[{"name": name} for name in COLOURS])
    (best,) = store.similarity_search("something blue", k=1)
    assert best.metadata == {"name": "blue"}


async def test_an_embedder_of_the_users_own_is_awaited():
    embeddings = TextEmbeddings(Lengths())
    assert await embeddings.aembed_documents(["a", "bcd"]) == [[1.0], [3.0]]
    assert await embeddings.aembed_query("ab") == [-2.0]
