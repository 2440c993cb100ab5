"""``codaar encode``: the clips of a split, a packed file or a folder of features -> a file of codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import tomli
import torch

from codaar_core.api import Batch, CodaarError, DataError, DataSource, Features, Quantizer, Space, Split
from codaar_core.engine.assembly.benchmark_splits import modalities_of, open_split
from codaar_core.engine.assembly.build import build_benchmark, build_data, extractor_difference
from codaar_core.engine.assembly.input_checks import checked_features
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.data.codes_file import Arrays, Parts, put_together
from codaar_core.engine.data.extraction import NOTE
from codaar_core.engine.devices.prefetch import read_ahead
from codaar_core.engine.devices.runtime import Runtime, choose_device, make_runtime
from codaar_core.engine.evaluation.encode_split import BATCH, concatenate_padded, encode_features
from codaar_core.engine.model_folder import Device, build_untrained, read_run
from codaar_core.engine.record.checkpoint import load_model
from codaar_core.features import ClipSplit, PackedSplit, read_array, refuse_unusable
from codaar_core.features.files import sha256_of
from codaar_core.features.packed.source import PRETRAIN
from codaar_core.features.packed.writing import Progress, names_of
from codaar_core.recipe.plan import Plan

Extra = Literal["latents", "vectors", "distances"]
PART = 1000  # clips whose codes are kept or lost together when the process is killed


@attrs.frozen
class EncodedClips:
    """Result of ``encode``."""

    path: Path
    clips: Mapping[str, int]  # number of encoded clips by modality
    steps: int  # number of codes at real time steps, of all modalities
    bad: Mapping[str, str]  # reason for each clip left out, by id
    resumed: int  # clips that an earlier, interrupted call had encoded


@attrs.frozen
class Source:
    """Clips whose modalities are encoded together, so that their rows correspond.

    Attributes:
        split: The clips.
        modalities: The modalities that are encoded.
        about: Where the clips come from, for the attributes of the file.
        summarised: Modalities of which a whole clip becomes one code, as in the evaluation of a benchmark.
    """

    split: Split
    modalities: tuple[str, ...]
    about: str
    summarised: frozenset[str] = frozenset()


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
) -> EncodedClips:
    """Write the codes of all clips to an HDF5 file; an interrupted call can be continued.

    The file is described in docs/codes.md. Memory does not grow with the number of clips.

    Args:
        model: A run directory.
        to: File to write; until it is complete, parts are kept in a folder beside it, with ".partial" appended.
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
        progress: Called with the number of clips done and the total.

    Raises:
        CodaarError: The model or its clips cannot be read, a file exists already, the disk is full, or the parts of an
            earlier call are of other clips or settings.
    """
    file, lines, parts = Path(to), None if jsonl is None else Path(jsonl), Parts.of(Path(to))
    _refuse_arguments(packed, folders, batch, seconds)
    _refuse_existing(file, lines, parts)
    plan, checkpoint = read_run(model, best, overrides)
    runtime = make_runtime(attrs.evolve(plan.device, on=choose_device(device, "device").type, processes=1))
    data, loaded = build_data(plan), _loaded(plan, checkpoint, runtime)
    _ask_for_distances(loaded.quantizer, extra)
    sources = _sources(plan, data, loaded, split, packed, folders)
    if bad_clips == "skip":
        sources = [attrs.evolve(each, split=_unscreened(each.split)) for each in sources]
    weights = sha256_of(checkpoint / "model.safetensors")
    facts = {"model": str(Path(model).resolve()), "checkpoint": checkpoint.name, "weights": weights}
    settings = {"extra": sorted(extra), "batch": batch, "part": PART, "device": runtime.device.type}
    parts.begin({**facts, **settings, "clips": [_identity(each) for each in sources]})
    work = _Encoding(loaded, runtime, frozenset(extra), bad_clips, batch)
    result = _result(file, parts, sources, _fill(parts, work, sources, progress))
    if result.bad and bad_clips == "refuse":
        raise DataError(
            f"an earlier call left out {len(result.bad):,} clips", f"--bad-clips skip, or remove {parts.folder}"
        )
    groups = [{m: _attributes(source, loaded, m) for m in source.modalities} for source in sources]
    put_together(parts, groups, facts, seconds, file, lines)
    parts.remove()
    return result


def _refuse_arguments(packed: Path | str | None, folders: Sequence[Any], batch: int, seconds: float) -> None:
    if packed is not None and folders:
        raise CodaarError(
            "a packed file and folders of features cannot be encoded together", "encode one after another"
        )
    if batch < 1 or not 0 < seconds < float("inf"):
        raise CodaarError(f"batch = {batch}, seconds = {seconds}: both must be positive", "choose other values")


def _refuse_existing(file: Path, lines: Path | None, parts: Parts) -> None:
    """Refuse to overwrite; JSON Lines that an interrupted call left beside its parts are written again."""
    for path in filter(None, (file, lines)):
        if path.exists() and (path == file or not parts.folder.exists()):
            raise DataError(f"{path} exists already", "remove it, or write to another file")


def _loaded(plan: Plan, checkpoint: Path, runtime: Runtime) -> Model:
    """The trained model on its device, frozen."""
    model = build_untrained(plan)
    load_model(checkpoint, model)
    return model.to(runtime.device).eval().requires_grad_(False)


def _ask_for_distances(quantizer: Quantizer, extra: Sequence[Extra]) -> None:
    quantizer.wants_distances = "distances" in extra
    if quantizer.wants_distances and not quantizer.gives_distances:
        raise CodaarError("the quantizer of this model gives no distances to codewords", "leave out distances")


def _unscreened(split: Split) -> Split:
    """The split without its own rule for damaged clips, which would read all of them before the first is encoded."""
    return split.unscreened() if isinstance(split, ClipSplit) else split


def _identity(source: Source) -> list[Any]:
    """What must be equal for parts to be continued."""
    ids = sha256("\n".join(names_of(source.split)).encode()).hexdigest()
    return [source.about, list(source.modalities), len(source.split), ids]


def _attributes(source: Source, model: Model, modality: str) -> dict[str, Any]:
    return {"clips": source.about, "codewords": model.quantizer.size, "whole_clips": modality in source.summarised}


# Sources


def _sources(
    plan: Plan,
    data: DataSource,
    model: Model,
    split: str,
    packed: Path | str | None,
    folders: Sequence[tuple[str, Path | str]],
) -> list[Source]:
    if packed is not None:
        return [_packed_source(Path(packed), plan, data, model)]
    if folders:
        repeated = len({modality for modality, _ in folders}) < len(folders)
        if repeated:
            raise CodaarError("a modality has more than one folder", "write one file for each folder")
        return [_folder_source(modality, Path(folder), plan, data, model) for modality, folder in folders]
    of_benchmark = re.fullmatch(r"\s*(\S+) of (\S+)\s*", split)
    if of_benchmark is None:
        return [Source(data.split(split), model.modalities, f"{split}: {data.origin}")]
    return _benchmark_sources(plan, data, model, *of_benchmark.groups())


def _benchmark_sources(plan: Plan, data: DataSource, model: Model, role: str, name: str) -> list[Source]:
    """The clips of a benchmark, each modality from the split that the evaluation reads."""
    bench = next((each for each in plan.benchmarks if each.name == name), None)
    if bench is None:
        on = ", ".join(each.name for each in plan.benchmarks) or "none"
        raise CodaarError(f"the recipe of this run has no benchmark {name!r}", f"evaluate.on has: {on}")
    benchmark = build_benchmark(plan, bench, data, model.quantizer)
    return [
        Source(
            open_split(plan, bench, benchmark, role, modality),
            (modality,),
            f"{role} of {name}",
            frozenset({modality} & set(benchmark.summarised)),
        )
        for modality in modalities_of(benchmark)
    ]


def _packed_source(path: Path, plan: Plan, data: DataSource, model: Model) -> Source:
    layout = PackedSplit(path).layout
    modalities = tuple(m for m in model.modalities if m in layout.named("inputs"))
    if not modalities:
        raise DataError(
            f"{path} has none of the modalities {', '.join(model.modalities)}",
            f"it has {', '.join(layout.named('inputs'))}",
        )
    split = PackedSplit(path, modalities)
    split.refuse_other_spaces({m: Space(model.spaces[m].shape) for m in modalities})
    for modality in modalities:
        _refuse_other_extractor(path, modality, layout.header.extraction.get(modality), plan, data)
    return Source(split, modalities, f"{path.name}: {layout.header.origin}, sha256 {split.checksum}")


def _folder_source(modality: str, folder: Path, plan: Plan, data: DataSource, model: Model) -> Source:
    if modality not in model.modalities:
        raise CodaarError(f"no modality {modality!r} in this model", f"it has {', '.join(model.modalities)}")
    _refuse_other_extractor(folder, modality, _made_by(folder), plan, data)
    return Source(FeatureFolder(folder, modality, model.spaces[modality].shape), (modality,), str(folder))


def _made_by(folder: Path) -> str | None:
    """The extractor of a folder that ``codaar data extract`` wrote; None if it did not."""
    try:
        found = tomli.loads((folder / NOTE).read_text("utf-8")).get("made_by")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / NOTE} cannot be read: {error}", "extract these features again") from error
    return None if found is None else str(found)


def _refuse_other_extractor(path: Path, modality: str, made_by: str | None, plan: Plan, data: DataSource) -> None:
    """Refuse features made by another extractor than those of pretraining, where both are known."""
    if difference := extractor_difference(plan, data, modality, made_by):
        raise DataError(
            f"{path}: {difference}",
            "extract both with the same extractor, or set -o 'evaluate.extraction=\"any\"'",
        )


class FeatureFolder(Split):
    """Features of one modality in files ID.npy (T, *shape), in the order of their names; shorter clips are padded.

    Raises:
        DataError: The folder does not exist or has no such file; on reading, a file is damaged, of another shape, or
            has NaN or infinite values.
    """

    def __init__(self, folder: Path, modality: str, shape: tuple[int, ...]) -> None:
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}", "name the folder of the features")
        self.paths = sorted(each for each in folder.glob("*.npy") if not each.name.startswith("."))
        if not self.paths:
            raise DataError(f"{folder} has no file ID.npy", "`codaar data extract` writes them")
        self.modality, self.shape = modality, shape

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def ids(self) -> Sequence[str]:
        """Names of the files without suffix."""
        return [path.stem for path in self.paths]

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """Read clips; the mask is None if all have the same number of time steps."""
        clips = [self._read(self.paths[index]) for index in indices]
        values = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
        lengths = torch.tensor([len(clip) for clip in clips])
        mask = torch.arange(values.shape[1]) < lengths[:, None]
        return Batch({self.modality: Features(values, None if bool(mask.all()) else mask)}, {})

    def _read(self, path: Path) -> torch.Tensor:
        values = read_array(path)
        refuse_unusable(values, self.shape, path)
        return torch.from_numpy(values.astype(np.float32))


# Encoding


@attrs.frozen
class _Encoding:
    """How clips are encoded."""

    model: Model
    runtime: Runtime
    extra: frozenset[str]
    bad_clips: str
    batch: int

    def part(self, source: Source, names: Sequence[str], clips: range, progress: Callable[[int], None]) -> Arrays:
        """The arrays of one part; ``progress`` is called with the number of the next clip."""
        bad: dict[int, str] = {}
        ranges = [clips[start : start + self.batch] for start in range(0, len(clips), self.batch)]
        read = read_ahead(lambda each: self._read(source.split, each), ranges, self.runtime.ahead)
        encoded: list[dict[str, torch.Tensor]] = []
        for each, batch in read:
            encoded += self._encode(source, names, each, batch, bad)
            progress(each.stop)
        columns = {name: [each[name] for each in encoded] for name in (encoded[0] if encoded else ())}
        joined = {name: concatenate_padded(parts).numpy() for name, parts in columns.items()}
        kept = [names[clip] for clip in clips if clip not in bad]
        texts = {"ids": kept, "bad": [names[clip] for clip in bad], "reasons": list(bad.values())}
        return {**joined, **{name: np.array(each, dtype=np.str_) for name, each in texts.items()}}

    def _read(self, split: Split, clips: range) -> Batch | DataError:
        """The batch, or the reason why it cannot be read."""
        try:
            return split[clips]
        except DataError as error:
            return error

    def _encode(
        self, source: Source, names: Sequence[str], clips: range, batch: Batch | DataError, bad: dict[int, str]
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Encode a batch; one with bad clips is halved until they are alone, and these are noted in ``bad``."""
        try:
            if isinstance(batch, DataError):
                raise batch
            yield self._codes(source, [names[clip] for clip in clips], batch)
        except DataError as error:
            if self.bad_clips == "refuse":
                help = "; ".join(filter(None, [error.help, "--bad-clips skip leaves such clips out"]))
                raise DataError(error.message, help) from error
            if len(clips) == 1:
                bad[clips[0]] = error.message
                return
            half = len(clips) // 2
            for each in (clips[:half], clips[half:]):
                yield from self._encode(source, names, each, self._read(source.split, each), bad)

    @torch.no_grad()
    def _codes(self, source: Source, names: Sequence[str], batch: Batch) -> dict[str, torch.Tensor]:
        """The columns of a batch, on the CPU."""
        runtime = self.runtime
        checked = {
            m: checked_features(self.model, m, batch.inputs[m], runtime.device, runtime.dtype, names)
            for m in source.modalities
        }
        found: dict[str, torch.Tensor] = {}
        for modality, features in checked.items():
            encoded = encode_features(self.model, modality, features, modality in source.summarised)
            codes = self.model.quantizer.quantize({modality: encoded})[modality]
            real = codes.real()
            columns = {"indices": codes.indices.int(), "mask": real}
            wanted = {"latents": encoded.semantic, "vectors": codes.own, "distances": codes.distances}
            columns |= {name: each for name, each in wanted.items() if name in self.extra and each is not None}
            for name, each in columns.items():
                outside = ~real.reshape(*real.shape, *[1] * (each.dim() - 2))
                found[f"{modality}/{name}"] = each.masked_fill(outside, 0).cpu()
        return found


