"""Opens the clips that ``codaar encode`` reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
import torch

from codaar_core.api import Batch, CodaarError, DataError, DataSource, Features, Space, Split
from codaar_core.engine.assembly.benchmark_splits import modalities_of, open_split
from codaar_core.engine.assembly.build import build_benchmark, extractor_difference
from codaar_core.engine.assembly.model import Model
from codaar_core.features import ClipSplit, PackedSplit, agreed_extractor, read_array, refuse_unusable
from codaar_core.recipe.plan import Plan


@attrs.frozen
class Source:
    """Clips whose modalities are encoded together, so that their rows correspond.

    Attributes:
        split: The clips.
        modalities: The modalities that are encoded.
        about: Where the clips come from, for the attributes of the file.
        summarised: Modalities of which a whole clip becomes one code, as in the evaluation of a benchmark.
        has_targets: Whether the clips have targets, which are kept where they are one whole number for each clip.
    """

    split: Split
    modalities: tuple[str, ...]
    about: str
    summarised: frozenset[str] = frozenset()
    has_targets: bool = False


def open_sources(
    plan: Plan,
    data: DataSource,
    model: Model,
    split: str,
    packed: Path | None = None,
    folders: Sequence[tuple[str, Path, str]] = (),
) -> list[Source]:
    """Open the clips of a packed file, of folders of features, or of a split.

    Args:
        plan: The plan of the run.
        data: Its data source.
        model: Its model.
        split: A split of the data source, or "ROLE of BENCH".
        packed: A packed file, read instead.
        folders: Modality, folder of features and description of the clips, read instead.

    Raises:
        CodaarError: The clips do not exist, or their features do not fit the model.
    """
    if packed is not None:
        return [_packed_source(packed, plan, data, model)]
    if folders:
        return [_folder_source(*each, plan, data, model) for each in folders]
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
            has_targets=True,
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


def _folder_source(modality: str, folder: Path, about: str, plan: Plan, data: DataSource, model: Model) -> Source:
    _refuse_other_extractor(folder, modality, agreed_extractor(folder, None, ""), plan, data)
    return Source(FeatureFolder(folder, modality, model.spaces[modality].shape), (modality,), about)


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


def unscreened(split: Split) -> Split:
    """The split without its own rule for damaged clips, which would read all of them before the first is encoded."""
    return split.unscreened() if isinstance(split, ClipSplit) else split
