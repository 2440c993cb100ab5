"""The call of ``codaar encode``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from codaar_core.api import CodaarError, DataError
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.encoding.assemble import write_hdf5, write_lines
from codaar_core.engine.encoding.job import Job, Opened, PartKey, Share, do_share, encode_parts
from codaar_core.engine.encoding.parquet import SUFFIX, refuse_missing_pyarrow, write_parquet
from codaar_core.engine.encoding.parts import Parts, part_ranges
from codaar_core.engine.encoding.processes import in_processes
from codaar_core.engine.encoding.recordings import Recordings, extract_recordings
from codaar_core.engine.encoding.sources import Source
from codaar_core.engine.evaluation.encode_split import BATCH
from codaar_core.engine.model_folder import Device, read_run
from codaar_core.features.files import sha256_of
from codaar_core.features.packed.source import PRETRAIN
from codaar_core.features.packed.writing import Progress, names_of

Extra = Literal["latents", "vectors", "distances"]


@attrs.frozen
class EncodedClips:
    """Result of ``encode``."""

    path: Path
    clips: Mapping[str, int]  # number of encoded clips by modality
    codes: int  # number of codes at real time steps, of all modalities; with several codes a step, all of them
    bad: Mapping[str, str]  # reason for each clip left out, by id
    resumed: int  # clips that an earlier, interrupted call had encoded


def encode(
    model: Path | str,
    to: Path | str,
    split: str = PRETRAIN,
    packed: Path | str | None = None,
    folders: Sequence[tuple[str, Path | str]] = (),
    extra: Sequence[Extra] = (),
    jsonl: Path | str | None = None,
    bad_clips: Literal["refuse", "skip"] = "refuse",
    device: Device = "auto",
    batch: int = BATCH,
    seconds: float = 1.0,
    best: bool = False,
    overrides: Sequence[str] = (),
    progress: Progress = lambda done, clips: None,
    recordings: Sequence[tuple[str, str, Path | str]] = (),
    extractor_settings: Sequence[str] = (),
    processes: int = 1,
    plugins: Sequence[Path | str] = (),
) -> EncodedClips:
    """Write the codes of all clips to an HDF5 or parquet file; an interrupted call can be continued.

    The file is described in docs/codes.md. Memory does not grow with the number of clips.

    Args:
        model: A run directory, or a folder that ``export`` wrote.
        to: File to write: parquet if it ends in ".parquet", otherwise HDF5. Until it is complete, parts are kept in a
            folder beside it, with ".partial" appended.
        split: A split of the data source of the run, or "ROLE of BENCH" for the clips of a benchmark of its recipe.
        packed: A packed file whose clips are encoded instead.
        folders: Pairs of a modality and a folder of features ID.npy (T, *shape), encoded instead.
        extra: Further columns: latents, vectors (codewords of the modality's own codebook), distances to all codewords.
        jsonl: JSON Lines file to write as well, with one line for each clip and modality.
        bad_clips: Whether clips that cannot be read, or have NaN or infinite values, are an error or are left out.
        device: Device of the model; "auto" selects a GPU if there is one.
        batch: Clips encoded at once.
        seconds: Length of a time step, for the times in the file.
        best: Use the checkpoint with the lowest metric ``run.best`` instead of the newest.
        overrides: ``path=value`` for the recipe of the run, e.g. where its data are on this machine.
        progress: Called with the number of clips done and the total; before that, with recordings done and their total.
        recordings: Modality, extractor and folder of recordings, whose features are extracted and encoded instead.
        extractor_settings: ``MODALITY.SETTING=VALUE`` of these extractors.
        processes: Processes on this machine that share the clips. A script that sets it needs
            ``if __name__ == "__main__":``.
        plugins: Python files of local components.

    Raises:
        CodaarError: The model or its clips cannot be read, a file exists already, the disk is full, the parts of an
            earlier call are of other clips or settings, or a process was killed.
    """
    file, lines, parts = Path(to), None if jsonl is None else Path(jsonl), Parts.of(Path(to))
    _refuse_arguments(packed, [*folders, *recordings], batch, seconds, processes)
    _refuse_existing(file, lines, parts)
    if file.suffix == SUFFIX:
        refuse_missing_pyarrow()
    plan, checkpoint = read_run(model, best, overrides, plugins)
    given = tuple((modality, Path(folder), str(folder)) for modality, folder in folders)
    _refuse_other_modalities([*(each[0] for each in folders), *(each[0] for each in recordings)], plan.modalities)
    asked = [Recordings(modality, extractor, Path(folder)) for modality, extractor, folder in recordings]
    extracted = extract_recordings(asked, extractor_settings, parts, device, bad_clips, plugins, progress)
    job = Job(
        Path(model),
        checkpoint,
        split,
        None if packed is None else Path(packed),
        (*given, *extracted.folders),
        tuple(sorted(extra)),
        bad_clips,
        device,
        batch,
        best,
        tuple(overrides),
        tuple(Path(each) for each in plugins),
        processes,
    )
    opened = job.open()
    facts = {
        "model": str(Path(model).resolve()),
        "checkpoint": checkpoint.name,
        "weights": sha256_of(checkpoint / "model.safetensors"),
    }
    parts.begin({**facts, **_settings(job, opened), "clips": [_identity(each) for each in opened.sources]})
    resumed = _encode_missing(job, opened, parts, progress)
    result = _result(file, parts, opened.sources, resumed, extracted.bad)
    if result.bad and bad_clips == "refuse":
        raise DataError(
            f"an earlier call left out {len(result.bad):,} clips", f"--bad-clips skip, or remove {parts.folder}"
        )
    _refuse_nothing_left(result, parts)
    groups = [{m: _attributes(source, opened.encoder.model, m) for m in source.modalities} for source in opened.sources]
    if lines is not None:
        write_lines(parts, groups, seconds, lines)
    (write_parquet if file.suffix == SUFFIX else write_hdf5)(parts, groups, facts, seconds, file)
    parts.remove()
    return result


def _refuse_nothing_left(result: EncodedClips, parts: Parts) -> None:
    """Refuse to write a file without clips: all were left out."""
    if result.bad and not any(result.clips.values()):
        parts.remove()
        name, reason = next(iter(result.bad.items()))
        raise DataError(f"none of the {len(result.bad):,} clips can be encoded; {name}: {reason}", "mend the clips")


def _refuse_arguments(
    packed: Path | str | None, folders: Sequence[tuple[Any, ...]], batch: int, seconds: float, processes: int
) -> None:
    if packed is not None and folders:
        raise CodaarError(
            "a packed file and folders of features cannot be encoded together", "encode one after another"
        )
    if len({modality for modality, *_ in folders}) < len(folders):
        raise CodaarError("a modality has more than one folder", "write one file for each folder")
    if batch < 1 or processes < 1 or not 0 < seconds < float("inf"):
        raise CodaarError(
            f"batch = {batch}, processes = {processes}, seconds = {seconds}: all must be positive",
            "choose other values",
        )


def _refuse_other_modalities(modalities: Sequence[str], known: Sequence[str]) -> None:
    unknown = [modality for modality in modalities if modality not in known]
    if unknown:
        raise CodaarError(f"no modality {unknown[0]!r} in this model", f"it has {', '.join(known)}")


def _refuse_existing(file: Path, lines: Path | None, parts: Parts) -> None:
    """Refuse to overwrite; JSON Lines that an interrupted call left beside its parts are written again."""
    for path in filter(None, (file, lines)):
        if path.exists() and (path == file or not parts.folder.exists()):
            raise DataError(f"{path} exists already", "remove it, or write to another file")


def _settings(job: Job, opened: Opened) -> dict[str, Any]:
    """Settings that must be equal for parts to be continued."""
    return {"extra": list(job.extra), "batch": job.batch, "device": opened.encoder.runtime.device.type}


def _identity(source: Source) -> list[Any]:
    """What must be equal for parts to be continued."""
    ids = sha256("\n".join(names_of(source.split)).encode()).hexdigest()
    return [source.about, list(source.modalities), len(source.split), ids]


def _attributes(source: Source, model: Model, modality: str) -> dict[str, Any]:
    quantizer, whole_clips = model.quantizer, modality in source.summarised
    sizes = {"codewords": quantizer.size, "levels": quantizer.levels}
    return {"clips": source.about, **sizes, "whole_clips": whole_clips}


def _encode_missing(job: Job, opened: Opened, parts: Parts, progress: Progress) -> int:
    """Write all missing parts; returns the number of clips in the others."""
    keys = [
        PartKey(number, clips)
        for number, source in enumerate(opened.sources)
        for clips in part_ranges(len(source.split))
    ]
    missing = [key for key in keys if not parts.path(key.source, key.clips.start).exists()]
    total = sum(len(key.clips) for key in keys)
    resumed = total - sum(len(key.clips) for key in missing)

    def report(done: int) -> None:
        progress(resumed + done, total)

    if job.processes == 1 or len(missing) < 2:
        encode_parts(opened, parts, missing, report)
    else:
        count = min(job.processes, len(missing))
        shares = [[missing[index] for index in each] for each in np.array_split(range(len(missing)), count)]
        in_processes(do_share, [Share(job, parts, share) for share in shares], report)
    return resumed


def _result(
    file: Path, parts: Parts, sources: Sequence[Source], resumed: int, unreadable: Mapping[str, str]
) -> EncodedClips:
    bad = dict(unreadable)
    clips: dict[str, int] = {}
    codes = 0
    for number, source in enumerate(sources):
        for arrays in parts.read(number):
            bad |= dict(zip(arrays["bad"].tolist(), arrays["reasons"].tolist(), strict=True))
            for modality in source.modalities:
                clips[modality] = clips.get(modality, 0) + len(arrays["ids"])
                codes += arrays[f"{modality}/indices"][arrays[f"{modality}/mask"]].size if len(arrays["ids"]) else 0
    return EncodedClips(file, clips, codes, bad, resumed)
