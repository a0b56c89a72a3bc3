"""Servers of one's own, which run any model."""

from __future__ import annotations

import pytest
from calling import QWEN

from mmrerank import InvalidInputError, Modalities, SGLangReranker, VLLMReranker


@pytest.mark.parametrize("kind", [VLLMReranker, SGLangReranker])
def test_the_models_name_says_what_it_takes(kind):
    reranker = kind(QWEN, instruction="i")
    assert reranker.modalities.several_images
    assert (reranker.max_pixels, reranker.tokens_per_image) == (1800 * 32 * 32, 1800)
    with pytest.raises(InvalidInputError, match="takes no instruction"):
        kind("jinaai/jina-reranker-m0", instruction="i")


@pytest.mark.parametrize("kind", [VLLMReranker, SGLangReranker])
def test_given_modalities_override_known_ones(kind):
    assert not kind(QWEN, modalities=Modalities()).modalities.image
    assert kind(QWEN, max_pixels=99).max_pixels == 99
