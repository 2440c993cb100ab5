"""The settings that belong to the framework, section by section; components bring their own."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

import attrs
from attrs.validators import and_, deep_iterable, ge, gt, lt, min_len

from codaar_core.api.component import setting


def unique(_: object, attribute: attrs.Attribute, value: tuple[Any, ...]) -> None:
    """No element twice."""
    twice = [each for number, each in enumerate(value) if each in value[:number]]
    if twice:
        raise ValueError(f"'{attribute.name}' must not name {twice[0]!r} twice")


def folder_name(_: object, attribute: attrs.Attribute, value: str) -> None:
    """Fit for a folder."""
    if not re.fullmatch(r"[\w][\w.+-]*", value):
        raise ValueError(f"'{attribute.name}' must be made of letters, numbers and ._+- (it names a folder): {value!r}")


def device_name(_: object, attribute: attrs.Attribute, value: str) -> None:
    """One of those that torch knows."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise ValueError(f'\'{attribute.name}\' must be "auto", "cpu", "cuda", "cuda:0" or "mps": {value!r}')


share = and_(ge(0.0), lt(1.0))
counted_up = and_(deep_iterable(ge(0)), unique)


@attrs.frozen(kw_only=True)
class RunSettings:
    """What is run."""

    name: str = setting(help="name of the run: its folder is DIRECTORY/NAME/TIME", check=folder_name)
    seed: int = setting(43, "every random draw follows from it", ge(0))
    epochs: int = setting(6, "passes over the pretraining split", ge(0))
    directory: str = setting("runs", "where run folders go", min_len(1))
    hooks: tuple[str, ...] = setting((), "blocks [hooks.X] that are on", unique)
    plugins: tuple[str, ...] = setting((), "Python files of local components, relative to the recipe", unique)
    log_every: int = setting(10, "steps between two logged lines", ge(1))
    keep: int = setting(2, "newest checkpoints that are kept; one is written after every epoch", ge(1))
    best: str = setting("", "value of an epoch, e.g. total: the state where it is lowest is kept too, as best-STEP")


@attrs.frozen(kw_only=True)
class DeviceSettings:
    """Where and how it computes."""

    on: str = setting("auto", "auto, cpu, mps, cuda or cuda:N", device_name)
    dtype: Literal["float32", "float64"] = setting("float32", "floating-point type of model and data")
    autocast: Literal["off", "bf16", "fp16"] = setting(
        "off", "type in which private features and decoders multiply; latents, codebooks and weights keep dtype"
    )
    compile: bool = setting(False, "compile encoders and decoders (torch.compile)")
    processes: int = setting(1, "processes started on this machine, one a GPU; torchrun brings its own", ge(1))
    threads: int = setting(0, "CPU threads of each process; 0 leaves the choice to torch", ge(0))
    ahead: int = setting(1, "batches that are read while a GPU computes; on a CPU, reading would take its cores", ge(0))
    deterministic: bool = setting(False, "only algorithms that repeat bit for bit on a GPU; the CPU's always do")


@attrs.frozen(kw_only=True)
class ModelSettings:
    """What the model is made of; align and losses switch blocks on, in this order."""

    modalities: tuple[str, ...] = setting(help="names of the modalities", check=and_(min_len(1), unique))
    align: tuple[str, ...] = setting((), "blocks [align.X] that are on, in order", unique)
    losses: tuple[str, ...] = setting((), "blocks [losses.X] that are on", unique)


@attrs.frozen(kw_only=True)
class OptimizerSettings:
    """How the weights are trained."""

    use: Literal["adam", "adamw"] = setting("adam", "kind of optimizer")
    lr: float = setting(4e-4, "learning rate", gt(0))
    betas: tuple[float, float] = setting((0.9, 0.999), "decay of the running moments", deep_iterable(share))
    weight_decay: float = setting(0.0, "decay of the weights a step", ge(0))
    clip: float = setting(0.5, "greatest gradient norm; 0 switches clipping off", ge(0))
    milestones: tuple[int, ...] = setting((), "epochs at which the learning rate is multiplied by gamma", counted_up)
    gamma: float = setting(0.5, "factor of the learning rate at a milestone", gt(0))


@attrs.frozen(kw_only=True)
class EvaluateSettings:
    """What is measured after pretraining."""

    on: tuple[str, ...] = setting((), "blocks [bench.X] that are on", unique)
    seeds: tuple[int, ...] = setting((43, 44, 45), "one head is trained for each", and_(min_len(1), counted_up))
    mode: Literal["strict", "as-published"] = setting("strict", "official test splits, or the released code's habits")
    seen: Literal["keep", "drop"] = setting("keep", "clips whose recording was seen in pretraining: kept, or left out")
    extraction: Literal["same", "any"] = setting("same", "features made otherwise than in pretraining: refused, or not")


@attrs.frozen(kw_only=True)
class BlockSettings:
    """A block without settings of the framework."""


@attrs.frozen(kw_only=True)
class DataSettings:
    """What the framework reads in [data]."""

    batch: int = setting(80, "clips a step", ge(1))


@attrs.frozen(kw_only=True)
class LossSettings:
    """What the framework reads in [losses.X]."""

    weight: float = setting(1.0, "factor of all terms of this loss")


@attrs.frozen(kw_only=True)
class BenchmarkSettings:
    """What the framework reads in [bench.X]."""

    epochs: int = setting(30, "passes over the training split, for each head", ge(0))
    batch: int = setting(256, "clips a step", ge(1))
    lr: float = setting(1e-3, "learning rate of the head (Adam)", gt(0))
    clip: float = setting(0.5, "greatest gradient norm; 0 switches clipping off", ge(0))
    milestones: tuple[int, ...] = setting((), "epochs at which the learning rate is multiplied by gamma", counted_up)
    gamma: float = setting(0.5, "factor of the learning rate at a milestone", gt(0))
    packed: str = setting("", "folder of packed splits to read instead of the original files; see `codaar data pack`")


SECTIONS = {
    "run": RunSettings,
    "device": DeviceSettings,
    "model": ModelSettings,
    "optimizer": OptimizerSettings,
    "evaluate": EvaluateSettings,
}
"""Sections that belong to the framework alone."""


class Switched(NamedTuple):
    """A section of blocks that a list switches on."""

    kind: str
    switch: str  # path of the list
    settings: type  # the framework's part of a block


SWITCHED = {
    "align": Switched("alignment", "model.align", BlockSettings),
    "losses": Switched("loss", "model.losses", LossSettings),
    "bench": Switched("benchmark", "evaluate.on", BenchmarkSettings),
    "hooks": Switched("hook", "run.hooks", BlockSettings),
}

PER_MODALITY = {"encoders": "encoder", "decoders": "decoder"}
"""Sections with one block for each modality."""

TABLES = (*SECTIONS, *SWITCHED, *PER_MODALITY, "data", "quantizer")
