"""What the three benchmarks share: they read the digits that pretraining reads."""

from __future__ import annotations

from codaar_core.api import Benchmark, BenchmarkContext, ComponentError, Transfer
from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.digits import Digits


class DigitsBenchmark(Benchmark):
    """A benchmark on the test pools of ``Digits``, so that images and voices of pretraining never return."""

    def __init__(self, config: object, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        if not isinstance(context.data, Digits):
            raise ComponentError(
                f"this benchmark reads the data of digits, and the recipe's are of {type(context.data).__name__}",
                'set [data] use = "digits", or leave this benchmark out of evaluate.on',
            )
        if context.mode != "strict":
            raise ComponentError(
                f"nothing was published on this benchmark that mode {context.mode!r} could follow",
                'set evaluate.mode = "strict"',
            )
        self.data = context.data

    def open(self, split: str, modality: str) -> Clips:
        """Open a split, seen through one modality."""
        return self.data.split(split).only(modality)

    def caveat(self, transfer: Transfer) -> str:
        """Words name the digit."""
        return "templated text equals the label" if "text" in transfer else ""
