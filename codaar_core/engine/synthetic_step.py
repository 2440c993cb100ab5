"""``codaar validate --deep``: builds all components and runs one training step on synthetic data."""

from __future__ import annotations

import torch
from torch import Tensor

from codaar_core.api import Benchmark, ComponentError, Encoded, Features, Quantized, StepView
from codaar_core.engine.assembly.build import build_benchmarks, build_component, build_data, build_head, build_model
from codaar_core.engine.assembly.component_errors import errors_at
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import Runtime, generator_of, make_runtime
from codaar_core.engine.training.codebook_update import update_codebooks
from codaar_core.recipe.plan import Plan

CLIPS = 4


def run_synthetic_step(plan: Plan) -> None:
    """Build and run every enabled component once; no data file is opened and nothing is written.

    Args:
        plan: A checked plan.

    Raises:
        RecipeError: A component failed; points to its line of the recipe.
        CodaarError: This machine does not have the device of the recipe.
    """
    runtime = make_runtime(plan.device)
    data = build_data(plan)
    model = build_model(plan, dict(data.spaces)).to(runtime.device, runtime.dtype)
    benchmarks = build_benchmarks(plan, data, model.quantizer)
    for block in plan.hooks:
        build_component(plan, block, None)

    with errors_at(plan, plan.data):
        batch = runtime.to_device(data.synthetic(CLIPS, plan.run.seed)[range(CLIPS)], model.modalities)
    encoded = {m: _encode(plan, model, m, batch.inputs[m]) for m in model.modalities}
    with errors_at(plan, plan.quantizer):
        quantized = model.quantizer.quantize(encoded)
        codes = model.quantizer.decoder_codes(encoded, quantized)
    decoded = {m: _decode(plan, model, m, batch.inputs[m], encoded[m], codes[m]) for m in model.decoders}
    generator = generator_of(plan.run.seed, "trial")
    _run_losses(plan, model, StepView(batch.inputs, encoded, quantized, decoded, 0, 0, generator))

    with errors_at(plan, plan.quantizer):
        update_codebooks(model.quantizer, (), encoded, quantized, generator, runtime.ranks)
    for block, step in zip(plan.align, model.align, strict=True):
        with errors_at(plan, block):
            update_codebooks(model.quantizer, (step,), encoded, quantized, generator, runtime.ranks)
    for bench in plan.benchmarks:
        head = build_head(plan, bench, benchmarks[bench.name], model.quantizer, seed=0)
        with errors_at(plan, bench.head):
            head.to(runtime.device, runtime.dtype)
            given = _random_given(benchmarks[bench.name], runtime)
            for m, record in quantized.items():
                head.predict(head(model.quantizer.lookup(m, record.indices), *given))


def _encode(plan: Plan, model: Model, modality: str, features: Features) -> Encoded:
    with errors_at(plan, plan.encoders[modality]):
        encoded = model.encoder(modality)(features)
        _require_shape("semantic", encoded.semantic, (*features.values.shape[:2], model.quantizer.latent.width))
        return encoded


def _decode(plan: Plan, model: Model, modality: str, features: Features, encoded: Encoded, codes: Quantized) -> Tensor:
    with errors_at(plan, plan.decoders[modality]):
        decoded = model.decoders[modality](encoded, codes)
        target = features.values if encoded.target is None else encoded.target
        _require_shape("the reconstruction", decoded, tuple(target.shape))
        return decoded


def _random_given(benchmark: Benchmark, runtime: Runtime) -> tuple[Tensor, ...]:
    """Return a random additional input of heads; empty if the benchmark has none."""
    space = benchmark.given
    return () if space is None else (torch.randn(CLIPS, *space.shape, device=runtime.device, dtype=runtime.dtype),)


def _run_losses(plan: Plan, model: Model, view: StepView) -> None:
    for name, loss in model.named_losses().items():
        with errors_at(plan, plan.losses[name].block):
            loss.inner_step(view)
            total = torch.stack(list(loss(view).values())).sum()
            if not torch.isfinite(total):
                raise ComponentError(f"the loss of random features is {total.item()}")
            if total.requires_grad:
                total.backward(retain_graph=True)


def _require_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise ComponentError(f"{name} has the shape {tuple(tensor.shape)}, expected {shape}")
