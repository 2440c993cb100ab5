"""When the backward pass of the paper's CoDAAR step has the gradients of each bucket that several processes exchange.

Two processes over gloo take three steps; the last is measured. "at" is the share of the backward pass that is over when
rank zero starts to send a bucket; the last one is sent after it. The shares are those of a CPU and of few clips: on a
GPU they are others, and how long an exchange takes between GPUs cannot be seen here. Prints one JSON line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pluggy
import torch
import torch.distributed as dist
from steps import PAPER, Random
from torch import Tensor, multiprocessing

from codaar_core import load
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.devices.gradient_average import GradientAverage
from codaar_core.engine.devices.processes import DistributedRanks, SumsBeside
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.session import Session

RANKS, STEPS, CLIPS = 2, 3, 4
PATCHED = (GradientAverage, "sent_when_ready"), (GradientAverage, "finish"), (SumsBeside, "start")


class Observed:
    """Notes when gradients are sent, from the beginning to the end of each backward pass."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, int]] = []
        self.began = self.ended = 0.0
        for owner, name in PATCHED:
            setattr(owner, name, self.observed(name, getattr(owner, name)))

    def observed(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that notes the time and calls the real one."""

        def method(owner: object, *arguments: Any) -> Any:
            getattr(self, name)(*arguments)
            return real(owner, *arguments)

        return method

    def sent_when_ready(self) -> None:
        """A backward pass begins."""
        self.sent.clear()
        self.began = time.perf_counter()

    def finish(self, values: object) -> None:
        """It has ended."""
        self.ended = time.perf_counter()

    def start(self, bucket: Tensor) -> None:
        """A bucket is sent."""
        self.sent.append((time.perf_counter(), bucket.nbytes))

    def buckets(self) -> list[dict[str, float]]:
        """Of the last step."""
        whole = self.ended - self.began
        return [{"mb": round(size / 1e6, 1), "at": round((at - self.began) / whole, 2)} for at, size in self.sent]


def one_of_two(rank: int, folder: Path) -> None:
    """Take the steps as one of two ranks; rank zero prints."""
    torch.set_num_threads(1)
    store = dist.FileStore(str(folder / "meeting"), RANKS)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=RANKS)
    clips = STEPS * CLIPS
    plan = load(PAPER, [f"data.batch={CLIPS}", "run.epochs=1", f"run.log_every={clips}"])
    spaces = {m: space for m, space in build_data(plan).spaces.items() if m in plan.modalities}
    model = build_model(plan, spaces)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    observed = Observed()
    with Interruption() as interruption:
        runtime = Runtime(torch.device("cpu"), torch.float32, DistributedRanks(rank))
        session = Session(plan, model, runtime, RunDirectory(folder / str(rank)), manager.hook, interruption)
        pretrain(session, Random(spaces, clips, CLIPS, 10), make_optimizer(model, plan.optimizer))
    if rank == 0:
        print(json.dumps({"benchmark": "buckets", "clips": CLIPS, "ranks": RANKS, "buckets": observed.buckets()}))
    dist.destroy_process_group()


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        multiprocessing.spawn(one_of_two, (Path(name),), nprocs=RANKS)
