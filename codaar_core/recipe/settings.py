"""The settings of the framework, section by section; components declare their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import attrs
from attrs.validators import and_, deep_iterable, ge, gt, le, lt, min_len, optional

from codaar_core.api.component import setting
from codaar_core.recipe.names import name_fault
from codaar_core.recipe.toml.duration import duration, duration_steps, longer_than_zero


def unique(_: object, attribute: attrs.Attribute, value: tuple[Any, ...]) -> None:
    """Validate that no element occurs twice."""
    twice = next((each for number, each in enumerate(value) if each in value[:number]), None)
    if twice is not None:
        raise ValueError(f"'{attribute.name}' must not name {twice!r} twice")


def folder_name(_: object, attribute: attrs.Attribute, value: str) -> None:
    """Validate the name of a folder."""
    fault = name_fault(value)
    if fault:
        raise ValueError(f"'{attribute.name}' {fault} (it names a folder): {value!r}")


def device_name(_: object, attribute: attrs.Attribute, value: str) -> None:
    """Validate the name of a device."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", value):
        raise ValueError(f'\'{attribute.name}\' must be "auto", "cpu", "cuda", "cuda:0" or "mps": {value!r}')


MOST = 1_000_000  # epochs, clips per step, ...: more is a slip
GREATEST = 1e30  # learning rates, weights, ...: within the range of float32

Check = Callable[[Any, "attrs.Attribute[Any]", Any], Any]

fraction: Check = and_(ge(0.0), lt(1.0))
distinct: Check = and_(deep_iterable(ge(0)), unique)
count: Check = and_(ge(0), le(MOST))
at_least_one: Check = and_(ge(1), le(MOST))
positive: Check = and_(gt(0), le(GREATEST))
not_negative: Check = and_(ge(0), le(GREATEST))
factor: Check = and_(gt(0), le(10))


@attrs.frozen(kw_only=True)
class RunSettings:
    """The run: name, seed, length, and what is kept of it."""

    name: str = setting(help="name of the run, whose folder is DIRECTORY/NAME/TIME", check=folder_name)
    seed: int = setting(43, "seed of all random numbers", ge(0))
    epochs: int = setting(6, "passes over the pretraining split", count)
    directory: str = setting("runs", "folder of run directories", min_len(1))
    hooks: tuple[str, ...] = setting((), "blocks [hooks.X] that are switched on", unique)
    plugins: tuple[str, ...] = setting((), "Python files of local components, relative to the recipe", unique)
    updates_per_step: int = setting(
        1,
        "passes of the clips of a step through the model, each with a codebook update; the optimizer makes one step",
        and_(ge(1), le(1024)),
    )
    log_every: int = setting(10, "steps between two lines of the log", at_least_one)
    keep: int = setting(2, "number of newest checkpoints to keep; one is written after every epoch", at_least_one)
    best: str = setting("", "epoch metric, e.g. total, whose lowest epoch is also kept, as best-STEP; empty: none")
    patience: int = setting(0, "epochs without a lower run.best after which training stops; 0: never", count)

    def __attrs_post_init__(self) -> None:
        if self.patience and not self.best:
            raise ValueError("'patience' needs 'best', for example best = \"validation.total\"")


@attrs.frozen(kw_only=True)
class DeviceSettings:
    """Device, precision and processes."""

    on: str = setting("auto", "device: auto, cpu, mps, cuda or cuda:N", device_name)
    dtype: Literal["float32", "float64"] = setting("float32", "floating-point type of model and data")
    autocast: Literal["off", "bf16", "fp16"] = setting(
        "off", "autocast type of private features and decoders; latents, codebooks and weights keep dtype"
    )
    tf32: bool = setting(False, "multiply float32 in TF32 on an NVIDIA GPU: faster, but codes may change")
    compile: bool = setting(False, "compile encoders, decoders, quantizer and losses (torch.compile)")
    cuda_graphs: bool = setting(
        False, "record a whole training step on an NVIDIA GPU and repeat it with one launch, where the recipe allows it"
    )
    processes: int = setting(
        1, "processes started on this machine, one per GPU; torchrun starts its own", and_(ge(1), le(1024))
    )
    threads: int = setting(0, "CPU threads of each process; 0: chosen by torch", and_(ge(0), le(1024)))
    ahead: int = setting(1, "batches read ahead while a GPU computes; unused on a CPU", and_(ge(0), le(1024)))
    deterministic: bool = setting(
        False, "use only bitwise reproducible algorithms on a GPU; those of the CPU always are"
    )


