"""How many operations, synchronisations and exchanges between ranks a training step of each method dispatches.

On an accelerator an operation is at least one kernel launch, a synchronisation makes the host wait, and an exchange is
a round trip between the ranks. Operations are those of one process with small layers; views are left out. On a CPU,
dropout and attention are made of more operations than on a GPU, where ``--on cuda`` counts, and CPC reads the time that
it has drawn, which counts as a synchronisation. Exchanges are those of two processes over gloo, with those by which the
hosts agree, e.g. on signals. Prints one JSON line.

With ``--compiled`` each method is also run with ``device.compile``, which needs a C++ compiler: "generated" kernels are
those that torch's compiler wrote for the CPU, forwards and backwards, each of which runs once a step; "left" are the
operations outside them, matrix products included, as the profiler saw them. On a GPU the compiler fuses otherwise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import codaar_plugin_vqvae.codebooks as codebooks
import pluggy
import torch
import torch.distributed as dist
from steps import Random
from torch._inductor import metrics
from torch.profiler import profile
from torch.utils._python_dispatch import TorchDispatchMode

from codaar_core import load
from codaar_core.api import hook
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.devices.processes import DistributedRanks
from codaar_core.engine.devices.runtime import Runtime, SingleProcess
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.session import Session

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
CPU = torch.device("cpu")
CLIPS = 4
SMALL = (
    "run.epochs=1",
    "run.log_every=1000",
    f"data.batch={CLIPS}",
    "data.patches=8",
    "data.words=8",
    "quantizer.codes=16",
    "quantizer.dim=16",
    "encoders.text.lstm_hidden=8",
)
DECODING = ("decoders.video.hidden=4", "decoders.video.output_hidden=4")
METHODS = {
    "codaar": ("avt.toml", DECODING),
    "beyond": ("beyond/avt.toml", DECODING),
    "baseline": ("baselines/baseline.toml", DECODING),
    "cmcm": ("baselines/cmcm.toml", DECODING),
    "dcid": ("baselines/dcid.toml", DECODING),
    "micu": ("baselines/micu.toml", DECODING),
    "codis": ("baselines/codis.toml", ()),
    "turn": ("baselines/turn.toml", ()),
}
SYNCHRONISING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal", "_unique", "_unique2")
VIEWS = (  # operations that change no number: they launch nothing
    *("view", "_unsafe_view", "_reshape_alias", "as_strided", "detach", "alias", "expand", "permute", "transpose", "t"),
    *("select", "slice", "unsqueeze", "squeeze", "unbind", "split", "split_with_sizes", "chunk", "diagonal", "unfold"),
    *("lift_fresh", "empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "is_same_size"),
    *("_record_function_enter_new", "_record_function_exit"),  # marks for a profiler
)


class Counted(TorchDispatchMode):
    """Counts operations while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.on = False
        self.operations: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        name = function._schema.name.partition("::")[2]
        if self.on and name not in VIEWS:
            self.operations[name] += 1
        return function(*arguments, **(keywords or {}))

    @hook
    def codaar_step_end(self, step: int) -> None:
        """Count from the end of the first step, which builds state, to that of the second."""
        self.on = step == 0


@contextmanager
def exchanges() -> Iterator[list[int]]:
    """Count the numbers that are exchanged by each collective."""
    sizes: list[int] = []
    real = dist.all_reduce

    def counted(tensor: torch.Tensor, *arguments: Any, **keywords: Any) -> Any:
        sizes.append(tensor.numel())
        return real(tensor, *arguments, **keywords)

    dist.all_reduce = counted
    try:
        yield sizes
    finally:
        dist.all_reduce = real


def count(method: str, ranks: Any, folder: Path, device: torch.device = CPU) -> tuple[Counter[str], list[int]]:
    """Operations and sizes of exchanges of the second step."""
    counted = Counted()
    with exchanges() as sizes, counted:
        started: list[int] = []

        class Between:
            @hook
            def codaar_step_end(self, step: int) -> None:
                started.append(len(sizes))

        three_steps(method, ranks, folder, (counted, Between()), device=device)
    return counted.operations, sizes[started[0] : started[1]]


