"""The published scoring code of the models, rewritten from its description.

It keeps what a user of that code pays for: batches in the order of arrival, padding
on the left to the longest of the batch, logits of the whole vocabulary at every position (Qwen3),
every layer's hidden states kept (m0), one pair at a time (Qwen3-VL).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image

SYSTEM = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n"
)
QWEN3_END = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
QWEN3_TASK = "Given a web search query, retrieve relevant passages that answer the query"
VL_TASK = "Given a search query, retrieve relevant candidates that answer the query."
VISION = "<|vision_start|>{pads}<|vision_end|>"


def _tokenizer(path: str) -> Any:
    return transformers.AutoTokenizer.from_pretrained(path, padding_side="left")


class Qwen3:
    """Qwen3-Reranker: `AutoModelForCausalLM`, all logits, log-softmax of `no` and `yes`."""

    def __init__(self, path: str, batch_size: int) -> None:
        self.batch_size, self.tokenizer = batch_size, _tokenizer(path)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            path, dtype=torch.float32
        ).eval()
        self.yes, self.no = self.tokenizer.convert_tokens_to_ids(["yes", "no"])
        self.before = self.tokenizer.encode(SYSTEM, add_special_tokens=False)
        self.after = self.tokenizer.encode(QWEN3_END, add_special_tokens=False)

    @torch.no_grad()
    def score(self, query: str, documents: list[str]) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(documents), self.batch_size):
            texts = [
                f"<Instruct>: {QWEN3_TASK}\n<Query>: {query}\n<Document>: {document}"
                for document in documents[start : start + self.batch_size]
            ]
            room = 8192 - len(self.before) - len(self.after)
            bodies = self.tokenizer(texts, truncation=True, max_length=room)["input_ids"]
            ids = [{"input_ids": [*self.before, *body, *self.after]} for body in bodies]
            inputs = self.tokenizer.pad(ids, padding=True, return_tensors="pt")
            logits = self.model(**inputs).logits[:, -1]
            pair = torch.stack([logits[:, self.no], logits[:, self.yes]], dim=1)
            scores += torch.log_softmax(pair, dim=1)[:, 1].exp().tolist()
        return scores


def _pixels(processor: Any, paths: list[Path], **size: int) -> tuple[Any, list[int]]:
    """Pixel values and grids of a batch, and how many tokens each image takes."""
    made = processor(
        images=[Image.open(path).convert("RGB") for path in paths],
        size={"shortest_edge": size["low"], "longest_edge": size["high"]},
        return_tensors="pt",
    )
    return made, (made["image_grid_thw"].prod(-1) // 4).tolist()


class _Images:
    """What m0 and Qwen3-VL have in common: processor, tokens, forward of a left-padded batch."""

    low: int
    high: int
    model: Any

    def __init__(
        self,
        path: str,
        batch_size: int,
        *,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
            Qwen2VLImageProcessorPil,
        )

        self.dtype, self.device = dtype, device
        self.batch_size, self.tokenizer = batch_size, _tokenizer(path)
        self.processor = Qwen2VLImageProcessorPil.from_pretrained(path)
        self.pad = self.tokenizer.convert_tokens_to_ids("<|image_pad|>")

    def prompt(self, query: str, image: str) -> str:
        raise NotImplementedError

    def inputs(self, query: str, paths: list[Path]) -> dict[str, Any]:
        pixels, counts = _pixels(self.processor, paths, low=self.low, high=self.high)
        texts = [
            self.prompt(query, VISION.format(pads="<|image_pad|>" * count)) for count in counts
        ]
        text = self.tokenizer(texts, padding=True, return_tensors="pt")
        kinds = (text["input_ids"] == self.pad).int()
        made = {**text, **pixels, "mm_token_type_ids": kinds}
        return {name: value.to(self.device) for name, value in made.items()}

    @torch.no_grad()
    def score(self, query: str, paths: list[Path]) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(paths), self.batch_size):
            scores += self.batch(self.inputs(query, paths[start : start + self.batch_size]))
        return scores

    def batch(self, inputs: dict[str, Any]) -> list[float]:
        raise NotImplementedError


class M0(_Images):
    """jina-reranker-m0: batches, hidden states of all layers, a head of two layers."""

    low, high = 56 * 56, 768 * 28 * 28

    def __init__(self, path: str, batch_size: int, **where: Any) -> None:
        super().__init__(path, batch_size, **where)
        from mmrerank.local.m0_model import KEY_MAPPING, JinaVLForRanking

        config = transformers.AutoConfig.from_pretrained(path)
        self.model = JinaVLForRanking.from_pretrained(
            path, config=config, key_mapping=KEY_MAPPING, dtype=self.dtype
        ).eval()
        self.model.to(self.device)

    def prompt(self, query: str, image: str) -> str:
        return f"**Document**:\n{image}\n**Query**:\n{query}"

    def batch(self, inputs: dict[str, Any]) -> list[float]:
        for name, value in (("input_ids", 100), ("attention_mask", 1), ("mm_token_type_ids", 0)):
            column = torch.full_like(inputs[name][:, :1], value)
            inputs[name] = torch.cat([inputs[name], column], dim=1)
        hidden = self.model.model(**inputs, output_hidden_states=True).hidden_states[-1][:, -1]
        return (self.model.score(hidden).squeeze(-1) - 2.65).sigmoid().tolist()


class Qwen3VL(_Images):
    """Qwen3-VL-Reranker: sigmoid of the last hidden state times (yes - no)."""

    low, high = 4 * 32 * 32, 1800 * 32 * 32

    def __init__(self, path: str, batch_size: int = 1, **where: Any) -> None:
        super().__init__(path, batch_size, **where)
        self.model = transformers.Qwen3VLForConditionalGeneration.from_pretrained(
            path, dtype=self.dtype
        ).eval()
        self.model.to(self.device)
        yes, no = self.tokenizer.convert_tokens_to_ids(["yes", "no"])
        self.row = self.model.lm_head.weight[yes] - self.model.lm_head.weight[no]

    def prompt(self, query: str, image: str) -> str:
        return (
            f"{SYSTEM}<Instruct>: {VL_TASK}<Query>:{query}\n<Document>:{image}"
            "<|im_end|>\n<|im_start|>assistant\n"
        )

    def batch(self, inputs: dict[str, Any]) -> list[float]:
        hidden = self.model.model(**inputs).last_hidden_state[:, -1]
        return (hidden @ self.row).sigmoid().tolist()
