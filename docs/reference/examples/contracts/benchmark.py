"""Benchmark, BenchmarkContext, Transfer, Predicted, Metric, Measure, Selection"""

import torch

from codaar_core.api import Benchmark, BenchmarkContext, Measure, Metric, Predicted, Selection, Transfer


def accuracy(prediction, target):
    """Share of equal labels."""
    return (prediction == target).double().mean()


def errors(prediction, target):
    """Number of wrong labels."""
    return (prediction != target).sum()


class Classification(Benchmark):
    """The class of each clip; its splits are those of the run's data source."""

    head = "clip-classifier"

    def __init__(self, config, context):
        super().__init__(config, context)
        self.data = context.data

    @property
    def classes(self):
        return ("dog", "cat")

    @property
    def metrics(self) -> dict[str, Metric | Measure]:
        return {"accuracy": accuracy, "errors": Measure(errors, unit="clips", higher_is_better=False)}

    @property
    def selection(self) -> Selection:
        return "validation"

    def split(self, role, modality):
        return self.data.split(f"classification/{role}")

    def constants(self, target):
        return (torch.full_like(target, label) for label in range(len(self.classes)))

    def guess(self, target, generator):
        return torch.randint(len(self.classes), target.shape, generator=generator)


context = BenchmarkContext(("audio", "video"), data=None, mode="strict")  # a run gives its data source
benchmark = Classification(Classification.Config(), context)
assert benchmark.transfers() == [Transfer("audio", "video"), Transfer("video", "audio")]
seen = Predicted(prediction=torch.tensor([0, 1, 1, 0]), target=torch.tensor([0, 1, 0, 0]))
assert benchmark.score(seen, seen) == {"accuracy": 0.75, "errors": 1}
