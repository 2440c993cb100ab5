"""``codaar data pack``: packs a split of a data source, or all splits that a run reads of a benchmark."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import attrs

from codaar_core.api import Benchmark, CodaarError, DataContext, DataError, DataSource
from codaar_core.engine.assembly.benchmark_splits import is_trainable, open_packed, open_split, packed_clips, splits_of
from codaar_core.engine.assembly.build import build_benchmark, build_data, build_head, build_quantizer
from codaar_core.engine.data.card import download_hint
from codaar_core.features import Header, Packed, PackedSplit, pack_split
from codaar_core.features.packed.source import PRETRAIN, packed_file
from codaar_core.features.packed.writing import Precision, Progress
from codaar_core.recipe import load
from codaar_core.recipe.checking.single_component import load_data
from codaar_core.recipe.plan import BenchmarkPlan, Plan


def pack_data(
    name: Path | str,
    to: Path | str,
    split: str = PRETRAIN,
    dtype: Precision = "float16",
    overrides: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    progress: Progress = lambda done, clips: None,
) -> Packed:
    """Write a split of a data source to ``to/SPLIT.h5``; an interrupted call can be continued.

    Args:
        name: A recipe, whose modalities are packed, or ``[provider:]name`` of a data source, of which all are packed.
        to: Folder of the packed splits; ``use = "packed"`` reads it.
        split: Name of the split.
        dtype: Precision of the features.
        overrides: ``data.SETTING=VALUE``, in the syntax of ``-o``.
        plugins: Python files of local components.
        progress: Called after each clip with the number of clips done and the total.

    Raises:
        CodaarError: The data source is unknown, its files are missing, or the disk is full.
    """
    data = _source(str(name), overrides, plugins)
    header = Header(data.origin, data.card.licence, dict(data.extraction))
    return pack_split(data.split(split), packed_file(Path(to), split), header, dtype, progress)


def pack_benchmark(
    recipe: Path | str,
    bench: str,
    to: Path | str,
    dtype: Precision = "float16",
    overrides: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    progress: Progress = lambda done, clips: None,
) -> list[Packed]:
    """Write every split that a run of ``recipe`` opens of a benchmark to ``to/ROLE-MODALITY.h5``.

    An interrupted call can be continued; complete files are kept. They contain the clips of the recipe's mode.

    Args:
        recipe: A TOML file that switches the benchmark on.
        bench: Name of its block ``[bench.NAME]`` in the recipe.
        to: Folder of the packed splits; ``bench.NAME.packed`` reads it.
        dtype: Precision of the features.
        overrides: ``path=value``, in the syntax of ``-o``.
        plugins: Python files of local components.
        progress: Called after each clip with the number of clips done and the total of its split.

    Returns:
        One result per split packed by this call.

    Raises:
        CodaarError: The recipe is wrong or has no such benchmark, its files are missing, the disk is full, or
            all splits exist already.
    """
    plan = load(recipe, overrides, plugins)
    original = attrs.evolve(_switched_on(plan, bench), packed="")
    data, quantizer = build_data(plan), build_quantizer(plan)
    benchmark = build_benchmark(plan, original, data, quantizer)
    splits = splits_of(benchmark, is_trainable(build_head(plan, original, benchmark, quantizer, seed=0)))
    header, left = _header(plan, original, benchmark, data), _left(plan, attrs.evolve(original, packed=str(to)), splits)
    with download_hint(benchmark.card):
        return [
            pack_split(open_split(plan, original, benchmark, *split), path, header, dtype, progress)
            for split, path in left.items()
        ]


def _switched_on(plan: Plan, name: str) -> BenchmarkPlan:
    for bench in plan.benchmarks:
        if bench.name == name:
            return bench
    on = ", ".join(bench.name for bench in plan.benchmarks) or "none"
    raise CodaarError(f"{plan.source} does not switch on the benchmark {name!r}", f"evaluate.on has: {on}")


def _left(plan: Plan, bench: BenchmarkPlan, splits: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Path]:
    """Files that do not exist yet, by role and modality.

    Raises:
        DataError: All files exist, or one of them is of another benchmark or mode.
    """
    files = {split: packed_clips(bench.packed, *split) for split in splits}
    left = {split: path for split, path in files.items() if not path.exists()}
    for split in files:
        if split not in left:
            open_packed(plan, bench, *split)
    if not left:
        raise DataError(f"{bench.packed} has every split of {bench.name} already", "remove them to pack them again")
    return left


def _header(plan: Plan, bench: BenchmarkPlan, benchmark: Benchmark, data: DataSource) -> Header:
    """Header of a benchmark; one without a card reads the data of the recipe and gets their header."""
    name, mode = bench.block.entry.full_name, plan.evaluate.mode
    if benchmark.card is None:
        return Header(data.origin, data.card.licence, dict(data.extraction), name, mode)
    return Header(benchmark.card.title, benchmark.card.licence, dict(benchmark.extraction), name, mode)


def verify_packed(path: Path | str, progress: Progress = lambda done, clips: None) -> int:
    """Compare every clip of a packed file with its checksum; returns the number of clips.

    Warns if the checksums do not cover the ids, which they do in files packed by this version.

    Raises:
        CodaarError: Clips differ from their checksum, or the file is no packed split.
    """
    split = PackedSplit(Path(path))
    damaged = split.damaged(progress)
    if damaged:
        named = ", ".join(damaged[:5]) + (", ..." if len(damaged) > 5 else "")
        raise CodaarError(f"{path}: {len(damaged):,} of {len(split):,} clips are damaged: {named}", "pack it again")
    if not split.layout.covers_ids:
        warnings.warn(f"{path}: checksums of format 1 do not cover the ids of clips; pack it again", stacklevel=2)
    return len(split)


def _source(name: str, overrides: Sequence[str], plugins: Sequence[Path | str]) -> DataSource:
    if name.endswith(".toml"):
        return build_data(load(name, overrides, plugins))
    block = load_data(name, overrides, plugins)
    modalities = tuple(block.component(block.config, DataContext(())).spaces)
    return block.component(block.config, DataContext(modalities))
