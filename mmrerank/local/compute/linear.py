"""The products of a model's layers, through the faster of the two libraries that torch has.

On a CPU torch gives float32 products to MKL, which leaves half of the vector units of processors
that are not Intel's idle. oneDNN, which torch uses for bfloat16 already, does not ask who made the
processor: 2.2 times as many GFLOP/s on an AMD EPYC with AVX-512 (benchmarks/results/local.md).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["gated", "use_onednn"]

# What `torch.compile` turns float32 products into; None in a torch that was built without oneDNN.
_product: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


class OneDnnLinear(torch.nn.Linear):
    """A linear layer whose float32 product is oneDNN's, as `torch.compile` has it do.

    `torch.backends.mkldnn.flags(enabled=False)` turns it off.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name torch gives it)
        """(..., in) -> (..., out)"""
        if not _enabled(input):
            return super().forward(input)
        return self.activated(input, "none")

    def activated(self, input: Tensor, activation: str) -> Tensor:  # noqa: A002
        """The product with an activation that oneDNN applies on the way out: none, swish, ..."""
        out: Tensor = _product(input, self.weight, self.bias, activation, [], "")
        return out

    def times(self, input: Tensor, factor: Tensor) -> Tensor:  # noqa: A002
        """The product times `factor`, element by element, in one pass."""
        out: Tensor = _product.binary(input, factor, self.weight, self.bias, "mul")
        return out


def gated(mlp: Any, x: Tensor) -> Tensor:
    """What a Qwen layer's `mlp` gives: down(silu(gate(x)) * up(x)), in three passes, not five."""
    gate, up = mlp.gate_proj, mlp.up_proj
    ours = isinstance(gate, OneDnnLinear) and isinstance(up, OneDnnLinear) and _enabled(x)
    if ours and isinstance(mlp.act_fn, torch.nn.SiLU):
        out: Tensor = mlp.down_proj(up.times(x, gate.activated(x, "swish")))
        return out
    whole: Tensor = mlp(x)
    return whole


def _enabled(x: Tensor) -> bool:
    return bool(torch.backends.mkldnn.enabled) and x.numel() > 0


def use_onednn(model: Any) -> None:
    """Turn the float32 linear layers of a model on a CPU with AVX-512 into `OneDnnLinear`.

    The parameters stay the same objects. Nothing is done where this torch has no oneDNN, or where
    oneDNN has been seen to be no faster: without AVX-512, in other dtypes, quantised.
    """
    if _product is None or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return
    for module in model.modules():
        if type(module) is torch.nn.Linear and _plain(module.weight):
            module.__class__ = OneDnnLinear


def _plain(weight: Tensor) -> bool:
    """Is it an ordinary float32 tensor on the CPU? Quantised weights are of other classes."""
    dense = type(weight.data) is Tensor and weight.device.type == "cpu"
    return dense and weight.dtype is torch.float32
