"""What is known of models by their names."""

from __future__ import annotations

import pytest

from mmrerank.http.model_facts import model_facts


@pytest.mark.parametrize(
    ("model", "image", "joint", "instruction"),
    [
        ("jinaai/jina-reranker-m0", True, False, False),
        ("Qwen/Qwen3-VL-Reranker-8B", True, True, True),
        ("/models/QWEN3-RERANKER-0.6B", False, False, True),
        ("some/reranker", False, False, False),
    ],
)
def test_a_name_says_what_a_model_reads(model, image, joint, instruction):
    facts = model_facts(model)
    assert facts.modalities.image == facts.modalities.query_image == image
    assert facts.modalities.text_and_image == facts.modalities.several_images == joint
    assert facts.takes_instruction == instruction