@attrs.frozen(kw_only=True)
class ModelSettings:
    """The model: its modalities, and the alignment steps and losses that are switched on."""

    modalities: tuple[str, ...] = setting(help="names of the modalities", check=and_(min_len(1), unique))
    align: tuple[str, ...] = setting((), "blocks [align.X] that are switched on, in order", unique)
    losses: tuple[str, ...] = setting((), "blocks [losses.X] that are switched on", unique)
    from_: str | None = setting(None, "run directory or exported model whose weights a new run begins from")
    parts: tuple[str, ...] | None = setting(
        None, "parts that are taken from it, e.g. quantizer or encoders.NAME; default: the whole model"
    )

    def __attrs_post_init__(self) -> None:
        if self.parts is not None and self.from_ is None:
            raise ValueError("'parts' are those of the model that 'from' names: give 'from' too")


@attrs.frozen(kw_only=True)
class GroupSettings:
    """A group of parameters with settings of its own; what it does not give is that of [optimizer]."""

    lr: float | None = setting(None, "learning rate before schedule; default: optimizer.lr", optional(positive))
    weight_decay: float | None = setting(None, "weight decay; default: optimizer.weight_decay", optional(not_negative))

    def __attrs_post_init__(self) -> None:
        if self.lr is None and self.weight_decay is None:
            raise ValueError("give 'lr' or 'weight_decay': without them, the group has no effect")


@attrs.frozen(kw_only=True)
class OptimizerSettings:
    """The optimizer of pretraining."""

    use: Literal["adam", "adamw"] = setting("adam", "kind of optimizer")
    lr: float = setting(4e-4, "learning rate", positive)
    betas: tuple[float, float] = setting(
        (0.9, 0.999), "decay rates of the running moments (Adam)", deep_iterable(fraction)
    )
    weight_decay: float = setting(0.0, "weight decay: L2 for adam, decoupled for adamw", not_negative)
    clip: float = setting(0.5, "largest gradient norm; 0: no clipping", not_negative)
    schedule: Literal["milestones", "cosine", "linear", "constant"] = setting(
        "milestones", "course of the learning rate after warm-up; cosine and linear fall to 0 at the last step"
    )
    warmup: str | int = setting(
        0, 'time over which the learning rate rises linearly to lr, as "2 epochs" or "500 steps"; 0: none', duration
    )
    milestones: tuple[int, ...] = setting((), "epochs at which the learning rate is multiplied by gamma", distinct)
    gamma: float = setting(0.5, "factor of the learning rate at a milestone", factor)
    groups: Mapping[str, GroupSettings] | None = setting(
        None, 'parameters with settings of their own, by the beginning of their names, as encoders or "encoders.NAME"'
    )

    def __attrs_post_init__(self) -> None:
        if self.milestones and self.schedule != "milestones":
            raise ValueError(
                f"'milestones' have no effect with schedule = \"{self.schedule}\": write milestones = [], "
                'or schedule = "milestones"'
            )


@attrs.frozen(kw_only=True)
class EvaluateSettings:
    """The evaluation after pretraining, and during it."""

    on: tuple[str, ...] = setting((), "blocks [bench.X] that are switched on", unique)
    every: int = setting(
        0,
        "epochs of pretraining after which the benchmarks are evaluated, for learning curves; 0: at the end only",
        count,
    )
    seeds: tuple[int, ...] = setting(
        (43, 44, 45), "seeds of the heads; one head is trained for each", and_(min_len(1), distinct)
    )
    mode: Literal["strict", "as-published"] = setting(
        "strict", "official test splits and protocol, or the protocol of the released code"
    )
    seen: Literal["keep", "drop"] = setting(
        "keep", "keep or drop test clips whose recording occurs in the pretraining split"
    )
    repeated: Literal["keep", "drop"] = setting(
        "keep", "keep or drop test and validation clips whose recording occurs in the training split"
    )
    extraction: Literal["same", "any"] = setting(
        "same", "whether features must be extracted as in pretraining (same) or not (any)"
    )

    def __attrs_post_init__(self) -> None:
        if self.every and not self.on:
            raise ValueError("'every' needs a benchmark in 'on', or every = 0")


