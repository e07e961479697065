"""
Dynamic 8-bit quantization of a network's linear layers, where most of an encoder's time is spent.

Weights are stored as 8-bit integers with a scale for each output. The inputs of a call are
quantized to 8 bits with one scale and offset for the whole batch, so texts in one batch change each
other's vectors slightly: encode them one by one to give a text one vector. Needs torch.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Final

import torch
from torch import Tensor, nn

_INT8_MAX: Final = 127


class QuantizedLinear(nn.Module):
    """
    A linear layer with 8-bit integer weights and inputs.

    Parameters
    ----------
    layer : Linear
        Trained; not changed.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach()
        scales = (weight.abs().amax(dim=1) / _INT8_MAX).clamp_min(1e-12).double()
        offsets = torch.zeros(len(scales), dtype=torch.long)
        with warnings.catch_warnings():
            # the pinned torch 2.13 warns that this API will be removed
            warnings.simplefilter("ignore", UserWarning)
            quantized = torch.quantize_per_channel(weight, scales, offsets, 0, torch.qint8)
        bias = None if layer.bias is None else layer.bias.detach()
        self._packed = torch.ops.quantized.linear_prepack(quantized, bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return shape (..., n_outputs), float32."""
        outputs: Tensor = torch.ops.quantized.linear_dynamic(inputs, self._packed, _overflows())
        return outputs


@cache
def _overflows() -> bool:
    """
    Return whether this processor accumulates products in 16 bits, which large inputs overflow.

    Processors without VNNI do; for these, inputs are quantized to seven bits.
    """
    layer = nn.Linear(64, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        packed = QuantizedLinear(layer)._packed
        total = torch.ops.quantized.linear_dynamic(torch.ones(1, 64), packed, False)
    return bool(total.item() < 60.0)


def quantize_linear_layers(network: nn.Module) -> int:
    """Replace every linear layer of ``network`` by a quantized one; return their number."""
    count = 0
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, QuantizedLinear(child))
                count += 1
    return count
