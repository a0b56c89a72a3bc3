"""The names of the published checkpoint, and the head of the model."""

from __future__ import annotations

import re

import torch
import transformers
from golden_cases import GOLDEN

from mmrerank.local.m0_model import KEY_MAPPING, JinaVLForRanking


def renamed(key: str) -> str:
    for pattern, replacement in KEY_MAPPING.items():
        key = re.sub(pattern, replacement, key)
    return key


def test_published_names_become_those_of_transformers():
    assert renamed("visual.blocks.0.attn.qkv.weight") == "model.visual.blocks.0.attn.qkv.weight"
    assert renamed("model.layers.0.mlp.up_proj.weight") == (
        "model.language_model.layers.0.mlp.up_proj.weight"
    )
    assert renamed("score.0.weight") == "score.0.weight"


def test_the_head_gives_one_number_a_prompt():
    config = transformers.AutoConfig.from_pretrained(GOLDEN / "jina-reranker-m0")
    model = JinaVLForRanking(config)
    hidden = torch.randn(3, config.text_config.hidden_size)
    first, _, last = model.score
    assert torch.equal(model.head(hidden), last(torch.relu(first(hidden)))[:, 0])
