"""Opens benchmark splits, from the benchmark's own files or from those written by ``codaar data pack --bench``."""

from __future__ import annotations

import shlex
from itertools import product
from pathlib import Path

from codaar_core.api import Benchmark, DataError, Split, TaskHead
from codaar_core.features import PackedSplit
from codaar_core.features.packed.source import packed_file
from codaar_core.recipe.plan import BenchmarkPlan, Plan


def is_trainable(head: TaskHead) -> bool:
    """Whether a head has parameters."""
    return any(True for _ in head.parameters())


def modalities_of(benchmark: Benchmark) -> list[str]:
    """Return the modalities that occur in any transfer."""
    return list(dict.fromkeys(modality for transfer in benchmark.transfers() for modality in transfer))


def roles_of(benchmark: Benchmark, trainable: bool) -> list[str]:
    """Return the roles of the splits a run reads; a head not trained and not calibrated needs only test clips."""
    selected = trainable and benchmark.selection.endswith("validation")
    validation = ["validation"] if selected or benchmark.calibrated else []
    return ["test", *(["train"] if trainable else []), *validation]


def splits_of(benchmark: Benchmark, trainable: bool) -> list[tuple[str, str]]:
    """Return role and modality of every split that a run reads."""
    return list(product(roles_of(benchmark, trainable), modalities_of(benchmark)))


def open_split(plan: Plan, bench: BenchmarkPlan, benchmark: Benchmark, role: str, modality: str) -> Split:
    """Open the clips of ``role`` in one modality: packed ones if the plan names their folder, else the benchmark's own.

    Raises:
        DataError: Files are missing or damaged, or packed ones belong to another benchmark or mode.
    """
    return open_packed(plan, bench, role, modality) if bench.packed else benchmark.split(role, modality)


def open_packed(plan: Plan, bench: BenchmarkPlan, role: str, modality: str) -> PackedSplit:
    """Open the packed clips of ``role`` in one modality; only the header is read.

    Raises:
        DataError: The file is missing or damaged, or belongs to another benchmark or mode.
    """
    path = packed_clips(bench.packed, role, modality)
    if not path.is_file():
        raise DataError(f"{path} is missing", f"`{_pack_command(plan, bench)}` writes it")
    split = PackedSplit(path, (modality,))
    header = split.layout.header
    found = _describe_clips(header.benchmark, header.mode)
    expected = _describe_clips(bench.block.entry.full_name, plan.evaluate.mode)
    if found != expected:
        raise DataError(
            f"{path} holds {found}; expected {expected}", "pack each benchmark and mode to a folder of its own"
        )
    return split


def packed_clips(folder: Path | str, role: str, modality: str) -> Path:
    """Return the path of the packed file of a role and modality."""
    return packed_file(Path(folder).expanduser(), f"{role}-{modality}")


def _describe_clips(benchmark: str, mode: str) -> str:
    return f"clips of {benchmark}, mode {mode!r}" if benchmark else "no benchmark"


def _pack_command(plan: Plan, bench: BenchmarkPlan) -> str:
    overrides = [word for override in plan.overrides for word in ("-o", override)]
    words = ["codaar", "data", "pack", str(plan.source), "--bench", bench.name, "--to", bench.packed, *overrides]
    return shlex.join(words)