@attrs.frozen(kw_only=True)
class BlockSettings:
    """Blocks without settings of the framework."""


@attrs.frozen(kw_only=True)
class DataSettings:
    """Settings of the framework in [data]."""

    batch: int = setting(80, "clips per step", at_least_one)
    accumulate: int = setting(
        1, "passes in which the clips of a step are computed, to save memory; gradients add up", at_least_one
    )
    workers: int = setting(
        0, "processes that read and decode files of clips ahead; 0: the process of the run", and_(ge(0), le(1024))
    )
    validation_share: float = setting(
        0.0, "share of the pretraining recordings held out of training; losses on them are logged every epoch", fraction
    )


weight_bounds = (ge(-GREATEST), le(GREATEST))


@attrs.frozen(kw_only=True)
class WeightSchedule:
    """A weight that moves linearly with the number of the step, from the first step on, and then stays."""

    from_: float = setting(help="weight of the first step", check=and_(*weight_bounds))
    to: float = setting(help="weight after the time `over`", check=and_(*weight_bounds))
    over: str | int = setting(
        help='time over which the weight moves, as "2 epochs" or "500 steps"', check=and_(duration, longer_than_zero)
    )

    def at(self, step: int, epoch_steps: int) -> float:
        """Return the weight of a step (from 0), with ``epoch_steps`` steps an epoch."""
        moved = min(1.0, step / duration_steps(self.over, epoch_steps))
        return self.from_ * (1 - moved) + self.to * moved


class NumberOrSchedule:
    """Validates a weight: bounds of a number; the numbers of a schedule have been validated already."""

    def __init__(self, *bounds: Check) -> None:
        self._validators = bounds  # under this name, schema() finds the bounds

    def __call__(self, instance: Any, attribute: attrs.Attribute[Any], value: float | WeightSchedule) -> None:
        """Validate a value."""
        for check in self._validators if not isinstance(value, WeightSchedule) else ():
            check(instance, attribute, value)


@attrs.frozen(kw_only=True)
class LossSettings:
    """Settings of the framework in [losses.X]."""

    weight: float | WeightSchedule = setting(
        1.0,
        'weight of all terms of this loss; or its course, as { from = 0, to = 1, over = "2 epochs" }',
        NumberOrSchedule(*weight_bounds),
    )
    pass_: Literal["first", "last"] = setting(
        "last", "pass of a step that this loss reads; first differs from last if run.updates_per_step is above 1"
    )


@attrs.frozen(kw_only=True)
class BenchmarkSettings:
    """Settings of the framework in [bench.X]."""

    epochs: int = setting(30, "passes over the training split for each head", count)
    batch: int = setting(256, "clips per step", at_least_one)
    lr: float = setting(1e-3, "learning rate of the head (Adam)", positive)
    clip: float = setting(0.5, "largest gradient norm; 0: no clipping", not_negative)
    milestones: tuple[int, ...] = setting((), "epochs at which the learning rate is multiplied by gamma", distinct)
    gamma: float = setting(0.5, "factor of the learning rate at a milestone", factor)
    packed: str = setting("", "folder of packed splits (`codaar data pack`) to read instead of the original files")


SECTIONS = {
    "run": RunSettings,
    "device": DeviceSettings,
    "model": ModelSettings,
    "optimizer": OptimizerSettings,
    "evaluate": EvaluateSettings,
}
"""Sections without component."""


class Switched(NamedTuple):
    """A section whose blocks a list switches on."""

    kind: str
    switch: str  # path of the list
    settings: type  # settings of the framework in a block


SWITCHED = {
    "align": Switched("alignment", "model.align", BlockSettings),
    "losses": Switched("loss", "model.losses", LossSettings),
    "bench": Switched("benchmark", "evaluate.on", BenchmarkSettings),
    "hooks": Switched("hook", "run.hooks", BlockSettings),
}

PER_MODALITY = {"encoders": "encoder", "decoders": "decoder"}
"""Sections with one block per modality."""

TABLES = (*SECTIONS, *SWITCHED, *PER_MODALITY, "data", "quantizer")
