"""Steps of the real training loop on made-up features, measured; shared by the other benchmarks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pluggy
import torch

from codaar_core import load
from codaar_core.api import Batch, Features, Space, Split, hook
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.devices.runtime import choose_device, make_runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.pretraining_cost import peak_memory
from codaar_core.engine.training.session import Session
from codaar_core.recipe import Plan

PAPER = Path(__file__).resolve().parents[1] / "recipes" / "paper" / "avt.toml"


class Random(Split):
    """One batch of random features, given again and again."""

    def __init__(self, spaces: Mapping[str, Space], clips: int, batch: int, steps: int) -> None:
        self.clips = clips
        self.values = {m: torch.rand(batch, steps, *space.shape) for m, space in spaces.items()}

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, indices: Sequence[int]) -> Batch:
        """As many clips as are asked for."""
        return Batch({m: Features(values[: len(indices)]) for m, values in self.values.items()}, {})


class Stopwatch:
    """Wall-clock and CPU seconds of every step; the first, which builds what is kept, is not counted."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    @hook
    def codaar_step_end(self) -> None:
        """Wait for the device, and look at both clocks."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append((time.perf_counter(), time.process_time()))

    def medians(self) -> tuple[float, float]:
        """Of both."""
        between = zip(self.ends, self.ends[1:], strict=False)
        differences = [(after[0] - before[0], after[1] - before[1]) for before, after in between]
        return tuple(median(kind) for kind in zip(*differences, strict=True))


def measure(
    overrides: Sequence[str], batch: int, repeat: int, steps: int = 10, recipe: Path = PAPER
) -> dict[str, float]:
    """Seconds and CPU seconds of one training step of a recipe, and the memory of this process at its peak.

    Args:
        overrides: Of the recipe.
        batch: Clips a step.
        repeat: Steps that are measured.
        steps: Time steps T of a clip.
        recipe: Another one than the paper's.
    """
    whole = (repeat + 1) * batch
    plan = load(recipe, [f"data.batch={batch}", "run.epochs=1", f"run.log_every={2 * whole}", *overrides])
    watch = Stopwatch()
    train(plan, lambda spaces: Random(spaces, whole, batch, steps), watch)
    seconds, cpu = watch.medians()
    return {"seconds": round(seconds, 4), "cpu_seconds": round(cpu, 4), "peak_gb": peak_gb()}


def train(plan: Plan, clips: Callable[[Mapping[str, Space]], Split], observer: object) -> None:
    """Pretrain a new model of a plan on made-up clips of its spaces; ``observer`` has hooks."""
    runtime = make_runtime(plan.device)
    spaces = {m: space for m, space in build_data(plan).spaces.items() if m in plan.modalities}
    model = build_model(plan, spaces).to(runtime.device, runtime.dtype)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    manager.register(observer)
    with TemporaryDirectory() as folder, Interruption() as interruption:
        session = Session(plan, model, runtime, RunDirectory(Path(folder)), manager.hook, interruption)
        pretrain(session, clips(spaces), make_optimizer(session.model, session.plan.optimizer))


def peak_gb() -> float:
    """Of the GPU, where there is one, else of this process."""
    return round(peak_memory(choose_device("auto")) / 1e9, 2)
