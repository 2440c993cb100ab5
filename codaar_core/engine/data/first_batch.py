"""Compares the first clips of every split with what its component declares, before anything is trained on them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from codaar_core.api import Batch, DataError, DataSource, Features, Space, Split
from codaar_core.engine.assembly.component_errors import errors_at
from codaar_core.recipe.plan import BenchmarkPlan, Block, Plan

CLIPS = 2


def check_pretraining_split(plan: Plan, data: DataSource, split: Split) -> None:
    """Read the first clips of the pretraining split and compare them with the spaces of the data source.

    Raises:
        DataError: They differ; the message names the data source, the modality and both shapes.
        RecipeError: The data source failed.
    """
    name = f"data source {plan.data.entry.full_name}"
    _check(plan, plan.data, name, split, {m: data.spaces[m] for m in plan.modalities})


def check_benchmark_split(
    plan: Plan, bench: BenchmarkPlan, given: Space | None, role: str, modality: str, space: Space, split: Split
) -> None:
    """Read the first clips of one split of a benchmark; its number of steps may differ from that of pretraining.

    Args:
        plan: The plan.
        bench: The benchmark's part of it.
        given: What the benchmark gives to heads in addition to codes.
        role: "train", "validation" or "test".
        modality: The modality through which the clips are seen.
        space: Its space in pretraining.
        split: The opened split.

    Raises:
        DataError: Features differ from the space of pretraining, targets are missing, or ``given`` has another space.
        RecipeError: The benchmark failed.
    """
    block, name = bench.block, f"benchmark {bench.block.entry.full_name}, {role} clips of {modality!r},"
    batch, count = _check(plan, block, name, split, {modality: Space(space.shape)}), min(CLIPS, len(split))
    if batch is None:
        return
    target = batch.targets.get(modality)
    if not isinstance(target, Tensor) or target.ndim < 1 or len(target) != count:
        raise _broken(block, f"{name} gives {_described(target)} as targets, expected ({count}, ...)")
    if given is None:
        return
    with errors_at(plan, block):
        found = split.given(range(count))
    if not isinstance(found, Tensor) or tuple(found.shape) != (count, *given.shape):
        expected = f"its `given` says {(count, *given.shape)}"
        raise _broken(block, f"{name} gives {_described(found)} as additional input of heads, {expected}")


def _check(plan: Plan, block: Block, name: str, split: Split, spaces: Mapping[str, Space]) -> Batch | None:
    """Read and check ids and the first clips of a split; None if it is empty, which has an error of its own."""
    clips = len(split)
    if not clips:
        return None
    with errors_at(plan, block):
        ids = split.ids
        batch = split[range(min(CLIPS, clips))]
    if ids is not None and len(ids) != clips:
        raise _broken(block, f"{name} gives {len(ids):,} ids for {clips:,} clips")
    if not isinstance(batch, Batch):
        raise _broken(block, f"{name} gives a {type(batch).__name__}, expected a Batch")
    for modality, space in spaces.items():
        features = batch.inputs.get(modality)
        if not isinstance(features, Features) or not isinstance(features.values, Tensor):
            raise _broken(block, f"{name} gives no features of {modality!r}")
        _check_features(block, f"{name} gives {modality!r} features", features, space, min(CLIPS, clips))
    return batch


def _check_features(block: Block, gives: str, features: Features, space: Space, clips: int) -> None:
    values, mask = features
    if not values.ndim or len(values) != clips:
        raise _broken(block, f"{gives} {tuple(values.shape)} for {clips} clips")
    steps = values.shape[1] if space.length is None and values.ndim > 1 else space.length or 0
    if tuple(values.shape) != (clips, steps, *space.shape):
        expected = ", ".join(map(str, (space.length or "steps", *space.shape)))
        raise _broken(block, f"{gives} {tuple(values.shape[1:])}, its space says ({expected})")
    if not values.is_floating_point():
        raise _broken(block, f"{gives} of type {values.dtype}, expected floating-point numbers")
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) != (clips, steps)):
        raise _broken(block, f"{gives} with a mask {_described(mask)}, expected torch.bool {(clips, steps)}")


def _described(value: object) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def _broken(block: Block, message: str) -> DataError:
    return DataError(message, f"this is a fault of {block.entry.package}: batches and declared spaces must agree")
