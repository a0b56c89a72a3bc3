"""jina-reranker-m0 as a native transformers model: Qwen2-VL without its language head.

The published checkpoint brings its own class as remote code; this one has the same parameters.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import Qwen2VLConfig, Qwen2VLModel
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLPreTrainedModel

__all__ = ["KEY_MAPPING", "JinaVLForRanking"]

# the published names date from transformers 4
KEY_MAPPING = {
    r"^visual\.": "model.visual.",
    r"^model\.(?!visual|language_model)": "model.language_model.",
}


class JinaVLForRanking(Qwen2VLPreTrainedModel):  # type: ignore[no-untyped-call]
    """The backbone `model` and the head `score`: Linear(h, h), ReLU, Linear(h, 1)."""

    def __init__(self, config: Qwen2VLConfig) -> None:
        super().__init__(config)
        text: Any = config.text_config
        hidden = text.hidden_size
        self.model: Any = Qwen2VLModel(config)
        self.score = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.post_init()  # type: ignore[no-untyped-call]

    def head(self, hidden: Tensor) -> Tensor:
        """(prompts, hidden) -> (prompts,)"""
        out: Tensor = self.score(hidden).squeeze(-1)
        return out
