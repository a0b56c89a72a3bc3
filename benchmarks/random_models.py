"""Random checkpoints in the published layout, of sizes that fit this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

GOLDEN = Path(__file__).parents[1] / "tests" / "data" / "golden"
VOCABULARY = 151_669
TEXT = {
    "vocab_size": VOCABULARY,
    "num_key_value_heads": 4,
    "tie_word_embeddings": True,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 32768,
    "pad_token_id": None,
}


def qwen3(folder: Path, *, hidden: int = 512, layers: int = 20, inner: int = 1536) -> Path:
    """Qwen3: 141 million parameters as it stands, 78 of them for the vocabulary."""
    config = transformers.Qwen3Config(
        **TEXT,
        hidden_size=hidden,
        num_hidden_layers=layers,
        intermediate_size=inner,
        num_attention_heads=8,
        head_dim=64,
    )
    return _save(transformers.Qwen3ForCausalLM, config, folder, "qwen3-reranker")


def m0(folder: Path, *, hidden: int = 768, layers: int = 12, vision: int = 640) -> Path:
    """m0: 12 text layers and 12 vision layers."""
    from mmrerank.local.m0_model import JinaVLForRanking

    text = TEXT | {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "intermediate_size": hidden * 3,
        "num_attention_heads": 12,
        "rope_parameters": {
            "rope_theta": 1e6,
            "rope_type": "default",
            "mrope_section": [8, 12, 12],
        },
    }
    tower = {"depth": 12, "embed_dim": vision, "hidden_size": hidden, "num_heads": 8}
    config = transformers.Qwen2VLConfig(text_config=text, vision_config=tower, **_special())
    config.architectures = ["JinaVLForRanking"]
    return _save(JinaVLForRanking, config, folder, "jina-reranker-m0")


def qwen3_vl(folder: Path, *, hidden: int = 768, layers: int = 12, vision: int = 640) -> Path:
    """Qwen3-VL: 12 text layers and 12 vision layers, three of them deepstack."""
    text = TEXT | {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "intermediate_size": hidden * 3,
        "num_attention_heads": 12,
        "head_dim": 64,
        "rope_parameters": {
            "rope_theta": 5e6,
            "rope_type": "default",
            "mrope_section": [12, 10, 10],
            "mrope_interleaved": True,
        },
    }
    tower = {
        "depth": 12,
        "hidden_size": vision,
        "intermediate_size": vision * 4,
        "num_heads": 8,
        "out_hidden_size": hidden,
        "deepstack_visual_indexes": [3, 6, 9],
    }
    config = transformers.Qwen3VLConfig(
        text_config=text, vision_config=tower, tie_word_embeddings=True, **_special()
    )
    return _save(transformers.Qwen3VLForConditionalGeneration, config, folder, "qwen3-vl-reranker")


def m0_full(folder: Path, device: str) -> Path:
    """m0 at its published size, 2.2 billion parameters without its vocabulary's head, in bfloat16."""
    from mmrerank.local.m0_model import JinaVLForRanking

    text = TEXT | {
        "vocab_size": 151_936,
        "num_key_value_heads": 2,
        "hidden_size": 1536,
        "num_hidden_layers": 28,
        "intermediate_size": 8960,
        "num_attention_heads": 12,
        "rope_parameters": {
            "rope_theta": 1e6,
            "rope_type": "default",
            "mrope_section": [16, 24, 24],
        },
    }
    tower = {"depth": 32, "embed_dim": 1280, "hidden_size": 1536, "num_heads": 16}
    config = transformers.Qwen2VLConfig(text_config=text, vision_config=tower, **_special())
    config.architectures = ["JinaVLForRanking"]
    return _save(JinaVLForRanking, config, folder, "jina-reranker-m0", device)


def qwen3_vl_full(folder: Path, device: str) -> Path:
    """Qwen3-VL-Reranker-2B at its published size, in bfloat16."""
    text = TEXT | {
        "vocab_size": 151_936,
        "num_key_value_heads": 8,
        "hidden_size": 2048,
        "num_hidden_layers": 28,
        "intermediate_size": 6144,
        "num_attention_heads": 16,
        "head_dim": 128,
        "rope_parameters": {
            "rope_theta": 5e6,
            "rope_type": "default",
            "mrope_section": [24, 20, 20],
            "mrope_interleaved": True,
        },
    }
    tower = {
        "depth": 24,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_heads": 16,
        "out_hidden_size": 2048,
        "deepstack_visual_indexes": [5, 11, 17],
    }
    config = transformers.Qwen3VLConfig(
        text_config=text, vision_config=tower, tie_word_embeddings=True, **_special()
    )
    model = transformers.Qwen3VLForConditionalGeneration
    return _save(model, config, folder, "qwen3-vl-reranker", device)


def _special() -> dict[str, int]:
    """The control tokens as the small vocabulary of the golden checkpoints numbers them."""
    config = json.loads((GOLDEN / "qwen3-vl-reranker" / "config.json").read_text())
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return {name: config[name] for name in names}


def _save(cls: type, config: object, folder: Path, golden: str, device: str | None = None) -> Path:
    """Weights of seed 0, the golden tokeniser; nothing if the folder has them already.

    With a device, the weights are made there, in bfloat16.
    """
    if (folder / "done").is_file():
        return folder
    torch.manual_seed(0)
    if device is None:
        model = cls(config)
    else:
        torch.set_default_dtype(torch.bfloat16)
        try:
            with torch.device(device):
                model = cls(config)
        finally:
            torch.set_default_dtype(torch.float32)
    model.config.architectures = [cls.__name__]
    model.config.save_pretrained(folder)
    tied = set(getattr(model, "all_tied_weights_keys", None) or {})
    weights = {
        name: tensor.contiguous()
        for name, tensor in model.state_dict().items()
        if name not in tied and name != "lm_head.weight"
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for file in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        if (GOLDEN / golden / file).is_file():
            shutil.copyfile(GOLDEN / golden / file, folder / file)
    (folder / "done").touch()
    return folder
