"""The core's embedders as a LlamaIndex embedding."""

from __future__ import annotations

from io import BytesIO

import pytest
from colours import COLOURS, ColourEmbedder, colour_files, picture
from llama_index.core.embeddings import MultiModalEmbedding
from llama_index.core.indices import MultiModalVectorStoreIndex
from llama_index.core.schema import ImageNode

from llama_index_mmrerank import MultimodalEmbedding, TextEmbedding
from mmrerank.errors import ImageError, InvalidInputError, UnsupportedModalityError
from mmrerank.retrieval.base import default_embedder


class Lengths:
    """An embedder of the core, by the number of letters."""

    def embed_documents(self, texts):
        return [[float(len(text))] for text in texts]

    def embed_query(self, text):
        return [-float(len(text))]


async def test_any_embedder_of_the_core_is_used():
    embedding = TextEmbedding(Lengths(), embed_batch_size=1)
    assert embedding.model_name == "Lengths"
    assert embedding.get_text_embedding_batch(["a", "bcd"]) == [[1.0], [3.0]]
    assert await embedding.aget_text_embedding_batch(["a", "bcd"]) == [[1.0], [3.0]]
    assert embedding.get_query_embedding("ab") == [-2.0]
    assert await embedding.aget_query_embedding("ab") == [-2.0]


def test_the_default_needs_no_model():
    expected = default_embedder().embed_query("torque")
    assert TextEmbedding().get_query_embedding("torque") == expected


@pytest.fixture
def embedding(tmp_path):
    colour_files(tmp_path)
    return MultimodalEmbedding(ColourEmbedder(), image_root=tmp_path, embed_batch_size=2)


async def test_images_and_texts_have_vectors_that_compare(embedding, tmp_path):
    assert isinstance(embedding, MultiModalEmbedding)
    assert embedding.model_name == "ColourEmbedder"
    names = [f"{name}.png" for name in COLOURS]
    found = embedding.get_image_embedding_batch(names)
    assert await embedding.aget_image_embedding_batch(names) == found
    assert embedding.get_image_embedding(str(tmp_path / "red.png")) == found[0]
    assert await embedding.aget_image_embedding("red.png") == found[0]
    assert embedding.get_image_embedding(BytesIO(picture("red"))) == found[0]
    for text, own in zip(embedding.get_text_embedding_batch(list(COLOURS)), found, strict=True):
        assert text == pytest.approx(own, abs=1e-6)
    query = embedding.get_query_embedding("a red pump")
    assert await embedding.aget_query_embedding("a red pump") == query
    assert await embedding.aget_text_embedding_batch(["red"]) == [query]


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "http://example.org/a.png"])
async def test_only_images_under_the_root_are_opened(embedding, tmp_path, path):
    (tmp_path.parent / "secret.png").write_bytes(picture("red"))
    with pytest.raises(ImageError):
        embedding.get_image_embedding(path)
    with pytest.raises(ImageError):
        await embedding.aget_image_embedding_batch(["red.png", path])
    with pytest.raises(ImageError):
        embedding.get_image_embedding(BytesIO(b"no image"))
    with pytest.raises(InvalidInputError):
        embedding.get_image_embedding(tmp_path)


def test_what_embeds_no_images_is_refused():
    with pytest.raises(UnsupportedModalityError, match="HashingEmbedder"):
        MultimodalEmbedding(default_embedder())
    with pytest.raises(InvalidInputError, match="Lengths"):
        MultimodalEmbedding(Lengths())


def test_a_multimodal_index_finds_images_by_text_and_by_image(embedding, tmp_path):
    nodes = [ImageNode(image_path=path, text="a picture") for path in colour_files(tmp_path)]
    index = MultiModalVectorStoreIndex(nodes, embed_model=embedding, image_embed_model=embedding)
    retriever = index.as_retriever(image_similarity_top_k=1)
    (by_text,) = retriever.text_to_image_retrieve("something blue")
    assert by_text.node.image_path.endswith("blue.png")
    (by_image,) = retriever.image_to_image_retrieve(str(tmp_path / "green.png"))
    assert by_image.node.image_path.endswith("green.png")
