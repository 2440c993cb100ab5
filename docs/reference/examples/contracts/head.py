"""TaskHead, HeadContext"""

import torch
from torch import nn

from codaar_core.api import HeadContext, Quantized, Space, TaskHead


class MeanCode(TaskHead):
    """The class of a clip from its mean code."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.classify = nn.Linear(context.code_space.width, len(context.classes))

    def forward(self, quantized):
        return self.classify(quantized.full.mean(dim=1))

    def loss(self, logits, target):
        return nn.functional.cross_entropy(logits, target)

    def predict(self, logits):
        return logits.argmax(dim=-1)


context = HeadContext(code_space=Space((64,)), latent=Space((32,)), classes=("dog", "cat", "rain"))
head = MeanCode(MeanCode.Config(), context)
indices = torch.zeros(2, 10, dtype=torch.int64)
logits = head(Quantized(indices, own=torch.randn(2, 10, 32), full=torch.randn(2, 10, 64)))
assert logits.shape == (2, 3)
assert head.predict(logits).shape == (2,)
assert head.loss(logits, torch.tensor([0, 2])).ndim == 0
