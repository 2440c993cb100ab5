"""``codaar validate --deep``: opens the first clip of every split that a run would read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from codaar_core.api import Card, DataError, Split
from codaar_core.engine.assembly.benchmark_splits import is_trainable, open_split, splits_of
from codaar_core.engine.assembly.build import build_benchmark, build_data, build_head, build_quantizer
from codaar_core.engine.assembly.component_errors import errors_at
from codaar_core.engine.data.card import download_hint
from codaar_core.recipe.plan import Block, Plan
from codaar_core.recipe.toml.problem import Problem, RecipeError

CODE = "missing-data"


def data_problems(plan: Plan) -> list[Problem]:
    """Read the first clip of each split of pretraining and of each benchmark.

    Args:
        plan: A plan whose components can be built.

    Returns:
        One error for each different fault of each data source or benchmark, at its line of the recipe.

    Raises:
        DataError: Packed clips of a benchmark are missing or damaged.
    """
    found = [
        problem
        for block, card, name, open_it in _splits(plan)
        for problem in _first_clip(plan, block, card, name, open_it)
    ]
    return list({(problem.message, problem.origin): problem for problem in found}.values())


def _splits(plan: Plan) -> Iterator[tuple[Block, Card | None, str, Callable[[], Split]]]:
    """Every split that a run reads: its block, the terms of its data, its name, and a function that opens it."""
    data, quantizer = build_data(plan), build_quantizer(plan)
    yield plan.data, data.card, "pretrain", partial(data.split, "pretrain")
    for bench in plan.benchmarks:
        benchmark = build_benchmark(plan, bench, data, quantizer)
        trainable = is_trainable(build_head(plan, bench, benchmark, quantizer, seed=0))
        for role, modality in splits_of(benchmark, trainable):
            open_it = partial(open_split, plan, bench, benchmark, role, modality)
            yield bench.block, benchmark.card or data.card, f"{role}, {modality}", open_it


def _first_clip(
    plan: Plan, block: Block, card: Card | None, name: str, open_it: Callable[[], Split]
) -> Iterator[Problem]:
    try:
        with download_hint(card), errors_at(plan, block):
            split = open_it()
            if not len(split):
                raise DataError(f"{name}: the split has no clips", "check that its clip lists are complete")
            split[[0]]
    except DataError as error:
        yield Problem(CODE, f"{block.path}: {error.message}", block.origin, error.help)
    except RecipeError as error:
        yield from error.problems
