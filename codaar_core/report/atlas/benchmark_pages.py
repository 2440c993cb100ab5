"""What a run predicted in a benchmark, as values of the page: confusion, timelines, found clips, maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from codaar_core.api import Benchmark, DataError, Split
from codaar_core.features.packed.writing import names_of
from codaar_core.report.atlas.masks import MaskedFrame, is_map, masks
from codaar_core.report.atlas.predictions import Archive, Pair, are_embeddings, confusion, queries, timelines
from codaar_core.report.atlas.previews import Previews

STRIP = 10  # steps of a clip shown beside its name
LETTERS = 4_000_000  # of all previews of benchmarks
Values = dict[str, Any]


@attrs.frozen
class Tested:
    """The tested clips of a benchmark in one modality.

    Attributes:
        modality: The modality.
        split: The clips; None if they cannot be opened, or if the run has tested others.
        names: Their names.
    """

    modality: str
    split: Split | None
    names: Sequence[str]

    @classmethod
    def of(cls, modality: str, split: Split | None, clips: int) -> Tested:
        """The clips of a split if it has as many as were tested, else clips named by their numbers."""
        if split is None or len(split) != clips:
            return cls(modality, None, list(map(str, range(clips))))
        return cls(modality, split, names_of(split))


@attrs.frozen
class BenchmarkPages:
    """Makes the values of one benchmark.

    Attributes:
        name: Name of the benchmark in the recipe.
        benchmark: The benchmark.
        archives: Its predictions, one file for each seed of the heads.
        splits: The tested clips by modality, of those that can be opened.
        previews: Takes the previews.
    """

    name: str
    benchmark: Benchmark
    archives: Sequence[Archive]
    splits: dict[str, Split]
    previews: Previews

    @property
    def first(self) -> Archive:
        """Predictions of the first seed, from which single clips are shown."""
        return self.archives[0]

    def values(self) -> Values:
        """All parts that have something to show.

        Raises:
            DataError: A file of predictions is damaged.
        """
        pairs = self.first.transfers()
        across = [pair for pair in pairs if pair.train != pair.test]
        found = {"confusion": [], "timelines": [], "gallery": [], "masks": []}  # type: dict[str, list[Values]]
        for pair in [*across, *(pair for pair in pairs if pair not in across)]:
            for part, entry in self._of_transfer(pair).items():
                found[part].append({"train": pair.train, "test": pair.test, **entry})
        return {
            "name": self.name,
            "classes": list(self.benchmark.classes),
            "seeds": len(self.archives),
            **{part: entries for part, entries in found.items() if entries},
        }

    def _of_transfer(self, pair: Pair) -> dict[str, Values]:
        """The parts of one transfer."""
        target = self.first.shape(f"target/{pair.test}")
        predicted = self.first.shape(f"{pair.train}->{pair.test}")
        classes = len(self.benchmark.classes)
        if classes < 2 and is_map(target, predicted):
            return {"masks": self._masks(pair)} if pair.train != pair.test else {}
        found: dict[str, Values] = {}
        matrices = [confusion(each.prediction(pair), each.target(pair.test), classes) for each in self.archives]
        counted = [matrix for matrix in matrices if matrix is not None]
        if len(counted) == len(matrices):
            counts = np.sum(np.stack(counted), axis=0)
            found["confusion"] = {"counts": [[int(t), int(p), int(counts[t, p])] for t, p in np.argwhere(counts)]}
        if pair.train != pair.test:
            found |= self._of_clips(pair)
        return found

    def _of_clips(self, pair: Pair) -> dict[str, Values]:
        prediction, target = self.first.prediction(pair), self.first.target(pair.test)
        if shown := timelines(prediction, target, len(self.benchmark.classes)):
            tested = self._tested(pair.test, len(target))
            strips = self._strips((tested, each.clip) for each in shown)
            entries = [
                {"id": tested.names[each.clip], "truth": each.truth, "predicted": each.predicted, "previews": strip}
                for each, strip in zip(shown, strips, strict=True)
            ]
            return {"timelines": {"clips": entries}}
        if len(self.benchmark.classes) == 0 and are_embeddings(prediction, target):
            return {"gallery": self._gallery(pair, prediction, target)}
        return {}

    def _gallery(self, pair: Pair, prediction: np.ndarray, target: np.ndarray) -> Values:
        own = self.first.prediction(Pair(pair.train, pair.train)), self.first.target(pair.train)
        found = list(queries(own, (prediction, target)))
        source, searched = self._tested(pair.train, len(own[1])), self._tested(pair.test, len(target))
        shown = [(source, each.clip) for each in found]
        shown += [(searched, clip) for each in found for clip, _, _ in each.found]
        shown += [(searched, each.match) for each in found if each.match is not None]
        strips = dict(zip(((t.modality, clip) for t, clip in shown), self._strips(shown), strict=True))

        def clip_values(tested: Tested, clip: int) -> Values:
            return {"id": tested.names[clip], "previews": strips[tested.modality, clip]}

        entries = [
            {
                **clip_values(source, each.clip),
                "rank": each.rank,
                "match": None if each.match is None else clip_values(searched, each.match),
                "found": [
                    {**clip_values(searched, clip), "cosine": round(cosine, 3), "hit": hit}
                    for clip, cosine, hit in each.found
                ],
            }
            for each in found
        ]
        return {"searched": len(target), "queries": entries}

    def _masks(self, pair: Pair) -> Values:
        target = self.first.shape(f"target/{pair.test}")
        tested = self._tested(pair.test, target[0])
        clips = [
            {"id": tested.names[clip], "frames": [self._frame(frame) for frame in frames]}
            for clip, frames in masks(self.first, pair, tested.split)
        ]
        return {"clips": clips}

    def _frame(self, frame: MaskedFrame) -> list[int | None]:
        return [None if each is None else self.previews.add(each) for each in frame]

    def _tested(self, modality: str, clips: int) -> Tested:
        return Tested.of(modality, self.splits.get(modality), clips)

    def _strips(self, clips: Iterable[tuple[Tested, int]]) -> list[list[int | None]]:
        """Previews of the first steps of some clips; the first step of all clips comes before the second of any."""
        wanted = list(clips)
        strips: list[list[int | None]] = [[] for _ in wanted]
        for step in range(STRIP):
            for strip, (tested, clip) in zip(strips, wanted, strict=True):
                strip.append(self.previews.of(tested.split, clip, tested.modality, step))
        return [strip if any(each is not None for each in strip) else [] for strip in strips]


def benchmark_values(pages: Iterable[BenchmarkPages], problems: dict[str, None]) -> list[Values]:
    """The values of all benchmarks; why one cannot be shown is added to ``problems``."""
    found, all_pages = [], list(pages)
    for each in all_pages:
        each.previews.allow(LETTERS // len(all_pages))
        try:
            values = each.values()
        except DataError as error:
            problems[f"predictions of {each.name}: {error.message}"] = None
            continue
        if values.keys() - {"name", "classes", "seeds"}:
            found.append(values)
    return found
