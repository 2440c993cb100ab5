"""A clip as one vector: the mean of its codewords over the real time steps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from codaar_core.engine.data.codes_file import Codes
from codaar_core.engine.trained_model import TrainedModel

VALUES = 8_000_000  # numbers of codewords in memory


class ClipVectors:
    """Averages codewords.

    The vector of a clip is the mean of ``Quantized.full``, the codewords of all codebooks at its indices, scaled to
    unit length: what retrieval without training compares (section 5.1 of arXiv 2605.12145).

    Args:
        model: Has the codebooks.
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        self.width = model.model.quantizer.code_space.width

    def __call__(self, modality: str, codes: Codes) -> Tensor:
        """Unit vectors (n, W) in the type of the model; zero for a clip without real time steps."""
        clips = max(1, VALUES // (self.width * max(1, codes.mask.shape[1])))
        parts = zip(
            torch.from_numpy(codes.indices).split(clips), torch.from_numpy(codes.mask).split(clips), strict=True
        )
        return torch.cat([self._of(modality, *part) for part in parts])

    def _of(self, modality: str, indices: Tensor, mask: Tensor) -> Tensor:
        full = self.model.lookup(modality, indices, full=True)
        real = mask.to(full.device).unsqueeze(-1)
        mean = full.masked_fill(~real, 0).sum(1) / real.sum(1).clamp_min(1)
        return F.normalize(mean, dim=-1).cpu()