def three_steps(
    method: str, ranks: Any, folder: Path, observers: Sequence[object], *more: str, device: torch.device = CPU
) -> None:
    """Train for three steps."""
    codebooks.waits = lambda value: True  # as on an accelerator
    recipe, overrides = METHODS[method]
    plan = load(RECIPES / recipe, (*SMALL, *overrides, *more))
    spaces = {m: space for m, space in build_data(plan).spaces.items() if m in plan.modalities}
    model = build_model(plan, spaces).to(device)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    for observer in observers:
        manager.register(observer)
    with Interruption() as interruption:
        runtime = Runtime(device, torch.float32, ranks)
        session = Session(plan, model, runtime, RunDirectory(folder), manager.hook, interruption)
        pretrain(session, Random(spaces, 3 * CLIPS, CLIPS, 10), make_optimizer(model, plan.optimizer))


class Profiled:
    """Profiles the second step: a dispatch mode would keep torch from running compiled code.

    Args:
        names: Names of the operations to count, without those within another of them.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = {f"aten::{name}" for name in names}
        self.profiler = profile()

    @hook
    def codaar_step_end(self, step: int) -> None:
        """Profile from the end of the first step to that of the second."""
        if step == 0:
            self.profiler.start()
        if step == 1:
            self.profiler.stop()

    def operations(self) -> int:
        """Return how many operations were counted."""
        return sum(self._counts(event) for event in self.profiler.events())

    def _counts(self, event: Any) -> bool:
        within = event.cpu_parent
        while within is not None and within.name not in self.names:
            within = within.cpu_parent
        return event.name in self.names and within is None


def count_compiled(method: str, names: Collection[str], folder: Path) -> dict[str, int]:
    """Operations of the second step without and with ``device.compile``, and the kernels that the compiler wrote."""
    plain, compiled = Profiled(names), Profiled(names)
    three_steps(method, SingleProcess(), folder / "plain", (plain,))
    before = metrics.generated_kernel_count
    three_steps(method, SingleProcess(), folder / "compiled", (compiled,), "device.compile=true")
    generated = metrics.generated_kernel_count - before
    return {"plain": plain.operations(), "generated": generated, "left": compiled.operations()}


def one_of_two(rank: int, folder: Path, methods: list[str]) -> None:
    """Count as one of two ranks; rank zero leaves the sizes of the exchanges on disk."""
    torch.set_num_threads(1)
    store = dist.FileStore(str(folder / "meeting"), 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
    found = {method: count(method, DistributedRanks(rank), folder / f"{method}-{rank}")[1] for method in methods}
    if rank == 0:
        (folder / "exchanges.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def main() -> None:
    """Count each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--frequent", type=int, default=0, help="also print this many of the most frequent operations")
    parser.add_argument("--on", type=torch.device, default=CPU, help="where operations are counted: cpu or cuda")
    parser.add_argument("--compiled", action="store_true", help="also count with device.compile, which takes minutes")
    parser.add_argument("--rank", type=int, nargs=1, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.rank:
        one_of_two(options.rank[0], options.folder, options.method)
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, __file__, "--folder", name, "--method", *options.method, "--rank"]
        ranks = [subprocess.Popen([*command, str(rank)]) for rank in range(2)]
        if any([rank.wait() for rank in ranks]):
            raise SystemExit("a rank failed")
        exchanged = json.loads((folder / "exchanges.json").read_text())
        counts = {}
        for method in options.method:
            operations, _ = count(method, SingleProcess(), folder / method, options.on)
            counts[method] = {
                "operations": operations.total(),
                "synchronisations": sum(operations[name] for name in SYNCHRONISING),
                "exchanges": len(exchanged[method]),
                "exchanged_numbers": exchanged[method] if options.frequent else sum(exchanged[method]),
            }
            if options.compiled:
                counts[method]["compiled"] = count_compiled(method, operations.keys(), folder / "with-compile" / method)
            if options.frequent:
                counts[method]["frequent"] = dict(operations.most_common(options.frequent))
    print(json.dumps({"benchmark": "launches", **counts}))


if __name__ == "__main__":
    main()
