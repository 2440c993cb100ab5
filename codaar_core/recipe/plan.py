"""Plan: a recipe that was checked from end to end; everything a run needs to know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from codaar_core.api.errors import CodaarError
from codaar_core.recipe.settings import DeviceSettings, EvaluateSettings, OptimizerSettings, RunSettings
from codaar_core.recipe.toml.origin import Origin
from codaar_core.recipe.toml.problem import Problem, RecipeError
from codaar_core.recipe.toml.reading import Recipe
from codaar_core.registry import Entry


@attrs.frozen
class Block:
    """One component with its checked settings."""

    path: str  # e.g. "losses.main"
    entry: Entry
    component: type
    config: Any  # a component.Config
    origin: Origin  # of its `use`, or of what switched it on


@attrs.frozen
class LossPlan:
    """A loss and the factor of its terms."""

    block: Block
    weight: float


@attrs.frozen
class BenchmarkPlan:
    """A benchmark, the head it trains, and how."""

    name: str
    block: Block
    head: Block
    epochs: int
    batch: int
    lr: float
    clip: float
    milestones: tuple[int, ...]
    gamma: float
    packed: str  # folder of its packed splits; empty: its own files are read


@attrs.frozen
class Plan:
    """What a run does."""

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
    resolved: dict[str, Any]  # every value with defaults and full names; a recipe itself
    overrides: tuple[str, ...]
    notes: tuple[Problem, ...] = ()

    def blocks(self) -> Iterator[Block]:
        """Every block that is on."""
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
        """Turn what a component complained of into a problem at its line of the recipe."""
        origin = next((block.origin for block in self.blocks() if block.path == path), None)
        return RecipeError([Problem(code, f"{path}: {error.message}", origin, error.help)])
