"""A run of two processes of which one is killed, at a phase of the run; the script prints what the other one got."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import torch
from torch import nn

from codaar_core.engine.devices import gradient_average, lost_processes, processes
from codaar_core.recipe import load

GRACE = 1.0
PHASES = {
    "merge": lambda ranks: ranks.merge({}),
    "computes": lambda ranks: busy(),
    "waits": lambda ranks: threading.Event().wait(),  # as in a copy from a device that waits for the other rank
}


def busy() -> None:
    """Compute in Python for a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        sum(range(1000))


def average_gradients(ranks: processes.DistributedRanks, killed: int) -> None:
    """Send a bucket for each parameter; in the second step, one process is killed after its first bucket."""
    gradient_average.BUCKET_BYTES = 1
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3)))
    gradients = gradient_average.GradientAverage(model, ranks)
    for step in range(2):
        between = model[:2](torch.ones(1, 2))
        if step and ranks.rank == killed:
            between.register_hook(lambda gradient: os.kill(os.getpid(), signal.SIGKILL))
        loss = model[2](between).sum()
        with gradients.sent_when_ready():
            loss.backward()
        gradients.finish({"loss": loss})


def take_part(plan: object, ranks: processes.DistributedRanks, phase: str, killed: int, folder: str) -> None:
    """Do the phase, unless this is the rank that is killed."""
    lost_processes.GRACE = GRACE
    ranks.sum(torch.ones(1))
    (Path(folder) / f"rank-{ranks.rank}").write_text(str(os.getpid()))
    if phase == "gradients":
        average_gradients(ranks, killed)
        return
    if ranks.rank == killed:
        os.kill(os.getpid(), signal.SIGKILL)
    PHASES[phase](ranks)


def main() -> None:
    """Run: phase, rank that is killed, folder."""
    phase, killed, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    recipe = Path(__file__).resolve().parents[2] / "recipes" / "avt.toml"
    plan = load(recipe, ["device.processes=2", "device.on='cpu'"])
    lost_processes.GRACE = GRACE
    try:
        with processes.connect_ranks(plan, take_part, phase, killed, folder) as ranks:
            take_part(plan, ranks, phase, killed, folder)
    except processes.RankLost as error:
        print(f"RankLost: {error.message}")


if __name__ == "__main__":
    main()
