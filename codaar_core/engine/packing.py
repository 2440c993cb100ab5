"""``codaar data pack``: any data source's split as one packed file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from codaar_core.api import CodaarError, DataContext, DataSource
from codaar_core.engine.build import build_data
from codaar_core.features import Header, Packed, PackedSplit, pack_split
from codaar_core.features.packed import PRETRAIN, packed_file
from codaar_core.features.packing import Precision, Progress
from codaar_core.recipe import load
from codaar_core.recipe.lone import load_data


def pack_data(
    name: Path | str,
    to: Path | str,
    split: str = PRETRAIN,
    dtype: Precision = "float16",
    overrides: Sequence[str] = (),
    plugins: Sequence[Path | str] = (),
    progress: Progress = lambda done, clips: None,
) -> Packed:
    """Write a split of a data source to ``to/SPLIT.h5``; what was interrupted goes on where it was.

    Args:
        name: A recipe, then its modalities are packed; or ``[provider:]name`` of a data source, then all it has.
        to: Folder of the packed splits; ``use = "packed"`` reads it.
        split: Name of the split.
        dtype: Precision of the features.
        overrides: ``data.SETTING=VALUE``, as ``-o`` takes them.
        plugins: Python files of local components.
        progress: Called after each clip with the number of clips done and of all.

    Raises:
        CodaarError: There is no such data source, its files are missing, or the disk is full.
    """
    data = _source(str(name), overrides, plugins)
    header = Header(data.origin, data.card.licence, dict(data.extraction))
    return pack_split(data.split(split), packed_file(Path(to), split), header, dtype, progress)


def verify_packed(path: Path | str, progress: Progress = lambda done, clips: None) -> int:
    """Compare every clip of a packed file with its checksum; gives their number.

    Raises:
        CodaarError: Some differ, or the file is no packed split.
    """
    split = PackedSplit(Path(path))
    damaged = split.damaged(progress)
    if damaged:
        named = ", ".join(damaged[:5]) + (", ..." if len(damaged) > 5 else "")
        raise CodaarError(f"{path}: {len(damaged):,} of {len(split):,} clips are damaged: {named}", "pack it anew")
    return len(split)


def _source(name: str, overrides: Sequence[str], plugins: Sequence[Path | str]) -> DataSource:
    if name.endswith(".toml"):
        return build_data(load(name, overrides, plugins))
    block = load_data(name, overrides, plugins)
    modalities = tuple(block.component(block.config, DataContext(())).spaces)
    return block.component(block.config, DataContext(modalities))
