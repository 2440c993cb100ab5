"""VectorDecoder, SequenceDecoder"""

import torch

from codaar_core.api import DecoderContext, Encoded, Quantized, Space
from codaar_core.nn import SequenceDecoder, VectorDecoder

context = DecoderContext("audio", code_space=Space((64,)), private=Space((16,)), output=Space((128,)))
decoder = VectorDecoder(VectorDecoder.Config(code=32), context)
assert isinstance(decoder.sequence, SequenceDecoder)

codes = Quantized(torch.zeros(2, 10, dtype=torch.int64), torch.randn(2, 10, 32), torch.randn(2, 10, 64))
encoded = Encoded(torch.randn(2, 10, 32), private=torch.randn(2, 10, 16))
assert decoder(encoded, codes).shape == (2, 10, 128)
