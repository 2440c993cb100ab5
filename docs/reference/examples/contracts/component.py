"""Component, setting"""

import attrs

from codaar_core.api import AlignmentContext, AlignmentStep, Component, setting


class Pull(AlignmentStep):
    """Pulls every codebook a part of the way to their mean."""

    @attrs.frozen(kw_only=True)
    class Config:
        """Settings of the step."""

        share: float = setting(0.5, "share of the way to the mean", attrs.validators.ge(0))

    def adjust(self, codebooks):
        mean = sum(codebooks.values()) / len(codebooks)
        return {m: book + self.config.share * (mean - book) for m, book in codebooks.items()}


step = Pull(Pull.Config(share=0.25), AlignmentContext(("audio", "video")))
assert isinstance(step, Component)
assert step.kind == "alignment" and step.config.share == 0.25
