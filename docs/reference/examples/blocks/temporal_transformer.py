"""TemporalTransformer, TemporalSettings, ignored_steps"""

import torch

from codaar_core.api import EncoderContext, Space
from codaar_core.nn import TemporalSettings, TemporalTransformer, ignored_steps

context = EncoderContext("audio", input=Space((128,), 10), latent=Space((32,)))
transformer = TemporalSettings(layers=1, heads=4).transformer(context.input.width, context)
assert isinstance(transformer, TemporalTransformer)

mask = torch.ones(2, 10, dtype=torch.bool)
mask[0, 8:] = False  # the first clip has eight steps
assert transformer(torch.randn(2, 10, 128), mask).shape == (2, 10, 32)
assert ignored_steps(mask).sum() == 2
