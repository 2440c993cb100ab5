"""Components that are good alone and fail in a whole run."""

from __future__ import annotations

import torch
from good_components import GoodAlignment, GoodBenchmark, GoodEncoder, GoodHead

from wrong.register import breaks, replaces


@replaces(GoodAlignment, "adjust", "trains", "in the toy recipe the reconstruction error goes from")
def flings_codewords(self, codebooks):
    """Codewords run away."""
    return {m: 1.5 * book for m, book in codebooks.items()}


@replaces(GoodAlignment, "adjust", "trains", "in the toy recipe the gradient is not finite")
def explodes_codewords(self, codebooks):
    """Codewords run away so fast that the run ends."""
    return {m: 4 * book for m, book in codebooks.items()}


@replaces(GoodHead, "predict", "evaluates", "in the toy recipe there is no number for agreement of north->east")
def undecided(self, logits):
    """Says nothing that can be compared, once it is trained."""
    return torch.full((len(logits),), torch.nan)


@breaks("evaluates", "in the toy recipe there is no number for accuracy of")
class CountsWhatIsThere(GoodBenchmark):
    """Right among the clips that were said to be of the rarest class, of which there may be none."""

    metrics = {"accuracy": lambda prediction, target: (prediction == target).double()[prediction < 0].mean()}


@breaks("resumes", "after a resume")
class RemembersInPython(GoodEncoder):
    """What it has seen is in no buffer."""

    def __init__(self, config, context):
        super().__init__(config, context)
        self.calls = 0

    def forward(self, features):
        self.calls += 1
        encoded = super().forward(features)
        return encoded._replace(semantic=encoded.semantic * (1 + self.calls))
