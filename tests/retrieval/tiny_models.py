"""Small checkpoints with random weights, of the real classes, saved as the published ones are."""

from __future__ import annotations

import string
from pathlib import Path

import torch
import transformers
from tokenizers.pre_tokenizers import ByteLevel

SIDE = 32  # pixels of the images that the models of a fixed size take

_LAYERS = {
    "hidden_size": 32,
    "intermediate_size": 37,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
_VISION = _LAYERS | {"image_size": SIDE, "patch_size": 8}
_CROP = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
_SQUARE = {"size": {"height": SIDE, "width": SIDE}}


def _save(folder: Path, model: torch.nn.Module, *parts: object) -> Path:
    """Weights are spread wider than at first, so that a wrong place or padding is seen."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.2)
    model.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder


def _clip_tokenizer() -> transformers.CLIPTokenizer:
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return transformers.CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[])


def clip(folder: Path, eos: int | None = 2) -> Path:
    """`eos` is what config.json says: 2 in the older checkpoints, whatever the vocabulary."""
    tokenizer = _clip_tokenizer()
    own = {"vocab_size": len(tokenizer), "max_position_embeddings": 77}
    ends = {"bos_token_id": tokenizer.bos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = transformers.CLIPConfig(
        text_config=_LAYERS | own | ends | {"eos_token_id": eos or tokenizer.eos_token_id},
        vision_config=_VISION,
        projection_dim=24,
    )
    torch.manual_seed(1)
    model = transformers.CLIPModel(config)
    return _save(folder, model, tokenizer, transformers.CLIPImageProcessorPil(**_CROP))


def metaclip2(folder: Path) -> Path:
    pieces = ["▁", *string.ascii_lowercase, *string.digits, "."]
    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocab += [(piece, -1.0) for piece in pieces] + [("<mask>", 0.0)]
    tokenizer = transformers.XLMRobertaTokenizer(vocab=vocab)
    own = {"vocab_size": len(tokenizer), "max_position_embeddings": 77}
    config = transformers.MetaClip2Config(
        text_config=_LAYERS | own | {"eos_token_id": 2, "bos_token_id": 0, "pad_token_id": 1},
        vision_config=_VISION,
        projection_dim=24,
    )
    torch.manual_seed(2)
    model = transformers.MetaClip2Model(config)
    return _save(folder, model, tokenizer, transformers.CLIPImageProcessorPil(**_CROP))


def chinese_clip(folder: Path) -> Path:
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"一张猫和狗的照片图表",
        *string.ascii_lowercase,
    ]
    tokenizer = transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)})
    own = {"vocab_size": len(words), "max_position_embeddings": 64}
    config = transformers.ChineseCLIPConfig(
        text_config=_LAYERS | own, vision_config=_VISION, projection_dim=24
    )
    torch.manual_seed(3)
    model = transformers.ChineseCLIPModel(config)
    return _save(folder, model, tokenizer, transformers.ChineseCLIPImageProcessorPil(**_CROP))


def _gemma_words() -> dict[str, int]:
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<boi>", "<image>", "<eoi>"]
    words += [f"<0x{byte:02X}>" for byte in range(256)] + ["▁", *string.ascii_letters]
    return {word: i for i, word in enumerate(words)}


def _siglip2_tokenizer(cls: type) -> object:
    return cls(
        vocab=_gemma_words(),
        merges=[],
        add_bos_token=False,
        add_eos_token=True,
        padding_side="right",
        model_input_names=["input_ids"],
    )


def siglip2_naflex(folder: Path) -> Path:
    tokenizer = _siglip2_tokenizer(transformers.Siglip2Tokenizer)
    config = transformers.Siglip2Config(
        text_config=_LAYERS
        | {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 32},
        vision_config=_LAYERS | {"num_patches": 256, "patch_size": 8},
    )
    torch.manual_seed(4)
    model = transformers.Siglip2Model(config)
    processor = transformers.Siglip2ImageProcessorPil(patch_size=8, max_num_patches=64)
    return _save(folder, model, tokenizer, processor)


def siglip(folder: Path, tokenizer: object) -> Path:
    config = transformers.SiglipConfig(
        text_config=_LAYERS
        | {"vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 32},
        vision_config=_VISION,
    )
    torch.manual_seed(5)
    model = transformers.SiglipModel(config)
    processor = transformers.SiglipImageProcessorPil(**_SQUARE)
    return _save(folder, model, tokenizer, processor)


def siglip1(folder: Path) -> Path:
    """SigLIP of the first version, with a vocabulary of SentencePiece."""
    import sentencepiece

    words = folder / "words.txt"
    words.write_text("the cat and a dog in the house\nan apple, a pear\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(words),
        model_prefix=str(folder / "spiece"),
        vocab_size=40,
        hard_vocab_limit=False,
        add_dummy_prefix=False,
        pad_id=-1,
        bos_id=-1,
        minloglevel=2,
    )
    tokenizer = transformers.SiglipTokenizer(
        str(folder / "spiece.model"), model_input_names=["input_ids"]
    )
    return siglip(folder / "model", tokenizer)


def siglip2_fixed(folder: Path) -> Path:
    """The published ones name Gemma's tokenizer, although texts are lower-cased."""
    return siglip(folder, _siglip2_tokenizer(transformers.GemmaTokenizer))


def embedding_gemma2(folder: Path, *, with_images: bool = True) -> Path:
    tokenizer = transformers.GemmaTokenizer(
        vocab=_gemma_words(), merges=[], add_bos_token=True, add_eos_token=True
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<boi>", "<image>", "<eoi>"]})
    text = _LAYERS | {
        "vocab_size": len(tokenizer),
        "num_key_value_heads": 2,
        "head_dim": 8,
        "global_head_dim": 16,
        "num_global_key_value_heads": 1,
        "hidden_size_per_layer_input": 8,
        "embedding_dim": 24,
        "sliding_window": 4,
        "sliding_window_pattern": 2,
    }
    vision = _LAYERS | {
        "model_type": "gemma4_vision",
        "head_dim": 8,
        "global_head_dim": 8,
        "num_key_value_heads": 4,
        "patch_size": 4,
        "pooling_kernel_size": 3,
        "position_embedding_size": 512,
    }
    config = transformers.EmbeddingGemma2Config(
        text_config=text,
        vision_config=vision if with_images else None,
        audio_config=None,
        boi_token_id=5,
        image_token_id=6,
        eoi_token_id=7,
        video_token_id=3,
        audio_token_id=3,
    )
    torch.manual_seed(6)
    model = transformers.EmbeddingGemma2Model(config)
    processor = transformers.Gemma4ImageProcessorPil(patch_size=4, max_soft_tokens=70)
    return _save(folder, model, tokenizer, processor)


MAKERS = {
    "clip": clip,
    "metaclip2": metaclip2,
    "chinese-clip": chinese_clip,
    "siglip2-naflex": siglip2_naflex,
    "siglip2-fixed": siglip2_fixed,
    "embeddinggemma2": embedding_gemma2,
}
