"""Head for the events of every second without an output for background; learns from seconds or from whole clips."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import attrs
import torch
from attrs.validators import ge
from torch import Tensor, nn
from torch.nn import functional as F

from codaar_core.api import ComponentError, HeadContext, Quantized, setting
from codaar_plugin_cmg.heads import NEVER, CodeHead


class EventMlp(CodeHead):
    """One score for each event and second: the head of section 9.2 of arXiv 2605.12145 for AVVP and AVE->AVVP.

    Linear layers with ReLU between them, and binary cross-entropy. The last class of the benchmark is background: it
    has no output, and is predicted in seconds where no event has a probability above one half. With ``labels =
    "clips"`` the head is weakly supervised: it learns which events a clip has, not when. The score of an event in a
    clip is then its highest score in a second.

    Raises:
        ComponentError: The benchmark has no class but background.
    """

    examples: ClassVar = (*CodeHead.examples, {"labels": "clips", "layers": 2})

    @attrs.frozen(kw_only=True)
    class Config(CodeHead.Config):
        """Settings of the event classifier; the text does not give the hidden width."""

        layers: int = setting(3, "linear layers (arXiv 2605.12145: 3 for AVVP, 2 for AVE->AVVP)", ge(1))
        hidden: int = setting(0, "width of hidden layers; 0: that of the code", ge(0))
        labels: Literal["seconds", "clips"] = setting(
            "seconds", "seconds: learns the events of every second; clips: only which events a clip has"
        )

    def __init__(self, config: Config, context: HeadContext) -> None:
        super().__init__(config, context)
        events = len(context.classes) - 1
        if events < 1:
            raise ComponentError(
                "event-mlp takes the last class for background, and there is no other",
                "use it for benchmarks with events and background, e.g. avvp-localization",
            )
        self.scores = nn.Sequential(*_layers(config.layers, self.width, config.hidden or self.width, events))

    def forward(self, quantized: Quantized) -> Tensor:
        """Give logits (B, T, events)."""
        logits = self.each(self.scores, quantized)
        return logits if quantized.mask is None else logits.masked_fill(~quantized.mask.unsqueeze(-1), NEVER)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy with the events of multi-hot labels (B, T, events + 1), the mean over all elements."""
        events = target[..., :-1].to(logits.dtype)
        if self.config.labels == "clips":
            logits, events = logits.amax(dim=1), events.amax(dim=1)
        return F.binary_cross_entropy_with_logits(logits, events)

    def predict(self, logits: Tensor) -> Tensor:
        """The events with a probability above one half, else background, as zeros and ones (B, T, events + 1)."""
        events = logits > 0
        background = ~events.any(dim=-1, keepdim=True)
        return torch.cat([events, background], dim=-1).to(logits.dtype)


def _layers(number: int, code: int, hidden: int, output: int) -> Iterator[nn.Module]:
    """Linear layers with ReLU between them."""
    for layer in range(number):
        last = layer == number - 1
        yield nn.Linear(hidden if layer else code, output if last else hidden)
        if not last:
            yield nn.ReLU()
