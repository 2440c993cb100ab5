"""Head "bag-of-codewords": which codewords a clip uses, for retrieval by indices."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
from torch import Tensor

from codaar_core.api import ComponentError, HeadContext, Quantized, TaskHead, setting


class BagOfCodewords(TaskHead):
    """The codewords that a clip uses, without parameters: an entry for each index of the codebooks.

    Two clips are compared by the indices that they share; how near codewords lie to each other does not count. It needs
    modalities that choose the same indices for the same content.

    Raises:
        ComponentError: No quantizer is known.
    """

    expected_failures: ClassVar = {"several-codes": "it reads indices, not vectors"}

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the bag of codewords."""

        count: Literal["once", "steps"] = setting(
            "once", "once: 1 for each codeword that occurs, however long; steps: the number of its steps"
        )

    def __init__(self, config: Config, context: HeadContext) -> None:
        super().__init__(config, context)
        if context.quantizer is None:
            raise ComponentError("bag-of-codewords needs the quantizer, whose codewords it counts")
        self.size = context.quantizer.size

    def forward(self, quantized: Quantized) -> Tensor:
        """Give embeddings (B, K); masked steps are ignored, and each of several codes a step counts."""
        real = quantized.real_codes().flatten(1).to(quantized.full.dtype)
        counts = real.new_zeros(len(real), self.size).scatter_add(1, quantized.indices.flatten(1), real)
        return counts.clamp_max(1) if self.config.count == "once" else counts

    def predict(self, logits: Tensor) -> Tensor:
        """The embeddings, unchanged."""
        return logits