def _fill(parts: Parts, work: _Encoding, sources: Sequence[Source], progress: Progress) -> int:
    """Write all missing parts; returns the number of clips in the others."""
    total, before, resumed = sum(len(source.split) for source in sources), 0, 0
    for number, source in enumerate(sources):
        names = names_of(source.split)
        for start in range(0, len(names), PART):
            clips = range(start, min(start + PART, len(names)))
            if parts.path(number, start).exists():
                resumed += len(clips)
            else:
                tick = partial(_tell, progress, before, total)
                parts.write(number, start, work.part(source, names, clips, tick))
        before += len(names)
    return resumed


def _tell(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _result(file: Path, parts: Parts, sources: Sequence[Source], resumed: int) -> EncodedClips:
    bad: dict[str, str] = {}
    clips: dict[str, int] = {}
    steps = 0
    for number, source in enumerate(sources):
        for arrays in parts.read(number):
            bad |= dict(zip(arrays["bad"].tolist(), arrays["reasons"].tolist(), strict=True))
            for modality in source.modalities:
                clips[modality] = clips.get(modality, 0) + len(arrays["ids"])
                steps += int(arrays[f"{modality}/mask"].sum()) if len(arrays["ids"]) else 0
    return EncodedClips(file, clips, steps, bad, resumed)
