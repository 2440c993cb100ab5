"""Self-attention over time, after a linear map to the wanted width."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import Encoded
from codaar_core.nn.masked_batch_norm import MaskedBatchNorm


class TemporalTransformer(nn.Module):
    """Linear map and post-norm transformer layers; no positions, no final norm (released code of arXiv 2605.12145).

    Under autocast it still computes in the precision of its weights.

    Args:
        input: Width F of the features.
        width: Width D of the latents; ``heads`` must divide it.
        layers: Number of layers.
        heads: Attention heads of each layer.
        feedforward: Hidden width of the feed-forward part of each layer.
        dropout: Probability on attention weights, inside the feed-forward part and before both sums.
        input_dropout: Probability on the features.
        normalise: Whether features are standardised first, by the moments of the real steps of the batch in training,
            and by their running means in evaluation.
        identical_layers: Whether all layers start with equal weights, as in the released code.
        whole_clips: When all steps of a clip get its mean latent: "never", in "training" only, or "always".
    """

    def __init__(
        self,
        input: int,
        width: int,
        layers: int = 2,
        heads: int = 4,
        feedforward: int = 1024,
        dropout: float = 0.1,
        input_dropout: float = 0.0,
        normalise: bool = False,
        identical_layers: bool = True,
        whole_clips: str = "never",
    ) -> None:
        super().__init__()
        self.whole_clips = whole_clips

        def layer() -> PostNormLayer:
            return PostNormLayer(width, heads, feedforward, dropout)

        self.normalise = MaskedBatchNorm(input, affine=False) if normalise else None
        self.drop = nn.Dropout(input_dropout) if input_dropout else nn.Identity()  # Identity draws no random number
        self.widen = nn.Linear(input, width)
        first = layer()
        others = (deepcopy(first) if identical_layers else layer() for _ in range(layers - 1))
        self.layers = nn.ModuleList([first, *others])

    def forward(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (B, T, F) to (B, T, D); no step attends to steps where ``mask`` (B, T) is False."""
        weight = self.widen.weight
        with torch.autocast(weight.device.type, enabled=False):  # code assignment is precision-sensitive
            features = self._normalised(features.to(weight.dtype), mask)
            hidden = self.widen(self.drop(features).transpose(0, 1).contiguous())
            added = _added_to_scores(mask, weight.dtype)
            for layer in self.layers:
                hidden = layer(hidden, added)
        latents = hidden.transpose(0, 1)
        if self.whole_clips == "always" or (self.whole_clips == "training" and self.training):
            return Encoded(latents, mask=mask).mean().unsqueeze(1).expand_as(latents)
        return latents

    def _normalised(self, features: Tensor, mask: Tensor | None) -> Tensor:
        if self.normalise is None:
            return features
        steps = self.normalise(features.flatten(0, 1), None if mask is None else mask.flatten())
        return steps.unflatten(0, features.shape[:2])


class PostNormLayer(nn.TransformerEncoderLayer):
    """``TransformerEncoderLayer`` with the same weights, draws and results, and fewer operations.

    It never uses torch's fused inference kernels, so that evaluation computes what training does.
    """

    def forward(self, steps: Tensor, added: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Map (T, B, D) to (T, B, D).

        Args:
            steps: Time steps of each clip.
            added: What is added to the scores of all heads and steps before the softmax, (B, 1, 1, T).
        """
        steps = self.norm1(steps + self.dropout1(self._attend(steps, added)))
        hidden = self.dropout(self.linear1(steps).relu())
        return self.norm2(steps + self.dropout2(self.linear2(hidden)))

    def _attend(self, steps: Tensor, added: Tensor | None) -> Tensor:
        attention = self.self_attn
        projected = F.linear(steps, attention.in_proj_weight, attention.in_proj_bias)
        # From (T, B, 3 D) to three of (B, heads, T, D / heads); one unbind, so that one copy joins their gradients.
        queries, keys, values = projected.unflatten(-1, (3, attention.num_heads, -1)).permute(2, 1, 3, 0, 4).unbind()
        dropout = attention.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(queries, keys, values, added, dropout)
        return attention.out_proj(mixed.permute(2, 0, 1, 3).flatten(-2))


def ignored_steps(mask: Tensor | None) -> Tensor | None:
    """Invert the mask (B, T), except in rows without any real step: a softmax over no step would be NaN."""
    return None if mask is None else ~mask & mask.any(dim=1, keepdim=True)


def _added_to_scores(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Minus infinity (B, 1, 1, T) at ignored steps, zero at the others."""
    ignored = ignored_steps(mask)
    if ignored is None:
        return None
    return torch.zeros_like(ignored, dtype=dtype).masked_fill(ignored, -torch.inf)[:, None, None]
