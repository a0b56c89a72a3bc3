"""Finds and loads a checkpoint; every failure is a typed error. torch is imported on demand."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrerank.errors import InvalidInputError, MissingDependencyError, ModelLoadError
from mmrerank.local.device import Quantization
from mmrerank.optional import require

if TYPE_CHECKING:
    from mmrerank.local.compute.vision import VisionTower

__all__ = ["Checkpoint", "load_tower", "quiet"]


@dataclass(frozen=True)
class Checkpoint:
    """A model folder or hub id. Files of the hub are downloaded once, into transformers' cache.

    Raises `ModelLoadError` for a path that is not a folder.
    """

    model: str
    revision: str | None = None

    def __post_init__(self) -> None:
        looks_like_path = self.model.startswith((".", "/", "~", os.sep)) or "\\" in self.model
        if not self.model or (looks_like_path and not Path(self.model).expanduser().is_dir()):
            raise ModelLoadError(f"there is no model folder {self.model!r}")

    @property
    def name(self) -> str:
        """The folder or the hub id, as transformers takes it."""
        folder = Path(self.model).expanduser()
        return str(folder) if folder.is_dir() else self.model

    def file(self, name: str) -> Path:
        """The path of one file of the checkpoint. Raises `ModelLoadError` if there is none."""
        hub = require("transformers").utils
        with _as_load_error(self.model, f"has no {name}, or it cannot be fetched"):
            path = hub.cached_file(self.name, name, revision=self.revision)
        if path is None:
            raise ModelLoadError(f"{self.model} has no {name}")
        return Path(path)

    def component(self, cls: Any, file: str, **options: Any) -> Any:
        """A tokenizer or image processor of the class `cls`, from the checkpoint's `file`.

        Raises `ModelLoadError` for a file that is missing or cannot be used.
        """
        self.file(file)
        with _as_load_error(self.model, f"its {file} cannot be used"), quiet():
            return cls.from_pretrained(self.name, revision=self.revision or "main", **options)

    def config(
        self, *, model_type: str | tuple[str, ...], architectures: tuple[str, ...], reranker: str
    ) -> Any:
        """The config of transformers.

        Raises `ModelLoadError` for a config that cannot be read or is not of (one) `model_type` and
        one of `architectures`; `reranker` is the name of the class that needs them.
        """
        transformers = require("transformers")
        path = self.file("config.json")
        with _as_load_error(self.model, "its config.json cannot be read"):
            raw = dict(json.loads(path.read_text(encoding="utf-8")))
        present = raw.get("architectures") or []
        types = (model_type,) if isinstance(model_type, str) else model_type
        if raw.get("model_type") not in types or not set(present) & set(architectures):
            raise ModelLoadError(
                f"{self.model} is a {raw.get('model_type')} checkpoint of {present}; "
                f"{reranker} loads {' or '.join(types)} of {' or '.join(architectures)}"
            )
        with _as_load_error(self.model, "its config.json is not valid"):
            return transformers.AutoConfig.from_pretrained(
                self.name, revision=self.revision, trust_remote_code=False
            )

    def load(
        self,
        cls: Any,
        config: Any,
        *,
        device: Any,
        dtype: Any,
        quantization: Quantization | None = None,
        keep: tuple[str, ...] = (),
        unused: tuple[str, ...] = (),
        **options: Any,
    ) -> Any:
        """A model of the class `cls` with its weights, in evaluation mode; safetensors only.

        Every parameter of the model must be in the files and every tensor of the files in the
        model, except those named `unused`. `keep` are modules that are not quantised. Other
        `options` go to `from_pretrained`. Raises `ModelLoadError` for weights that cannot be
        loaded, `InvalidInputError` for a quantization that cannot be used here.
        """
        if quantization is not None:
            options |= _quantized(quantization, device, keep)
        with _as_load_error(self.model, "its weights cannot be loaded"), quiet():
            model, info = cls.from_pretrained(
                self.name,
                config=config,
                revision=self.revision,
                dtype=dtype,
                use_safetensors=True,
                output_loading_info=True,
                attn_implementation="sdpa",
                **options,
            )
        _check_loaded(self.model, info, unused)
        if quantization == "int4" and device.type == "cpu":
            _check_int4_width(self.model, model)
        model.eval().requires_grad_(False)
        if quantization is None:
            from mmrerank.local.compute.linear import use_onednn

            model = model.to(device)
            use_onednn(model)
        return model


def _check_loaded(name: str, info: dict[str, Any], unused: tuple[str, ...]) -> None:
    """Raises `ModelLoadError` for missing, unexpected or misshapen weights."""
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        keys = sorted(str(key) for key in info.get(problem) or () if key not in unused)
        if keys:
            raise ModelLoadError(
                f"{name}: {len(keys)} {problem.replace('_', ' ')}, such as {keys[:3]}"
            )


def _quantized(quantization: str, device: Any, keep: tuple[str, ...]) -> dict[str, Any]:
    """The arguments of `from_pretrained`.

    On a CPU, torchao does 8 bits (weights and activations; measured twice as fast as float32, while
    bitsandbytes was slower than float32). torchao has no 4 bits for CPUs.
    """
    if quantization not in ("int8", "int4"):
        raise InvalidInputError(f"quantization is int8, int4 or None, not {quantization!r}")
    if device.type not in ("cpu", "cuda"):
        raise InvalidInputError(f"quantization runs on cpu and cuda, not on {device.type}")
    transformers, purpose = require("transformers"), f"quantization={quantization!r}"
    require("accelerate", purpose=purpose)
    if quantization == "int8" and device.type == "cpu":
        ao = require("torchao.quantization", purpose=purpose)
        config = transformers.TorchAoConfig(
            ao.Int8DynamicActivationInt8WeightConfig(), modules_to_not_convert=list(keep)
        )
    else:
        require("bitsandbytes", purpose=purpose)
        config = transformers.BitsAndBytesConfig(
            load_in_8bit=quantization == "int8",
            load_in_4bit=quantization == "int4",
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype="float32" if device.type == "cpu" else "bfloat16",
            llm_int8_skip_modules=list(keep),
        )
    return {"quantization_config": config, "device_map": {"": str(device)}}


def _check_int4_width(name: str, model: Any) -> None:
    """The 4-bit kernel for CPUs takes blocks of 32 outputs, and says so only with an assertion."""
    for module in model.modules():
        if type(module).__name__ == "Linear4bit" and module.out_features % 32:
            raise ModelLoadError(
                f"{name}: int4 on a CPU needs layers whose width is a multiple of 32; one has "
                f"{module.out_features}"
            )


@contextlib.contextmanager
def _as_load_error(model: str, problem: str) -> Iterator[None]:
    """transformers, safetensors and the hub client raise a dozen kinds of errors."""
    try:
        yield
    except (ModelLoadError, InvalidInputError, MissingDependencyError, MemoryError):
        raise
    except Exception as error:
        raise ModelLoadError(f"{model}: {problem}: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars of transformers while weights load."""
    logging = require("transformers").utils.logging
    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # the report of missing keys is raised as an error instead
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()


def load_tower(checkpoint: Checkpoint, visual: Any, device: Any) -> VisionTower:
    """The tower with the image processor that the checkpoint's preprocessor_config.json describes.

    Raises `ModelLoadError` for a file that is missing or cannot be used.
    """
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    from mmrerank.local.compute.vision import VisionTower

    processor = checkpoint.component(Qwen2VLImageProcessorPil, "preprocessor_config.json")
    return VisionTower(visual, processor, device=device)
