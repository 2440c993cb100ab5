"""What follows from the mode of an evaluation, for benchmarks that were published."""

from __future__ import annotations

from typing import Any, ClassVar

from codaar_core.api import Benchmark, BenchmarkContext, Selection


class TwoModes(Benchmark):
    """A benchmark with the habits of the released code in mode "as-published", and none of them in "strict"."""

    released_selection: ClassVar[Selection]  # which epoch of a head the released code reports

    def __init__(self, config: Any, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        self.as_published = context.mode == "as-published"

    @property
    def selection(self) -> Selection:
        """As released; in strict mode the best epoch on validation clips of the modality that is trained on."""
        return self.released_selection if self.as_published else "validation"

    @property
    def dropout(self) -> bool:
        """The released code leaves the encoder in training mode while it trains the head."""
        return self.as_published
