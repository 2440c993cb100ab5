"""Head "clip-regressor": some numbers per clip."""

from __future__ import annotations

from codaar_plugin_cmg.heads import CodeHead, mean
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import HeadContext, Quantized


class ClipRegressor(CodeHead):
    """Numbers per clip: a linear map of each code, its mean over the real steps; mean squared error."""

    def __init__(self, config: CodeHead.Config, context: HeadContext) -> None:
        super().__init__(config, context)
        self.regress = nn.Linear(self.width, len(context.classes))

    def forward(self, quantized: Quantized) -> Tensor:
        """Give numbers (B, columns); masked steps are ignored."""
        return mean(self.each(self.regress, quantized), quantized.mask)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean squared error against (B, columns).

        Raises:
            ValueError: The target has another shape.
        """
        if target.shape != logits.shape:
            raise ValueError(f"targets {tuple(target.shape)} for predictions {tuple(logits.shape)}")
        return F.mse_loss(logits, target.to(logits.dtype))

    def predict(self, logits: Tensor) -> Tensor:
        """The numbers (B, columns), unchanged."""
        return logits
