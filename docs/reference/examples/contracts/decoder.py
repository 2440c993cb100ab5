"""Decoder, DecoderContext"""

import torch
from torch import nn

from codaar_core.api import Decoder, DecoderContext, Encoded, Quantized, Space


class Linear(Decoder):
    """One linear map of code and private features."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.map = nn.Linear(context.code_space.width + context.private.width, context.output.width)

    def forward(self, encoded, quantized):
        return self.map(torch.cat([quantized.full, encoded.private], dim=-1))


context = DecoderContext("audio", code_space=Space((64,)), private=Space((16,)), output=Space((128,), 10))
decoder = Linear(Linear.Config(), context)
indices = torch.zeros(2, 10, dtype=torch.int64)
encoded = Encoded(torch.randn(2, 10, 32), private=torch.randn(2, 10, 16))
quantized = Quantized(indices, own=torch.randn(2, 10, 32), full=torch.randn(2, 10, 64))
assert decoder(encoded, quantized).shape == (2, 10, 128)
