"""Base of the three benchmarks: they read the data source of pretraining."""

from __future__ import annotations

from codaar_core.api import Benchmark, BenchmarkContext, ComponentError, Transfer
from codaar_plugin_digits.clips import Clips
from codaar_plugin_digits.digits import Digits


class DigitsBenchmark(Benchmark):
    """A benchmark on the test pools of ``Digits``, which share no image or voice with pretraining."""

    def __init__(self, config: object, context: BenchmarkContext) -> None:
        super().__init__(config, context)
        if not isinstance(context.data, Digits):
            raise ComponentError(
                f"this benchmark needs the data source digits, and the recipe uses {type(context.data).__name__}",
                'set [data] use = "digits", or leave this benchmark out of evaluate.on',
            )
        if context.mode != "strict":
            raise ComponentError(
                f"mode {context.mode!r} needs published results, and this benchmark has none",
                'set evaluate.mode = "strict"',
            )
        self.data = context.data

    def open(self, split: str, modality: str) -> Clips:
        """Open a split in one modality."""
        return self.data.split(split).only(modality)

    def caveat(self, transfer: Transfer) -> str:
        """Text names the digit, so transfers from or to it are not headlined."""
        return "templated text equals the label" if "text" in transfer else ""
