"""``codaar data extract``: recordings or sentences -> a folder with one file of features each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import attrs

from codaar_core.api import DataError, Extractor, ExtractorContext
from codaar_core.engine.data.extraction_folder import NOTE as NOTE
from codaar_core.engine.data.extraction_folder import FeatureFolder, length_notes
from codaar_core.engine.data.extraction_processes import Job, extract_in_processes, extract_jobs
from codaar_core.engine.data.extraction_sources import Sources, find_sources
from codaar_core.engine.devices.runtime import choose_device
from codaar_core.features.packed.writing import Progress
from codaar_core.recipe.checking.single_component import load_extractor

Device = Literal["auto", "cpu", "cuda", "mps"]
NOTED = 20  # writings of the table of sentences during one call, at most


class UnreadableRecordings(DataError):
    """Recordings that cannot be read; the features of all others have been written.

    Attributes:
        reasons: Why each cannot be read, by name without suffix.
    """

    def __init__(self, message: str, help: str, reasons: Mapping[str, str]) -> None:
        super().__init__(message, help)
        self.reasons = dict(reasons)


@attrs.frozen
class Extracted:
    """Result of ``extract_features``."""

    folder: Path
    made_by: str  # tag of the extractor and its weights
    recordings: int  # recordings or sentences with features in the folder
    new: int  # of these, extracted by this call
    notes: tuple[str, ...] = ()  # e.g. that other features of the same recordings have another number of steps


def extract_features(
    name: str,
    recordings: Path | str | Mapping[str, str | Sequence[str]],
    to: Path | str,
    settings: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    on: Device = "auto",
    progress: Progress = lambda done, recordings: None,
    processes: int = 1,
) -> Extracted:
    """Write the features of every recording to ``to/STEM.npy``, float32 (T, *shape); existing files are kept.

    ``extraction.toml`` in the same folder records the tag that data sources ask for, the settings of the extractor,
    the length of its steps and the SHA-256 of its weights. A folder holds features of one extractor with one
    configuration only.

    For an extractor of sentences, ``recordings`` is a table with the columns ``id`` and ``Extractor.column``, or the
    sentences by id: ``{"rain": "rain falls", "dog": ["a dog barks", "a barking dog"]}``. Features of an id with one
    sentence are ``to/ID.npy``, those of an id with several ``to/ID#0.npy``, ``to/ID#1.npy``, ... in their order.
    ``sentences.csv`` in the same folder has the sentences: those that changed are extracted again.

    Args:
        name: ``[provider:]name`` of an extractor.
        recordings: Folder that is searched recursively for files with a suffix of the extractor; hidden files are
            skipped. A table, or sentences by id, for an extractor of sentences.
        to: Folder of the features; created if it does not exist.
        settings: ``SETTING=VALUE`` of the extractor, in the syntax of ``-o``.
        plugins: Python files of local components.
        on: Device; "auto" selects a GPU if there is one. Several processes use all GPUs in turn.
        progress: Called after each recording with the number done and the total.
        processes: Processes that share the recordings.

    Raises:
        CodaarError: The extractor is unknown, its weights are missing or wrong, two recordings have the same name, the
            folder holds features of another extractor, the disk is full, or recordings cannot be read; unreadable
            recordings are listed after all others are done.
    """
    block = load_extractor(name, settings, plugins)
    extractor: Extractor = block.component(block.config, ExtractorContext(choose_device(on, "on")))
    given = recordings if isinstance(recordings, Mapping) else Path(recordings)
    sources = find_sources(given, block.entry.full_name, extractor)
    folder = FeatureFolder(Path(to), sources.sentences)
    jobs = [Job(stem, source) for stem, source in sources.by_stem.items() if not folder.has(stem)]
    extractor.prepare()
    folder.open(block, extractor)
    advance = _Advance(folder, jobs, len(sources.by_stem), progress)
    if processes > 1 and len(jobs) > 1:
        arguments = (name, tuple(settings), tuple(map(str, plugins)), on)
        advance.all(extract_in_processes(arguments, folder.path, jobs, processes))
    else:
        advance.all(extract_jobs(extractor, folder.path, jobs))
    folder.note_sentences(advance.done)
    _refuse_unreadable(sources, advance.unreadable, folder.path)
    notes = (*folder.notes(sources.by_stem), *length_notes(folder.path))
    return Extracted(folder.path, extractor.made_by, len(sources.by_stem), len(jobs), notes)


class _Advance:
    """What has been extracted by this call."""

    def __init__(self, folder: FeatureFolder, jobs: Sequence[Job], total: int, progress: Progress) -> None:
        self.folder, self.total, self.progress = folder, total, progress
        self.kept = total - len(jobs)
        self.between = max(len(jobs) // NOTED, 1_000)  # jobs between two writings of the table of sentences
        self.done: list[str] = []
        self.unreadable: dict[str, str] = {}

    def all(self, results: Iterable[tuple[str, str]]) -> None:
        """Take the results of all jobs, as they come."""
        for number, (stem, reason) in enumerate(results, self.kept + 1):
            if reason:
                self.unreadable[stem] = reason
            else:
                self.done.append(stem)
            if number % self.between == 0:
                self.folder.note_sentences(self.done)
            self.progress(number, self.total)


def _refuse_unreadable(sources: Sources, unreadable: Mapping[str, str], folder: Path) -> None:
    found = {**sources.defects, **{stem: unreadable[stem] for stem in sources.by_stem if stem in unreadable}}
    if found:
        total = len(sources.by_stem) + len(sources.defects)
        reasons = "".join(f"\n   {reason}" for reason in found.values())
        raise UnreadableRecordings(
            f"{len(found):,} of {total:,} {sources.called} cannot be read, the others are in {folder}:{reasons}",
            f"repair or remove these {sources.them} and repeat the command: it reads only what is missing",
            found,
        )
