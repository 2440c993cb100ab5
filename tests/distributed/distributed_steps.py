"""Some steps of the real loop on this process' share of the clips; the function that every test process runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pluggy
import torch
import torch.distributed as dist
from torch import Tensor

from codaar_core import load
from codaar_core.api import Batch, Features, Space, Split, hook
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_model
from codaar_core.engine.devices import gradient_average
from codaar_core.engine.devices.gradient_average import BUCKET_BYTES
from codaar_core.engine.devices.processes import DistributedRanks, RunRanks
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.session import Session

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
SPACES = {"text": Space((6,)), "audio": Space((5,)), "video": Space((6, 6, 8))}
SMALL = (
    "device.dtype='float64'",
    "run.epochs=2",
    "run.log_every=2",
    "encoders.text.lstm_hidden=4",
    "encoders.video.channels=[4, 6]",
    "encoders.video.reduction=2",
    *(f"encoders.{modality}.feedforward=8" for modality in SPACES),
    *(f"encoders.{modality}.heads=2" for modality in SPACES),
    *(f"encoders.{modality}.dropout=0.0" for modality in SPACES),
)
DIM = ("quantizer.dim=8",)
CODES = (*DIM, "quantizer.codes=12")
DECODERS = (
    "decoders.video.hidden=4",
    "decoders.video.output_hidden=4",
    *(f"decoders.{modality}.code=4" for modality in SPACES),
)
DECODING = (*CODES, *DECODERS, "quantizer.reset_after=2", "quantizer.active_within=2")
METHODS = {  # overrides by recipe
    "avt.toml": DECODING,
    "beyond/avt.toml": DECODING,
    **{f"baselines/{name}.toml": DECODING for name in ("baseline", "baseline-shared", "cmcm", "residual")},
    "baselines/simvq.toml": (*CODES, *DECODERS),
    "baselines/fsq.toml": (*DIM, *DECODERS),
    "baselines/lfq.toml": (*DIM, *DECODERS),
    "baselines/dcid-reversal.toml": (*DECODING, "losses.reversal.hidden=8", "losses.reversal.side=8"),
    "baselines/fcid.toml": tuple(each for each in DECODING if "decoders.text" not in each),
    "baselines/dcid.toml": (*DECODING, "losses.club.hidden=8", "losses.club.side=8"),
    "baselines/micu.toml": (*DECODING, "losses.jigsaw.hidden=8"),
    "baselines/dcid-six-updates.toml": (*DECODING, "losses.club.hidden=8", "losses.club.side=8"),
    "baselines/micu-two-updates.toml": (*DECODING, "losses.jigsaw.hidden=8"),
    "baselines/hdcid.toml": (*DECODING, "encoders.video.side=8", "losses.second-level.start_epoch=1"),
    "baselines/codis.toml": (*CODES, "encoders.video.channels=[]", "losses.transport.queue=24"),
    "baselines/turn.toml": (
        *CODES,
        "encoders.video.channels=[]",
        "losses.masked-reconstruction.layers=1",
        "losses.masked-reconstruction.heads=2",
        "losses.masked-reconstruction.feedforward=8",
        "losses.masked-reconstruction.dropout=0.0",
    ),
}


class RandomClips(Split):
    """Random features of six steps; where masked, clips have different numbers of real ones."""

    def __init__(self, clips: int, masked: bool) -> None:
        generator = torch.Generator().manual_seed(7)
        self.clips = clips
        self.values = {
            m: torch.randn(clips, 6, *space.shape, generator=generator, dtype=torch.float64)
            for m, space in SPACES.items()
        }
        lengths = torch.randint(3, 7, (len(SPACES), clips), generator=generator)
        steps = torch.arange(6)
        self.masks = {m: steps < lengths[number][:, None] if masked else None for number, m in enumerate(SPACES)}

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, indices) -> Batch:
        rows = list(indices)
        return Batch(
            {
                m: Features(values[rows], None if self.masks[m] is None else self.masks[m][rows])
                for m, values in self.values.items()
            },
            {},
        )


class Logged:
    def __init__(self) -> None:
        self.values: list[dict[str, float]] = []

    @hook
    def codaar_step_logged(self, values) -> None:
        self.values.append(dict(values))

    @hook
    def codaar_epoch_end(self, values) -> None:
        self.values.append(dict(values))


def take_steps(
    ranks: RunRanks,
    folder: Path,
    clips: int,
    batch: int,
    masked: bool,
    overrides: tuple[str, ...] = (),
    recipe: str = "avt.toml",
    autocast: torch.dtype | None = None,
) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Weights and codebooks after the last step, and what was logged."""
    plan = attrs.evolve(load(RECIPES / recipe, (*SMALL, *METHODS[recipe], *overrides)), batch=batch)
    dtype = torch.float64 if autocast is None else torch.float32  # autocast leaves float64 alone
    model = build_model(plan, SPACES).to(dtype)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    logged = Logged()
    manager.register(logged)
    runtime = Runtime(torch.device("cpu"), dtype, ranks, autocast)
    with Interruption() as interruption:
        session = Session(plan, model, runtime, RunDirectory(folder), manager.hook, interruption)
        pretrain(session, RandomClips(clips, masked), make_optimizer(session.model, session.plan.optimizer))
    state = {**model.state_dict(), **session.loss_scale.state}
    return {name: value.clone() for name, value in state.items()}, logged.values


def one_of(rank: int, size: int, folder: Path, jobs: list[tuple[Any, ...]], bucket_bytes: int = BUCKET_BYTES) -> None:
    """Do the jobs as one of several processes, and leave what came of them on disk."""
    torch.set_num_threads(1)
    gradient_average.BUCKET_BYTES = bucket_bytes
    store = dist.FileStore(str(folder / "meeting"), size)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    results = [take_steps(DistributedRanks(rank), folder / f"job-{number}", *job) for number, job in enumerate(jobs)]
    torch.save(results, folder / f"rank-{rank}.pt")
    dist.destroy_process_group()


def assert_close(ours: Tensor, theirs: Tensor, name: str) -> None:
    """Equal relative to the largest number of the tensor.

    The floor is for biases of attention keys: their true gradient is zero, and Adam steps by its rounding error.
    """
    difference, largest = float((ours.double() - theirs.double()).abs().max()), float(theirs.double().abs().max())
    assert difference <= 1e-10 * largest + 1e-11, f"{name}: {difference:.1e} of {largest:.1e}"
