"""Builds the components of a plan, in the order in which their widths become known.

The order is: data, quantizer, encoders, decoders, losses, heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from codaar_core.api import (
    AlignmentContext,
    Benchmark,
    BenchmarkContext,
    ComponentError,
    DataContext,
    DataSource,
    DecoderContext,
    Encoder,
    EncoderContext,
    HeadContext,
    Loss,
    LossContext,
    Quantizer,
    QuantizerContext,
    Space,
    TaskHead,
)
from codaar_core.engine.assembly.benchmark_splits import is_trainable, open_packed, splits_of
from codaar_core.engine.assembly.component_errors import errors_at
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.assembly.parameter_groups import refuse_empty_groups
from codaar_core.engine.devices.runtime import derive_seed
from codaar_core.recipe.plan import BenchmarkPlan, Block, Plan


def build_component(plan: Plan, block: Block, context: Any) -> Any:
    """Build one component; its initial weights depend on the run's seed and on ``block.path`` only.

    Args:
        plan: The plan.
        block: The component's block of the plan.
        context: Context of the component's kind.

    Raises:
        RecipeError: The component failed; points to its line of the recipe.
        DataError: Files are missing or damaged.
    """
    with torch.random.fork_rng(devices=[]), errors_at(plan, block):
        torch.manual_seed(derive_seed(plan.run.seed, block.path))
        component = block.component(block.config, context)
    if not hasattr(component, "config"):
        missing = ComponentError(f"{block.component.__name__}.__init__ must call super().__init__(config, context)")
        raise plan.problem(block.path, missing)
    return component


def build_data(plan: Plan) -> DataSource:
    """Build the data source, without opening files.

    Raises:
        RecipeError: It lacks a modality of the model.
    """
    data = build_component(plan, plan.data, DataContext(plan.modalities))
    absent = [m for m in plan.modalities if m not in data.spaces]
    if absent:
        has = ", ".join(data.spaces)
        raise plan.problem("data", ComponentError(f"this data has no modality {absent[0]!r}", f"it has: {has}"))
    return data


def build_quantizer(plan: Plan) -> Quantizer:
    """Build the quantizer, which defines the widths of latents and codes."""
    return build_component(plan, plan.quantizer, QuantizerContext(plan.modalities))


def build_model(plan: Plan, spaces: dict[str, Space]) -> Model:
    """Build the model.

    Args:
        plan: The plan.
        spaces: Spaces of the features, by modality.

    Raises:
        RecipeError: A component failed, a loss needs distances that the quantizer does not compute, or a group of
            the optimizer has no parameters.
    """
    quantizer = build_quantizer(plan)
    encoders = {
        m: build_component(plan, plan.encoders[m], EncoderContext(m, spaces[m], quantizer.latent))
        for m in plan.modalities
    }
    decoders = {
        m: build_component(plan, block, _decoder_context(m, quantizer, encoders[m], spaces[m]))
        for m, block in plan.decoders.items()
        if m in encoders
    }
    inputs = {m: spaces[m] for m in plan.modalities}
    loss_context = LossContext(plan.modalities, quantizer.latent, quantizer.code_space, inputs, encoders, quantizer)
    losses = {name: build_component(plan, loss.block, loss_context) for name, loss in plan.losses.items()}
    _refuse_missing_distances(plan, quantizer, losses)
    quantizer.wants_distances = any(loss.needs_distances for loss in losses.values())
    weights = {name: loss.weight_at(0, epoch_steps=1) for name, loss in plan.losses.items()}
    align = [build_component(plan, block, AlignmentContext(plan.modalities)) for block in plan.align]
    model = Model(quantizer, encoders, decoders, losses, weights, align, inputs)
    refuse_empty_groups(plan, model)
    return model


def _refuse_missing_distances(plan: Plan, quantizer: Quantizer, losses: Mapping[str, Loss]) -> None:
    """Refuse losses over the distances to all codewords if the quantizer does not compute these.

    Raises:
        RecipeError: A loss needs them.
    """
    for name, loss in losses.items():
        if loss.needs_distances and not quantizer.gives_distances:
            raise plan.problem(
                plan.losses[name].block.path,
                ComponentError(
                    f"{name} needs the distances to all codewords, which this quantizer does not give",
                    f"leave {name} out of model.losses, or use a quantizer that gives distances",
                ),
            )


def _decoder_context(modality: str, quantizer: Quantizer, encoder: Encoder, input: Space) -> DecoderContext:
    return DecoderContext(modality, quantizer.code_space, encoder.private, encoder.target or input)


def build_benchmarks(plan: Plan, data: DataSource, quantizer: Quantizer) -> dict[str, Benchmark]:
    """Build and check all benchmarks of the plan, by name; see ``build_benchmark``.

    Call this before training, so that a benchmark that does not fit the model is reported at once.
    """
    return {bench.name: build_benchmark(plan, bench, data, quantizer) for bench in plan.benchmarks}


def build_benchmark(plan: Plan, bench: BenchmarkPlan, data: DataSource, quantizer: Quantizer) -> Benchmark:
    """Build a benchmark, build its head once, and check its features against those of pretraining.

    Args:
        plan: The plan.
        bench: The benchmark's part of the plan.
        data: Data source of pretraining.
        quantizer: Defines the spaces of codes.

    Raises:
        RecipeError: The benchmark or head failed, or another extractor made its features.
        DataError: Packed clips are missing, damaged, or have features of other shapes.
    """
    benchmark = build_component(plan, bench.block, _benchmark_context(plan, data, (bench.name,)))
    head = build_head(plan, bench, benchmark, quantizer, seed=0)
    if not bench.packed:
        _refuse_extractor_unlike_pretraining(plan, bench, benchmark.extraction, data)
        return benchmark
    for role, modality in splits_of(benchmark, is_trainable(head)):
        split = open_packed(plan, bench, role, modality)
        split.refuse_other_spaces({each: Space(space.shape) for each, space in data.spaces.items()})
        _refuse_extractor_unlike_pretraining(plan, bench, split.layout.header.extraction, data)
    return benchmark


def _benchmark_context(plan: Plan, data: DataSource, inside: tuple[str, ...]) -> BenchmarkContext:
    """Return the context of the last benchmark of ``inside``; each of them asks for the next."""

    def other(name: str) -> Benchmark:
        found = next((bench for bench in plan.benchmarks if bench.name == name), None)
        if found is None:
            on = ", ".join(bench.name for bench in plan.benchmarks)
            raise ComponentError(
                f"no benchmark {name!r} is switched on", f"evaluate.on has {on}; add it, or name one of these"
            )
        if name in inside:
            raise ComponentError(f"the benchmarks {' -> '.join((*inside, name))} refer to each other in a circle")
        benchmark: Benchmark = build_component(plan, found.block, _benchmark_context(plan, data, (*inside, name)))
        return benchmark

    return BenchmarkContext(plan.modalities, data, plan.evaluate.mode, other)


def extractor_difference(plan: Plan, data: DataSource, modality: str, made_by: str | None) -> str:
    """Say that features are made by another extractor than those of pretraining.

    Returns:
        The difference; empty if there is none, if one of the two is unknown, or if ``evaluate.extraction`` is "any".
    """
    trained_on = data.extraction.get(modality)
    if plan.evaluate.extraction == "any" or made_by is None or trained_on in (None, made_by):
        return ""
    return f"features of {modality} are made by {made_by}, those of pretraining by {trained_on}"


def _refuse_extractor_unlike_pretraining(
    plan: Plan, bench: BenchmarkPlan, extraction: Mapping[str, str], data: DataSource
) -> None:
    """Refuse features made by another extractor than those of pretraining: encoders cannot be used on them.

    Raises:
        RecipeError: The extractors of a modality differ, and ``evaluate.extraction`` is not "any".
    """
    for modality, made_by in extraction.items():
        if difference := extractor_difference(plan, data, modality, made_by):
            raise plan.problem(
                bench.block.path,
                ComponentError(
                    f"its {difference}", 'extract both with the same extractor, or set evaluate.extraction = "any"'
                ),
            )


def build_head(plan: Plan, bench: BenchmarkPlan, benchmark: Benchmark, quantizer: Quantizer, seed: int) -> TaskHead:
    """Build a head; its initial weights depend on ``seed`` and the head's path only.

    Raises:
        RecipeError: The head failed; points to its line of the recipe.
    """
    context = HeadContext(quantizer.code_space, quantizer.latent, benchmark.classes, benchmark.given, quantizer)
    with torch.random.fork_rng(devices=[]), errors_at(plan, bench.head):
        torch.manual_seed(derive_seed(seed, bench.head.path))
        return bench.head.component(bench.head.config, context)


def closed_forms(model: Model) -> list[dict[str, Any]]:
    """Return name, modalities and matrix of each linear alignment step, for results.json."""
    matrices = [(type(step).__name__, step.matrix(model.modalities)) for step in model.align]
    return [
        {"name": name, "modalities": list(model.modalities), "matrix": matrix.tolist()}
        for name, matrix in matrices
        if matrix is not None
    ]
