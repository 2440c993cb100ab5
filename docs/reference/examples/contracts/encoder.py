"""Encoder, EncoderContext"""

import torch
from torch import nn

from codaar_core.api import Encoded, Encoder, EncoderContext, Features, Space


class Linear(Encoder):
    """One linear map for the latents, one for the private features."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.semantic_map = nn.Linear(context.input.width, context.latent.width)
        self.private_map = nn.Linear(context.input.width, 16)

    @property
    def private(self):
        return Space((16,))

    def forward(self, features):
        return Encoded(self.semantic_map(features.values), self.private_map(features.values), features.mask)


context = EncoderContext("audio", input=Space((128,), 10), latent=Space((32,)))
encoder = Linear(Linear.Config(), context)
features = Features(torch.randn(2, 10, 128))
assert encoder(features).semantic.shape == (2, 10, 32)
assert encoder.summary(features).semantic.shape == (2, 1, 32)
