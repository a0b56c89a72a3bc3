"""The published way to score documents of text and images with m0, rewritten from its description.

One query type and one document type per call, so the text parts and the image parts are scored one after
the other, in batches of 8 padded on the left; every query reads every part anew.

    python benchmarks/baselines/m0_parts.py MODEL_FOLDER QUERY IMAGE_OR_TEXT_FILE...
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

import torch
from baselines.published import M0


class M0Parts(M0):
    """`texts` and `images` of documents; a document's score is its best part's."""

    @torch.no_grad()
    def score_texts(self, query: str, texts: list[str]) -> list[float]:
        scores: list[float] = []
        for start in range(0, len(texts), self.batch_size):
            prompts = [self.prompt(query, t) for t in texts[start : start + self.batch_size]]
            inputs = dict(self.tokenizer(prompts, padding=True, return_tensors="pt"))
            inputs["mm_token_type_ids"] = torch.zeros_like(inputs["input_ids"])
            scores += self.batch(inputs)
        return scores

    def score_parts(self, query: str, texts: list[str], images: list[Path]) -> list[float]:
        by_text = self.score_texts(query, texts) if texts else []
        by_image = self.score(query, images) if images else []
        if not texts or not images:
            return by_text or by_image
        return [max(pair) for pair in zip(by_text, by_image, strict=True)]


def main() -> None:
    folder, query, *files = sys.argv[1:]
    paths = [Path(file) for file in files]
    texts = [path.read_text(encoding="utf-8") for path in paths if path.suffix == ".txt"]
    model, start = M0Parts(folder, 8), time.perf_counter()
    print(model.score_parts(query, texts, [path for path in paths if path.suffix != ".txt"]))
    print(f"{time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
