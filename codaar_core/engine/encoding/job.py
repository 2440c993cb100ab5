"""What one call of ``encode`` encodes with which model: opened by each of its processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import attrs
import torch

from codaar_core.api import CodaarError, Quantizer
from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import Runtime, choose_device, make_runtime
from codaar_core.engine.encoding.clips import ClipEncoder
from codaar_core.engine.encoding.parts import Parts
from codaar_core.engine.encoding.processes import Report
from codaar_core.engine.encoding.sources import Source, open_sources, unscreened
from codaar_core.engine.model_folder import Device, build_untrained, read_run
from codaar_core.engine.record.checkpoint import load_model
from codaar_core.features.packed.writing import names_of
from codaar_core.recipe.plan import Plan


class Opened(NamedTuple):
    """The model and the clips."""

    encoder: ClipEncoder
    sources: list[Source]


class PartKey(NamedTuple):
    """One part: number of the source and its clips."""

    source: int
    clips: range


@attrs.frozen
class Job:
    """Everything that determines the codes; picklable.

    Attributes:
        model: A run directory or exported model.
        checkpoint: Its checkpoint.
        split: As for ``open_sources``.
        packed: As for ``open_sources``.
        folders: As for ``open_sources``.
        extra: Further columns.
        bad_clips: "refuse" or "skip".
        device: Device of the model.
        batch: Clips encoded at once.
        best: Whether the checkpoint is the best.
        overrides: ``path=value`` for the recipe of the run.
        plugins: Python files of local components.
        processes: Number of processes that share the cores.
    """

    model: Path
    checkpoint: Path
    split: str
    packed: Path | None
    folders: tuple[tuple[str, Path, str], ...]
    extra: tuple[str, ...]
    bad_clips: str
    device: Device
    batch: int
    best: bool
    overrides: tuple[str, ...]
    plugins: tuple[Path, ...] = ()
    processes: int = 1

    def open(self, number: int = 0) -> Opened:
        """Open model and clips.

        Args:
            number: Number of this process; processes take turns in choosing a GPU.

        Raises:
            CodaarError: The model or its clips cannot be read, or the model gives no distances.
        """
        plan, _ = read_run(self.model, self.best, self.overrides, self.plugins)
        runtime = self._runtime(plan, number)
        data, model = build_data(plan), _loaded(plan, self.checkpoint, runtime)
        _ask_for_distances(model.quantizer, self.extra)
        sources = open_sources(plan, data, model, self.split, self.packed, self.folders)
        if self.bad_clips == "skip":
            sources = [attrs.evolve(each, split=unscreened(each.split)) for each in sources]
        return Opened(ClipEncoder(model, runtime, frozenset(self.extra), self.bad_clips, self.batch), sources)

    def _runtime(self, plan: Plan, number: int) -> Runtime:
        device = choose_device(self.device, "device")
        threads = plan.device.threads
        if self.processes > 1 and device.type == "cpu" and not threads:
            threads = max(1, _cores() // self.processes)
        runtime = make_runtime(attrs.evolve(plan.device, on=device.type, processes=1, threads=threads))
        if self.processes > 1 and device.type == "cuda":
            return attrs.evolve(runtime, device=torch.device("cuda", number % torch.cuda.device_count()))
        return runtime


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _loaded(plan: Plan, checkpoint: Path, runtime: Runtime) -> Model:
    """The trained model on its device, frozen."""
    model = build_untrained(plan)
    load_model(checkpoint, model)
    return model.to(runtime.device).eval().requires_grad_(False)


def _ask_for_distances(quantizer: Quantizer, extra: tuple[str, ...]) -> None:
    quantizer.wants_distances = "distances" in extra
    if quantizer.wants_distances and not quantizer.gives_distances:
        raise CodaarError("the quantizer of this model gives no distances to codewords", "leave out distances")


class Share(NamedTuple):
    """The parts that one process encodes."""

    job: Job
    parts: Parts
    keys: list[PartKey]


def do_share(number: int, share: Share, report: Report) -> None:
    """Encode the parts of a share in a process of its own."""
    encode_parts(share.job.open(number), share.parts, share.keys, report)


def encode_parts(opened: Opened, parts: Parts, keys: list[PartKey], report: Report) -> None:
    """Encode and write parts, one after another.

    Args:
        opened: Model and clips.
        parts: Folder of the parts.
        keys: The parts.
        report: Called with the number of clips done, a batch at a time.
    """
    before = 0
    names = {number: names_of(opened.sources[number].split) for number in {key.source for key in keys}}
    for number, clips in keys:

        def tick(next_clip: int, before: int = before - clips.start) -> None:
            report(before + next_clip)

        parts.write(number, clips.start, opened.encoder.part(opened.sources[number], names[number], clips, tick))
        before += len(clips)
