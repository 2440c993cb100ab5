"""The one door to the clips of a benchmark: its own files, or what ``codaar data pack --bench`` wrote of them."""

from __future__ import annotations

import shlex
from itertools import product
from pathlib import Path

from codaar_core.api import Benchmark, DataError, Split, TaskHead
from codaar_core.features import PackedSplit
from codaar_core.features.packed.source import packed_file
from codaar_core.recipe.plan import BenchmarkPlan, Plan


def learns(head: TaskHead) -> bool:
    """Whether a head has anything to train."""
    return any(True for _ in head.parameters())


def modalities_of(benchmark: Benchmark) -> list[str]:
    """Those of any transfer."""
    return list(dict.fromkeys(modality for transfer in benchmark.transfers() for modality in transfer))


def roles_of(benchmark: Benchmark, learns: bool) -> list[str]:
    """Roles whose clips are read; a head that learns nothing needs test clips only."""
    validation = ["validation"] if benchmark.selection.endswith("validation") else []
    return ["test", *(["train", *validation] if learns else [])]


def splits_of(benchmark: Benchmark, learns: bool) -> list[tuple[str, str]]:
    """Role and modality of every split that a run reads."""
    return list(product(roles_of(benchmark, learns), modalities_of(benchmark)))


def open_split(plan: Plan, bench: BenchmarkPlan, benchmark: Benchmark, role: str, modality: str) -> Split:
    """The clips of ``role`` for a modality, from the folder that the plan names, else from files of the benchmark.

    Raises:
        DataError: Files are missing or damaged, or packed ones are of another benchmark or mode.
    """
    return open_packed(plan, bench, role, modality) if bench.packed else benchmark.split(role, modality)


def open_packed(plan: Plan, bench: BenchmarkPlan, role: str, modality: str) -> PackedSplit:
    """The packed clips of ``role``, seen through one modality; only the header is looked at.

    Raises:
        DataError: The file is missing, damaged, or of another benchmark or mode.
    """
    path = packed_clips(bench.packed, role, modality)
    if not path.is_file():
        raise DataError(f"{path} is missing", f"`{_pack_command(plan, bench)}` writes it")
    split = PackedSplit(path, (modality,))
    header = split.layout.header
    found, wanted = _clips_of(header.benchmark, header.mode), _clips_of(bench.block.entry.full_name, plan.evaluate.mode)
    if found != wanted:
        raise DataError(
            f"{path} holds {found}; expected {wanted}", "these have other clips: pack to a folder of its own"
        )
    return split


def packed_clips(folder: Path | str, role: str, modality: str) -> Path:
    """The packed file of a role, seen through a modality."""
    return packed_file(Path(folder).expanduser(), f"{role}-{modality}")


def _clips_of(benchmark: str, mode: str) -> str:
    return f"{benchmark}, mode {mode!r}" if benchmark else "no benchmark"


def _pack_command(plan: Plan, bench: BenchmarkPlan) -> str:
    overrides = [word for override in plan.overrides for word in ("-o", override)]
    words = ["codaar", "data", "pack", str(plan.source), "--bench", bench.name, "--to", bench.packed, *overrides]
    return shlex.join(words)
