"""Steps of a small model whose gradients are averaged in buckets of a few numbers; what every test process runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from codaar_core.api import CodaarError, gather_clips
from codaar_core.api.ranks import SingleProcess
from codaar_core.engine.devices import gradient_average
from codaar_core.engine.devices.processes import DistributedRanks, RunRanks

WIDTH = 6
BUCKET_BYTES = 2 * WIDTH * WIDTH * 4  # two layers
EVERYWHERE = (0, 1, 2)


class Branches(nn.Module):
    """A trunk of layers, and branches that a step may use or not; one of them in double precision."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.trunk = nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(5)))
        self.frozen = nn.Linear(WIDTH, WIDTH).requires_grad_(False)
        self.wide = nn.Linear(WIDTH, WIDTH).double()
        self.often = nn.Linear(WIDTH, WIDTH)
        self.sometimes = nn.Linear(WIDTH, WIDTH)

    def loss(self, x: Tensor, sometimes: bool, twice: bool) -> Tensor:
        """A scalar; where ``twice``, the layer of ``often`` gets two gradients one after the other."""
        x = self.frozen(self.trunk(x).tanh())
        wide = self.wide(x.double()).square().mean().float()
        for _ in range(2):
            x = checkpoint(self.often, x, use_reentrant=True) if twice else self.often(x)
        return x.square().mean() + wide + (self.sometimes(x).square().mean() if sometimes else 0)


class Scenario(NamedTuple):
    """By step: ranks that use the branch ``sometimes``; whether a layer gets its gradient in two parts."""

    sometimes: Sequence[Sequence[int]]
    twice: Sequence[bool] = (False, False, False, False)
    earlier: bool = False  # another backward pass comes before the one during which gradients are sent


SCENARIOS = {
    "all used": Scenario([EVERYWHERE] * 4),
    "never used": Scenario([()] * 4),
    "left out for a step": Scenario([EVERYWHERE, (), EVERYWHERE, EVERYWHERE]),
    "used later": Scenario([(), (), EVERYWHERE, EVERYWHERE]),
    "used by one rank at the beginning": Scenario([(0,), EVERYWHERE, (), EVERYWHERE]),
    "used by one rank later": Scenario([EVERYWHERE, EVERYWHERE, (2,), (0, 1)]),
    "two gradients": Scenario([EVERYWHERE] * 4, twice=(True,) * 4),
    "two backward passes": Scenario([EVERYWHERE] * 4, earlier=True),
}
TWO_LATER = Scenario([EVERYWHERE] * 2, twice=(False, True))


class Alone(SingleProcess):
    """One process with the inputs of a rank."""

    def __init__(self, rank: int) -> None:
        self.rank = rank


def inputs(step: int, rank: int) -> Tensor:
    """Different ones on every rank."""
    generator = torch.Generator().manual_seed(10 * step + rank)
    return torch.randn(4, WIDTH, generator=generator).requires_grad_()


def take_steps(
    ranks: RunRanks, scenario: Scenario, note: Callable[[str], Any] = lambda what: None
) -> list[dict[str, Tensor | None]]:
    """Return the gradients after every step, by parameter, and the mean loss as ``loss``."""
    model = Branches()
    gradients = gradient_average.GradientAverage(model, ranks)
    found = []
    for step, users in enumerate(scenario.sometimes):
        x = inputs(step, ranks.rank)
        x.register_hook(lambda gradient: note("end of the backward pass"))
        if scenario.earlier:
            model.loss(inputs(step + 100, ranks.rank), True, False).backward()
        loss = model.loss(x, ranks.rank in users, scenario.twice[step])
        with gradients.sent_when_ready():
            loss.backward()
        counts = {"clips": torch.tensor([4, ranks.rank])}
        of_ranks = gradients.finish({"loss": loss}, counts, signal=ranks.rank)
        assert of_ranks.signal == (ranks.rank if ranks.size == 1 else ranks.size - 1)
        assert of_ranks.counts["clips"].dtype == torch.int64
        note("step")
        of_step = {name: None if each.grad is None else each.grad.clone() for name, each in model.named_parameters()}
        found.append({**of_step, **of_ranks.values, "clips": of_ranks.counts["clips"] / ranks.size})
        model.zero_grad()
    return found


def expected(scenario: Scenario, size: int) -> list[dict[str, Tensor | None]]:
    """What one process computes from the inputs of all ranks; see ``take_steps``."""
    by_rank = [take_steps(Alone(rank), scenario) for rank in range(size)]
    by_step = zip(*by_rank, strict=True)
    return [{name: mean([each[name] for each in of_step]) for name in of_step[0]} for of_step in by_step]


def mean(values: Sequence[Tensor | None]) -> Tensor | None:
    """The mean, where None counts as zero; None where all are None."""
    there = [value for value in values if value is not None]
    return sum(there) / len(values) if there else None


@contextmanager
def traced(events: list[Any]):
    """Note the size of every bucket that is sent."""
    real = gradient_average.SumsBeside.start

    def start(sums: Any, tensor: Tensor) -> Callable[[], None]:
        events.append(tensor.numel())
        return real(sums, tensor)

    gradient_average.SumsBeside.start = start
    try:
        yield
    finally:
        gradient_average.SumsBeside.start = real


def one_of(rank: int, size: int, folder: Path) -> None:
    """Do all scenarios as one of several processes, and leave what came of them on disk."""
    torch.set_num_threads(1)
    gradient_average.BUCKET_BYTES = BUCKET_BYTES
    store = dist.FileStore(str(folder / "meeting"), size)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    ranks = DistributedRanks(rank)
    results: dict[str, Any] = {name: take_steps(ranks, scenario) for name, scenario in SCENARIOS.items()}
    results["trace"] = []
    with traced(results["trace"]):
        take_steps(ranks, SCENARIOS["all used"], results["trace"].append)
    try:
        take_steps(ranks, TWO_LATER)
    except CodaarError as error:
        results["error"] = (error.message, error.help)
    own = torch.full((1 + rank, 2), rank + 0.5)
    results["clips"] = gather_clips(ranks, own, own[:, 0] > 1)
    torch.save(results, folder / f"rank-{rank}.pt")
    dist.destroy_process_group()
