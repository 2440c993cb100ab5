"""Plan: a completely checked recipe, with everything that a run needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.recipe.settings import (
    DeviceSettings,
    EvaluateSettings,
    OptimizerSettings,
    RunSettings,
    WeightSchedule,
)
from codaar_core.recipe.toml.origin import Origin
from codaar_core.recipe.toml.problem import Problem, RecipeError
from codaar_core.recipe.toml.reading import Recipe
from codaar_core.registry import Entry


@attrs.frozen
class Block:
    """A component with its checked settings."""

    path: str  # e.g. "losses.main"
    entry: Entry
    component: type
    config: Any  # a component.Config
    origin: Origin  # of its `use`, or of the list element that switched it on


@attrs.frozen
class LossPlan:
    """A loss and the weight of its terms, which may follow a schedule."""

    block: Block
    weight: float | WeightSchedule
    pass_: str = "last"  # of a step: the one that the loss reads

    def weight_at(self, step: int, epoch_steps: int) -> float:
        """Return the weight at a step of pretraining.

        Args:
            step: Number of the step, from 0.
            epoch_steps: Steps of an epoch.
        """
        return self.weight.at(step, epoch_steps) if isinstance(self.weight, WeightSchedule) else self.weight


@attrs.frozen
class BenchmarkPlan:
    """A benchmark, the head that it trains, and the settings of this training."""

    name: str
    block: Block
    head: Block
    epochs: int
    batch: int
    lr: float
    clip: float
    milestones: tuple[int, ...]
    gamma: float
    packed: str  # folder of packed splits; empty: the original files are read


@attrs.frozen
class Plan:
    """Everything that a run needs."""

    source: Path
    run: RunSettings
    device: DeviceSettings
    optimizer: OptimizerSettings
    evaluate: EvaluateSettings
    modalities: tuple[str, ...]
    data: Block
    batch: int
    encoders: dict[str, Block]
    decoders: dict[str, Block]
    quantizer: Block
    align: tuple[Block, ...]
    losses: dict[str, LossPlan]
    benchmarks: tuple[BenchmarkPlan, ...]
    hooks: tuple[Block, ...]
    recipe: Recipe
    resolved: dict[str, Any]  # complete recipe with defaults and full names
    overrides: tuple[str, ...]
    plugins: tuple[str, ...] = ()  # files of local components given beside the recipe, as they were given
    notes: tuple[Problem, ...] = ()
    weights_from: str | None = None  # model.from
    weights_parts: tuple[str, ...] | None = None  # model.parts
    accumulate: int = 1  # data.accumulate
    validation_share: float = 0.0  # data.validation_share
    workers: int = 0  # data.workers

    def blocks(self) -> Iterator[Block]:
        """Every block that is switched on."""
        yield self.data
        yield from self.encoders.values()
        yield from self.decoders.values()
        yield self.quantizer
        yield from self.align
        yield from (loss.block for loss in self.losses.values())
        yield from (bench.block for bench in self.benchmarks)
        yield from (bench.head for bench in self.benchmarks)
        yield from self.hooks

    def problem(self, path: str, error: CodaarError, code: str = "unbuildable") -> RecipeError:
        """Turn an error of a component into a problem at the line of its block."""
        origin = next((block.origin for block in self.blocks() if block.path == path), None)
        return RecipeError([Problem(code, f"{path}: {error.message}", origin, error.help)])
