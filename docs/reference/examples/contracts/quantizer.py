"""Quantizer, QuantizerContext"""

import torch

from codaar_core.api import Encoded, Quantized, Quantizer, QuantizerContext, Space


class Signs(Quantizer):
    """The code of a latent is the sign of each of its three coordinates: one fixed codebook of eight codewords."""

    gives_distances = False

    @property
    def latent(self):
        return Space((3,))

    @property
    def code_space(self):
        return Space((3,))

    @property
    def size(self):
        return 8

    def codebooks(self):
        codewords = torch.tensor([[1 if index & bit else -1 for bit in (1, 2, 4)] for index in range(8)]).float()
        return dict.fromkeys(self.modalities, codewords)

    def __init__(self, config, context):
        super().__init__(config, context)
        self.modalities = context.modalities

    def quantize(self, encoded):
        return {modality: self._signs(modality, each) for modality, each in encoded.items()}

    def _signs(self, modality, encoded):
        indices = ((encoded.semantic > 0) * torch.tensor([1, 2, 4])).sum(dim=-1)
        path = encoded.semantic - encoded.semantic.detach()  # straight-through: zero, with a gradient
        codes = self.lookup(modality, indices)
        return Quantized(indices, codes.own + path, codes.full + path, mask=encoded.mask)

    def lookup(self, modality, indices):
        codewords = self.codebooks()[modality][indices]
        return Quantized(indices, codewords, codewords)


quantizer = Signs(Signs.Config(), QuantizerContext(("audio", "video")))
codes = quantizer.quantize({"audio": Encoded(torch.tensor([[[0.2, -3.0, 1.5]]]))})["audio"]
assert codes.indices.tolist() == [[5]]
assert codes.own.tolist() == [[[1, -1, 1]]]
