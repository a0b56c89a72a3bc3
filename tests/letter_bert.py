"""A cross-encoder with random weights that old versions of transformers can load as well."""

from __future__ import annotations

import json
import string
from pathlib import Path


def random_cross_encoder(
    folder: Path, *, hidden: int, layers: int, heads: int, initializer_range: float = 0.02
) -> Path:
    """BERT with letters for words, saved in the folder."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    letters = string.ascii_lowercase
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *letters, *("##" + one for one in letters)]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=2 * hidden,
        num_labels=1,
        initializer_range=initializer_range,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder
