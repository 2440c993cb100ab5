"""Builds the atlas of a model: collects codes, labels, codebooks and predictions, and writes the page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import attrs
import numpy as np

from codaar_core.api import Benchmark, CodaarError, DataError, Split
from codaar_core.engine import encode
from codaar_core.engine.assembly.benchmark_splits import modalities_of, open_split
from codaar_core.engine.assembly.build import build_benchmark, build_data
from codaar_core.engine.evaluation.code_labels import labels_are_of_clips, step_labels
from codaar_core.engine.model_folder import Device, Plugins, build_untrained, read_run
from codaar_core.engine.record.checkpoint import load_model
from codaar_core.features.files import sha256_of, write_whole
from codaar_core.features.packed.source import PRETRAIN
from codaar_core.recipe.plan import Plan
from codaar_core.report.atlas.agreement import Agreement, agreement_of, are_paired
from codaar_core.report.atlas.benchmark_pages import BenchmarkPages, benchmark_values
from codaar_core.report.atlas.clip_sources import ClipSource, Openable, labels_of
from codaar_core.report.atlas.codebook_map import codebook_map
from codaar_core.report.atlas.codes import ClipCodes, read_codes
from codaar_core.report.atlas.codewords import by_use, use_of
from codaar_core.report.atlas.page import Atlas, ModalityAtlas, render
from codaar_core.report.atlas.predictions import Archive, archives, evaluations
from codaar_core.report.atlas.previews import Previews

CLIPS = 6  # nearest clips of a codeword in each modality
MOST_CLIPS = 50
FEW = 8  # clips read to see which labels a benchmark has
LETTERS = 7_000_000  # of the previews of codewords
NO_PREVIEWS = "none, because the data source gives features only, as packed files always do"
Progress = Callable[[int, int], None]


def atlas(
    model: Path | str,
    split: str | None = None,
    codes: Sequence[Path | str] = (),
    to: Path | str | None = None,
    clips: int = CLIPS,
    device: Device = "auto",
    best: bool = False,
    overrides: Sequence[str] = (),
    progress: Progress = lambda done, clips: None,
    plugins: Plugins = (),
) -> Path:
    """Write a self-contained page that shows what each codeword of a model stands for.

    Without ``codes``, the clips of a split are encoded first; if the call is interrupted, the same call continues.

    Args:
        model: A run directory, or a folder that ``export`` wrote.
        split: Clips to encode, as for ``encode``. By default the test clips of a benchmark of the recipe: the first
            one with a class for each time step, else with a class for each clip, else the first one; the clips of
            pretraining if there is no benchmark.
        codes: Files of ``encode`` with the codes of these clips, instead of ``split``. Distances to codewords are
            known only for files with latents.
        to: The page, ``*.html``, replaced if it exists; by default ``atlas.html`` in the folder of the model.
        clips: Number of clips shown for each codeword and modality.
        device: Device of the model for encoding; "auto" selects a GPU if there is one.
        best: Use the checkpoint with the lowest metric ``run.best`` instead of the newest.
        overrides: ``path=value`` for the recipe of the run, e.g. where its data are on this machine.
        progress: Called with the number of clips encoded and the total.
        plugins: Python files of local components, as for ``open_model``.

    Returns:
        The path of the page.

    Raises:
        CodaarError: The model, its clips or codes cannot be read, codes are of another model, or the page cannot be
            written.
    """
    _refuse_arguments(to, split, codes, clips)
    loaded = _Loaded.of(Path(model), best, overrides, plugins)
    page = Path(model) / "atlas.html" if to is None else Path(to)
    if codes:
        write_whole(page, render(loaded.atlas([Path(file) for file in codes], clips)))
        return page
    name = loaded.default_split() if split is None else split
    with _unfinished(page, [loaded.weights, name, *overrides]) as file, _codes_instead(split is None):
        if not file.exists():
            encode(
                model,
                file,
                name,
                extra=("latents",),
                device=device,
                best=best,
                overrides=overrides,
                progress=progress,
                plugins=plugins,
            )
        write_whole(page, render(loaded.atlas([file], clips)))
    return page


@contextmanager
def _codes_instead(suggested: bool) -> Iterator[None]:
    """Let errors of clips that nobody has named say that codes can be given instead."""
    try:
        yield
    except DataError as error:
        if not suggested:
            raise
        help = "; ".join(filter(None, [error.help, "or give files of `codaar encode` with --codes"]))
        raise DataError(error.message, help) from error


def _refuse_arguments(to: Path | str | None, split: str | None, codes: Sequence[Path | str], clips: int) -> None:
    if split is not None and codes:
        raise CodaarError("clips are named twice: by a split and by a codes file", "leave out one of them")
    if not 1 <= clips <= MOST_CLIPS:
        raise CodaarError(f"clips = {clips}: it must be from 1 to {MOST_CLIPS}", "choose another number")
    if to is not None:
        _refuse_name(Path(to))


def _refuse_name(page: Path) -> None:
    if page.suffix.lower() not in (".html", ".htm"):
        raise CodaarError(f"{page} is not the name of a page", "give a name that ends in .html")
    if not page.parent.is_dir():
        raise CodaarError(f"there is no folder {page.parent}", "make it, or write to another folder")


@contextmanager
def _unfinished(page: Path, determined_by: Sequence[str]) -> Iterator[Path]:
    """Give the codes file of an unfinished page, in a folder beside it that is removed when the page is written."""
    folder = page.with_name(f"{page.name}.partial")
    key = sha256("\n".join(determined_by).encode()).hexdigest()[:16]
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise CodaarError(f"cannot make {folder}: {error.strerror}", "write the page to another folder") from error
    try:
        yield folder / f"codes-{key}.h5"
    except CodaarError:
        with suppress(OSError):
            folder.rmdir()  # nothing was encoded
        raise
    shutil.rmtree(folder, ignore_errors=True)


@attrs.frozen
class _Loaded:
    """A model and what its run can open.

    Attributes:
        folder: The run directory or exported folder.
        checkpoint: Name of the checkpoint.
        weights: SHA-256 of its weights.
        codebooks: Codewords (K, D) by modality.
        clips: Data source and benchmarks.
        problems: What cannot be shown and why, each reason once.
    """

    folder: Path
    checkpoint: str
    weights: str
    codebooks: Mapping[str, np.ndarray]
    clips: Openable
    problems: dict[str, None]

    @classmethod
    def of(cls, folder: Path, best: bool, overrides: Sequence[str], plugins: Plugins) -> _Loaded:
        """Read a run directory or an exported folder."""
        plan, checkpoint = read_run(folder, best, overrides, plugins)
        model = build_untrained(plan)
        load_model(checkpoint, model)
        books = {m: book.detach().float().cpu().numpy() for m, book in model.quantizer.codebooks().items()}
        data, problems = build_data(plan), dict[str, None]()
        benchmarks: dict[str, Benchmark] = {}
        for bench in plan.benchmarks:
            try:
                benchmarks[bench.name] = build_benchmark(plan, bench, data, model.quantizer)
            except CodaarError as error:
                problems[f"{bench.name}: {error.message}"] = None
        weights = sha256_of(checkpoint / "model.safetensors")
        return cls(folder, checkpoint.name, weights, books, Openable(plan, data, benchmarks), problems)

    @property
    def plan(self) -> Plan:
        """The plan of the run."""
        return self.clips.plan

    def default_split(self) -> str:
        """The test clips of the benchmark with the most detailed labels, or those of pretraining."""
        names = sorted(self.clips.benchmarks, key=self._label_detail, reverse=True)
        return f"test of {names[0]}" if names else PRETRAIN

    def _label_detail(self, name: str) -> int:
        """2 for a class for each time step, 1 for each clip, 0 without, -1 if the clips cannot be read."""
        benchmark = self.clips.benchmarks[name]
        try:
            modality = modalities_of(benchmark)[0]
            split = self._test_split(name, modality)
            batch = split[range(min(FEW, len(split)))]
        except CodaarError:
            return -1
        target, classes = batch.targets[modality], len(benchmark.classes)
        if step_labels(target, classes, batch.inputs[modality].values.shape[1]) is None:
            return 0
        return 1 if labels_are_of_clips(target, classes) else 2

    def _test_split(self, name: str, modality: str) -> Split:
        bench = next(each for each in self.plan.benchmarks if each.name == name)
        return open_split(self.plan, bench, self.clips.benchmarks[name], "test", modality)

    def atlas(self, files: Sequence[Path], clips: int) -> Atlas:
        """Everything that the page shows."""
        size = len(next(iter(self.codebooks.values())))
        found = read_codes(files, self.weights, size)
        self._refuse_other_modalities(found)
        codes = {m: found[m] for m in self.codebooks if m in found}
        sources = {m: self.clips.source_of(each, self.problems) for m, each in codes.items()}
        labelled = next((each.benchmark for each in sources.values() if each.benchmark in self.clips.benchmarks), "")
        classes = tuple(self.clips.benchmarks[labelled].classes) if labelled else ()
        labels = {m: self._labels(sources[m], codes[m], labelled, len(classes)) for m in codes}
        previews = Previews()
        modalities = {
            m: ModalityAtlas(
                each, labels[m], use_of(each, labels[m], len(classes), each.distances(self.codebooks[m]), clips)
            )
            for m, each in codes.items()
        }
        shown = self._previews(modalities, sources, previews, clips)
        return Atlas(
            name=self.plan.run.name,
            model=str(self.folder),
            checkpoint=self.checkpoint,
            weights=self.weights,
            clips=" + ".join(dict.fromkeys(each.clips for each in codes.values())),
            size=size,
            classes=classes if any(each is not None for each in labels.values()) else (),
            modalities=modalities,
            previews_of_steps=shown,
            agreement=dict(self._agreement(codes, labels, len(classes))),
            map=codebook_map(self.codebooks),
            benchmarks=benchmark_values(self._benchmark_pages(previews), self.problems),
            previews=previews,
            problems=self.problems,
        )

    def _refuse_other_modalities(self, codes: Mapping[str, ClipCodes]) -> None:
        unknown = [m for m in codes if m not in self.codebooks]
        if unknown:
            raise CodaarError(
                f"{codes[unknown[0]].path} has codes of {unknown[0]!r}, which this model lacks",
                f"it has {', '.join(self.codebooks)}",
            )

    def _labels(self, source: ClipSource, codes: ClipCodes, labelled: str, classes: int) -> np.ndarray | None:
        if not labelled or source.benchmark != labelled:
            return None
        return labels_of(source, codes, classes, self._stored_targets(source, codes.modality), self.problems)

    def _stored_targets(self, source: ClipSource, modality: str) -> np.ndarray | None:
        """Targets of the test clips that the evaluation has stored; None if there are none."""
        if source.role != "test":
            return None
        try:
            return next((each.target(modality) for each in self._archives(source.benchmark)[:1]), None)
        except CodaarError:
            return None

    def _archives(self, benchmark: str) -> list[Archive]:
        """Predictions of a benchmark, of the run or else of its newest evaluation."""
        use = next(each.block.entry.full_name for each in self.plan.benchmarks if each.name == benchmark)
        return archives(evaluations(self.folder, benchmark, use), benchmark)

    def _previews(
        self, modalities: Mapping[str, ModalityAtlas], sources: Mapping[str, ClipSource], previews: Previews, clips: int
    ) -> dict[tuple[str, int, int], int]:
        """Previews by modality, clip and step: the nearest step of all codewords first, the most used ones first."""
        previews.allow(LETTERS)
        found: dict[tuple[str, int, int], int] = {}
        order = by_use({m: each.use for m, each in modalities.items()})
        for place in range(clips):
            for code in order:
                for modality, each in modalities.items():
                    for step in each.use.nearest[code][place : place + 1]:
                        source = sources[modality]
                        number = previews.of(source.split, int(source.rows[step.clip]), modality, step.step)
                        if number is not None:
                            found[modality, step.clip, step.step] = number
        opened = [m for m, source in sources.items() if source.split is not None]
        without = [m for m in opened if m not in {modality for modality, _, _ in found}]
        if without and not previews.problems:
            self.problems[f"previews of {', '.join(without)}: {NO_PREVIEWS}"] = None
        return found

    def _agreement(
        self, codes: Mapping[str, ClipCodes], labels: Mapping[str, np.ndarray | None], classes: int
    ) -> Iterator[tuple[tuple[str, str], list[Agreement]]]:
        for one, other in combinations(codes, 2):
            first, second, of_both = codes[one], codes[other], (labels[one], labels[other])
            if are_paired(first, second):
                yield (
                    (one, other),
                    [agreement_of(first, second, of_both, classes, level) for level in range(first.levels)],
                )

    def _benchmark_pages(self, previews: Previews) -> Iterator[BenchmarkPages]:
        for name, benchmark in self.clips.benchmarks.items():
            found = self._archives(name)
            if found:
                yield BenchmarkPages(name, benchmark, found, self._test_splits(name, benchmark), previews)

    def _test_splits(self, name: str, benchmark: Benchmark) -> dict[str, Split]:
        splits = {}
        for modality in modalities_of(benchmark):
            try:
                splits[modality] = self._test_split(name, modality)
            except CodaarError as error:
                self.problems[f"previews of {name}, {modality}: {error.message}"] = None
        return splits
