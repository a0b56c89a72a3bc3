"""The device and number format that a model runs in."""

from __future__ import annotations

from typing import Any, Literal

from mmrerank.errors import InvalidInputError
from mmrerank.optional import require

__all__ = ["DType", "Quantization", "default_budget", "pick_device", "pick_dtype"]

DType = Literal["auto", "bfloat16", "float16", "float32"]

Quantization = Literal["int8", "int4"]

_CPU_BUDGET, _GPU_BUDGET = 1024, 16384  # tokens

_SHORT = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


def pick_device(device: str) -> Any:
    """A `torch.device`; `auto` is CUDA if there is one, else MPS, else the CPU.

    Raises `InvalidInputError` for a device that is unknown or not available.
    """
    torch = require("torch")
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InvalidInputError(f"device is auto, cpu, cuda or mps, not {device!r}") from error
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(chosen.type, False):
        raise InvalidInputError(f"device {device!r} is not available on this machine")
    return chosen


def pick_dtype(dtype: str, device: Any) -> Any:
    """A `torch.dtype`; `auto` is float32 on a CPU, else bfloat16 if the device has it, or float16.

    float32 on a CPU is exact; bfloat16 there is several times faster where the CPU multiplies it
    (AVX512-BF16, AMX), and slower elsewhere, so it is left to the caller. Raises
    `InvalidInputError` for an unknown name.
    """
    torch = require("torch")
    name = _SHORT.get(dtype, dtype)
    if name == "auto":
        if device.type == "cpu":
            return torch.float32
        native = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if native else torch.float16
    if name not in _SHORT.values():
        raise InvalidInputError(f"dtype is auto, bfloat16, float16 or float32, not {dtype!r}")
    return getattr(torch, name)


def default_budget(device: Any) -> int:
    """Tokens of a batch. On a CPU smaller ones stay in its caches: 1,024 took 8 % less than 2,048.

    The number for GPUs is an estimate that was not measured.
    """
    return _CPU_BUDGET if device.type == "cpu" else _GPU_BUDGET
