"""``codaar validate --deep``: opens every split that a run would read, and checks its first clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from codaar_core.api import Card, DataError, Split
from codaar_core.engine.assembly.benchmark_splits import is_trainable, open_split, splits_of
from codaar_core.engine.assembly.build import build_benchmark, build_data, build_head, build_quantizer
from codaar_core.engine.assembly.component_errors import errors_at
from codaar_core.engine.data.card import download_hint
from codaar_core.engine.data.first_batch import check_benchmark_split, check_pretraining_split
from codaar_core.recipe.plan import Block, Plan
from codaar_core.recipe.toml.problem import Problem, RecipeError

CODE = "missing-data"


def data_problems(plan: Plan) -> list[Problem]:
    """Read the first clips of each split of pretraining and of each benchmark.

    Args:
        plan: A plan whose components can be built.

    Returns:
        One error for each different fault of each data source or benchmark, at its line of the recipe.

    Raises:
        DataError: Packed clips of a benchmark are missing or damaged.
    """
    found = [problem for clips in _splits(plan) for problem in _problems_of(plan, clips)]
    return list({(problem.message, problem.origin): problem for problem in found}.values())


class FirstClips(NamedTuple):
    """A split that a run reads, not opened yet."""

    block: Block
    card: Card | None  # terms of its data
    name: str
    open: Callable[[], Split]
    check: Callable[[Split], None]  # reads its first clips


def _splits(plan: Plan) -> Iterator[FirstClips]:
    data, quantizer = build_data(plan), build_quantizer(plan)
    check = partial(check_pretraining_split, plan, data)
    yield FirstClips(plan.data, data.card, "pretrain", partial(data.split, "pretrain"), check)
    for bench in plan.benchmarks:
        benchmark = build_benchmark(plan, bench, data, quantizer)
        trainable = is_trainable(build_head(plan, bench, benchmark, quantizer, seed=0))
        for role, modality in splits_of(benchmark, trainable):
            card, name = benchmark.card or data.card, f"{role}, {modality}"
            opened = partial(open_split, plan, bench, benchmark, role, modality)
            check = partial(check_benchmark_split, plan, bench, benchmark.given, role, modality, data.spaces[modality])
            yield FirstClips(bench.block, card, name, opened, check)


def _problems_of(plan: Plan, clips: FirstClips) -> Iterator[Problem]:
    block = clips.block
    try:
        with download_hint(clips.card), errors_at(plan, block):
            split = clips.open()
            if not len(split):
                raise DataError(f"{clips.name}: the split has no clips", "check that its clip lists are complete")
            clips.check(split)
    except DataError as error:
        yield Problem(CODE, f"{block.path}: {error.message}", block.origin, error.help)
    except RecipeError as error:
        yield from error.problems
