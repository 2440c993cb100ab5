"""AlignmentStep, AlignmentContext"""

import torch

from codaar_core.api import AlignmentContext, AlignmentStep


class Average(AlignmentStep):
    """Codewords of equal index become their mean."""

    def adjust(self, codebooks):
        mean = sum(codebooks.values()) / len(codebooks)
        return {modality: mean for modality in codebooks}

    def matrix(self, modalities):
        return torch.full((len(modalities), len(modalities)), 1 / len(modalities))


context = AlignmentContext(("audio", "video"))
step = Average(Average.Config(), context)
codebooks = {"audio": torch.zeros(8, 4), "video": torch.ones(8, 4)}
assert step.adjust(codebooks)["audio"].unique().tolist() == [0.5]
assert step.mix(codebooks) is codebooks  # not overridden: nothing is mixed
assert step.matrix(context.modalities).sum(dim=1).tolist() == [1, 1]
