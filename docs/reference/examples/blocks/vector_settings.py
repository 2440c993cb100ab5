"""VectorSettings, check_vectors

What an encoder of vectors does when it is built:
"""

import torch

from codaar_core.api import ComponentError, EncoderContext, Space
from codaar_core.nn import VectorSettings, check_vectors

context = EncoderContext("audio", input=Space((128,), 10), latent=Space((32,)))
check_vectors(context, "sound", example="128 values a second")
settings = VectorSettings(private=16, layers=1)
features = torch.randn(2, 10, 128)
assert settings.transformer(128, context)(features).shape == (2, 10, 32)
assert settings.private_map(128)(features).shape == (2, 10, 16)

maps = EncoderContext("video", input=Space((7, 7, 512), 10), latent=Space((32,)))
try:
    check_vectors(maps, "sound", example="128 values a second")
except ComponentError as error:
    assert "not (7, 7, 512)" in error.message
