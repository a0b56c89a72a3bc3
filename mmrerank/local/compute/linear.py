"""The linear layers of a model, through the faster of the two libraries that torch has.

On a CPU torch gives float32 matrix products to MKL, which leaves half of the vector units of
non-Intel processors idle. oneDNN, which torch uses for bfloat16 already, does not check who made
the processor: 2.2 times as many GFLOP/s on an AMD EPYC with AVX-512 (benchmarks/results/local.md).

torch has no gradient for oneDNN's product, so `torch.nn.functional.linear` computes those whose
gradient is wanted.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["gated", "use_onednn"]

# What `torch.compile` turns float32 layers into; None in a torch that was built without oneDNN.
_linear: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


class OneDnnLinear(torch.nn.Linear):
    """A linear layer that oneDNN computes in float32, as it does after `torch.compile`.

    Where a gradient is wanted, or inside `torch.backends.mkldnn.flags(enabled=False)`, it is an
    ordinary linear layer.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the name torch gives it)
        """(..., in) -> (..., out)"""
        if not _enabled(input):
            return super().forward(input)
        return self.activated(input, "none")

    def activated(self, input: Tensor, activation: str) -> Tensor:  # noqa: A002
        """(..., in) -> (..., out), with an activation that oneDNN applies: none, swish, ..."""
        out: Tensor = _linear(input, self.weight, self.bias, activation, [], "")
        return out

    def times(self, input: Tensor, factor: Tensor) -> Tensor:  # noqa: A002
        """(..., in) -> (..., out), multiplied by `factor` element by element in the same pass."""
        out: Tensor = _linear.binary(input, factor, self.weight, self.bias, "mul")
        return out


def gated(mlp: Any, x: Tensor) -> Tensor:
    """A Qwen layer's `mlp`, down(silu(gate(x)) * up(x)), in three passes, not five."""
    gate, up = mlp.gate_proj, mlp.up_proj
    onednn = isinstance(gate, OneDnnLinear) and isinstance(up, OneDnnLinear) and _enabled(x)
    if onednn and isinstance(mlp.act_fn, torch.nn.SiLU):
        out: Tensor = mlp.down_proj(up.times(x, gate.activated(x, "swish")))
        return out
    whole: Tensor = mlp(x)
    return whole


def _enabled(x: Tensor) -> bool:
    wants_gradient = x.requires_grad and torch.is_grad_enabled()
    return bool(torch.backends.mkldnn.enabled) and x.numel() > 0 and not wants_gradient


def use_onednn(model: Any) -> None:
    """Turn the float32 linear layers of a model on a CPU with AVX-512 into `OneDnnLinear`.

    The parameters stay the same objects. Does nothing where this torch has no oneDNN, or where
    oneDNN was measured to be no faster: without AVX-512, in other dtypes, quantised.
    """
    if _linear is None or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return
    for module in model.modules():
        if type(module) is torch.nn.Linear and _is_dense_float32(module.weight):
            module.__class__ = OneDnnLinear


def _is_dense_float32(weight: Tensor) -> bool:
    """Whether a weight is an ordinary tensor on the CPU; quantised weights have other classes."""
    dense = type(weight.data) is Tensor and weight.device.type == "cpu"
    return dense and weight.dtype is torch.float32
