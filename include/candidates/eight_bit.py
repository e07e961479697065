"""
Eight-bit arithmetic for a network's linear layers, where nearly all of an encoder's time goes.

Weights are kept as signed bytes with a scale for each output; a call's inputs are rounded to bytes
with one scale and offset for all of them. So texts that are encoded together disturb each other a
little: encode them one by one, and a text has one vector. Needs torch.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Final

import torch
from torch import Tensor, nn

_LARGEST: Final = 127


class EightBitLinear(nn.Module):
    """
    A linear layer in eight bits.

    Parameters
    ----------
    layer : Linear
        Trained; stays as it is.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach()
        scales = (weight.abs().amax(dim=1) / _LARGEST).clamp_min(1e-12).double()
        offsets = torch.zeros(len(scales), dtype=torch.long)
        with warnings.catch_warnings():
            # torch 2.13, which is pinned, says that this form will go one day
            warnings.simplefilter("ignore", UserWarning)
            rounded = torch.quantize_per_channel(weight, scales, offsets, 0, torch.qint8)
        bias = None if layer.bias is None else layer.bias.detach()
        self._packed = torch.ops.quantized.linear_prepack(rounded, bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return shape (..., n_outputs), float32."""
        outputs: Tensor = torch.ops.quantized.linear_dynamic(inputs, self._packed, _overflows())
        return outputs


@cache
def _overflows() -> bool:
    """
    Return whether this processor adds products of bytes in 16 bits, which large inputs overflow.

    Those without VNNI do; then inputs are rounded to seven bits instead.
    """
    layer = nn.Linear(64, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        packed = EightBitLinear(layer)._packed
        total = torch.ops.quantized.linear_dynamic(torch.ones(1, 64), packed, False)
    return bool(total.item() < 60.0)


def quantise(network: nn.Module) -> int:
    """Replace every linear layer of ``network`` by an eight-bit one; return how many there were."""
    count = 0
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, EightBitLinear(child))
                count += 1
    return count
