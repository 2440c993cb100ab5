"""An accelerator that is pretended, so that the waiting of training steps is found on any machine.

A pretended tensor says that it lies on an accelerator while its numbers lie on the CPU. Every operation is examined:
its tensors must lie on one device, except scalars of the host; nothing may be copied to the host; and what comes from
the host must come from pinned memory without waiting. To PyTorch the device is its PrivateUse1 backend, of which a
process has one: run this module in a process of its own, as a script that prints its findings in JSON.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pluggy
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

from codaar_core import load
from codaar_core.api import Batch, Features, Space, Split, StepView, hook
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_benchmarks, build_data, build_head, build_model
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import Runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.evaluation.encode_split import EncodedSplit
from codaar_core.engine.evaluation.transfer import BenchmarkRun
from codaar_core.engine.record import checkpoint
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.acceleration.host_state import HostWatch, changes
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.session import Session
from codaar_core.engine.training.step import StepResult, TrainingStep

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
NAME = "pretended"
DEVICE, HOST = (NAME, 0), torch.device("cpu")
OF_THE_DEVICE = "torch's generator"  # the pretended device draws from the one of the host
STEPS = 2  # the first builds state, the second is examined
CLIPS = 4  # of a step
SMALL = (
    "run.epochs=1",
    "run.log_every=1000",
    f"data.batch={CLIPS}",
    "data.patches=8",
    "data.words=8",
    "quantizer.codes=16",
    "quantizer.dim=16",
    "encoders.text.lstm_hidden=8",
    "encoders.video.channels=[4, 8]",
    "encoders.video.reduction=2",
)
DECODING = ("decoders.video.hidden=4", "decoders.video.output_hidden=4")
RESETTING = ("quantizer.reset_after=1", "quantizer.active_within=1")
REMEDIES = ("quantizer.metric='cosine'", "quantizer.gradient='rotation'", "quantizer.reset_by='split'")
METHODS = {
    "avt.toml": (*DECODING, *RESETTING),
    "beyond/avt.toml": (*DECODING, *RESETTING),
    "baselines/baseline.toml": (*DECODING, *RESETTING),
    "baselines/baseline-shared.toml": (*DECODING, *RESETTING),
    "baselines/cmcm.toml": (*DECODING, *RESETTING, *REMEDIES),
    "baselines/dcid.toml": (*DECODING, *RESETTING),
    "baselines/micu.toml": (*DECODING, *RESETTING),
    "baselines/codis.toml": (),
    "baselines/turn.toml": (),
}
HEADS = ("classification", "localization")
SYNCHRONISING = (
    *("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal"),
    *("_unique", "_unique2", "unique_dim", "unique_consecutive", "bincount"),
)
INDEXING = ("index", "index_put", "index_put_", "_index_put_impl_")


class Backend(_DummyBackendModule):
    """The backend of the pretended device."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        """What autocast asks for."""
        return [torch.bfloat16]


class Pretended(Tensor):
    """A tensor of the pretended device; ``held`` has its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Pretended:
        made = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(*DEVICE),
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        return examiner.compute(function, arguments, keywords or {})


class PretendedGenerator(torch.Generator):
    """A generator that says that it is one of the pretended device."""

    def __new__(cls) -> PretendedGenerator:
        return super().__new__(cls, "cpu")

    @property
    def device(self) -> torch.device:
        """The pretended device."""
        return torch.device(*DEVICE)


class Examiner:
    """Computes operations on the tensors that are held, and counts what waits or mixes devices while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.found: Counter[str] = Counter()

    def note(self, what: str) -> None:
        """Count a finding, with the two innermost places of this project that led to it."""
        if not self.on:
            return
        frame, places = sys._getframe(1), []
        while frame is not None and len(places) < 2:
            file = frame.f_code.co_filename
            if "/codaar_" in file:
                places.append(f"{Path(file).name}:{frame.f_lineno}")
            frame = frame.f_back
        self.found[f"{what} at {' < '.join(places) or 'the backward pass'}"] += 1

    def examine(self, name: str, tensors: list[Tensor], arguments: Any, keywords: Any) -> None:
        """Note what is wrong with one operation."""
        here = [each for each in tensors if isinstance(each, Pretended)]
        there = [each for each in tensors if not isinstance(each, Pretended)]
        if name in ("_to_copy", "copy_"):
            self._examine_copy(name, arguments, keywords)
        elif name in SYNCHRONISING and here:
            self.note(name)
        elif name in INDEXING and here:
            if any(each is not None and each.dtype in (torch.bool, torch.uint8) for each in arguments[1]):
                self.note(f"{name} by a mask")
            if there:
                self.note(f"{name} with indices of the host")
        elif here and any(each.dim() for each in there):
            self.note(f"mixed devices in {name}")

    def _examine_copy(self, name: str, arguments: Any, keywords: Any) -> None:
        source = arguments[1] if name == "copy_" else arguments[0]
        target = arguments[0].device if name == "copy_" else keywords.get("device") or source.device
        without_waiting = keywords.get("non_blocking") or arguments[2:] == (True,)
        if isinstance(source, Pretended) and target == HOST:
            self.note("to the host")
        elif not isinstance(source, Pretended) and target != HOST:
            if not without_waiting:
                self.note("from the host, waiting")
            elif not getattr(source, "pinned", False):
                self.note("from the host, unpinned")

    def compute(self, function: Any, arguments: Any, keywords: Any) -> Any:
        """Examine an operation and compute it."""
        name = function._schema.name.removeprefix("aten::")
        device = torch.device(*DEVICE)
        flat, form = tree_flatten((arguments, keywords))
        tensors = [each for each in flat if isinstance(each, Tensor)]
        target = keywords.get("device")
        if target != device and not any(isinstance(each, Pretended) for each in tensors):
            return function(*arguments, **keywords)
        self.examine(name, tensors, arguments, keywords)
        held = [
            getattr(each, "held", each) if isinstance(each, Tensor) else HOST if each == device else each
            for each in flat
        ]
        own, named = tree_unflatten(held, form)
        given = function(*own, **named)
        if name == "copy_":
            return arguments[0]
        if target == HOST or name == "_local_scalar_dense":
            return given
        given = tree_map(lambda each: Pretended(each) if isinstance(each, Tensor) else each, given)
        if name == "_to_copy" or not function._schema.returns:
            return given
        return return_and_correct_aliasing(function, arguments, keywords, given)


examiner = Examiner()


class Dispatched(TorchDispatchMode):
    """Examines operations that make pretended tensors from numbers."""

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        return examiner.compute(function, arguments, keywords or {})


class Called(TorchFunctionMode):
    """Notes ``tolist``, which copies to the host unseen, and computes LSTMs as the kernels of GPUs do."""

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        if name == "tolist" and isinstance(arguments[0], Pretended):
            examiner.note("to the host")
            return arguments[0].held.tolist()
        if name == "lstm" and isinstance(arguments[0], Pretended):
            return lstm(*arguments)
        return function(*arguments, **(keywords or {}))


def lstm(steps: Tensor, state: Any, weights: Any, bias: bool, layers: int, *_: Any) -> tuple[Tensor, ...]:
    """Computed step by step, in one direction, for (B, T, D)."""
    ends = []
    for layer in range(layers):
        own, (hidden, cell), outputs = weights[4 * layer : 4 * layer + 4], (each[layer] for each in state), []
        for step in steps.unbind(1):
            gates = F.linear(step, own[0], own[2]) + F.linear(hidden, own[1], own[3])
            into, forget, new, out = gates.chunk(4, -1)
            cell = forget.sigmoid() * cell + into.sigmoid() * new.tanh()
            hidden = out.sigmoid() * cell.tanh()
            outputs.append(hidden)
        steps = torch.stack(outputs, 1)
        ends.append((hidden, cell))
    return steps, *(torch.stack(each) for each in zip(*ends, strict=True))


class PretendedRuntime(Runtime):
    """Its device has pinned memory and a generator."""

    def pinned(self, tensor: Tensor) -> Tensor:
        """A copy that says that it is pinned."""
        copy = tensor.clone()
        copy.pinned = True
        return copy

    def shared_generators(self, seed: int) -> tuple[torch.Generator, torch.Generator]:
        """One of the host and one of the pretended device."""
        return torch.Generator().manual_seed(seed), PretendedGenerator().manual_seed(seed)


class WideClips(Split):
    """Random float64 features, which are narrowed before they are pinned; the last step of some clips is not real."""

    def __init__(self, spaces: dict[str, Space], clips: int) -> None:
        self.spaces, self.clips = spaces, clips

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, indices: Any) -> Batch:
        generator = torch.Generator().manual_seed(indices[0])
        mask = torch.ones(len(indices), 10, dtype=torch.bool)
        mask[::2, -1] = False
        return Batch(
            {
                m: Features(
                    torch.rand(len(indices), 10, *space.shape, generator=generator, dtype=torch.float64),
                    mask if m == "audio" else None,
                )
                for m, space in self.spaces.items()
            },
            {},
        )


class SecondStep:
    """Examines from the end of the first step to the end of the second."""

    @hook
    def codaar_step_end(self, step: int) -> None:
        """Switch the examiner."""
        examiner.on = step == 0


@contextmanager
def session_of(recipe: str, overrides: tuple[str, ...]) -> Iterator[tuple[Session, Any]]:
    """A session on the pretended device, and the data source."""
    plan = load(RECIPES / recipe, (*SMALL, *overrides))
    data = build_data(plan)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    manager.register(SecondStep())
    examiner.found.clear()
    model = build_model(plan, dict(data.spaces))
    with TemporaryDirectory() as folder, Interruption() as interruption, Dispatched(), Called():
        runtime = PretendedRuntime(torch.device(*DEVICE), torch.float32, ahead=1)
        directory = RunDirectory(Path(folder))
        yield Session(plan, model.to(runtime.device), runtime, directory, manager.hook, interruption), data
    examiner.on = False


def found_in_step(recipe: str, slip: Callable[[StepView], None] = lambda view: None) -> dict[str, int]:
    """What was found in a training step of a recipe; ``slip`` is called in the middle of it."""
    with session_of(recipe, METHODS[recipe]) as (session, data):
        inner_steps = session.model.inner_steps
        session.model.inner_steps = lambda view: (inner_steps(view), slip(view))
        optimizer = make_optimizer(session.model, session.plan.optimizer)
        with looked_at(session.model):
            pretrain(session, WideClips(dict(data.spaces), CLIPS * STEPS), optimizer)
    return dict(examiner.found)


@contextmanager
def looked_at(model: Model) -> Iterator[None]:
    """Find, too, what the second step changes or reads on the host: a CUDA graph would not repeat it."""
    watch, plain = HostWatch(model), TrainingStep.__call__

    def step(self: TrainingStep, start: StepView) -> StepResult:
        before = watch.state(start)
        result = plain(self, watch.watched(start))
        after = watch.state(start)
        changed = [name for name in changes(before, after) if OF_THE_DEVICE not in name] if examiner.on else []
        for name in [*changed, *(["the number of the step"] if watch.reads_step else [])]:
            examiner.found[f"on the host: {name}"] += 1
        return result

    with patch.object(TrainingStep, "__call__", step):
        yield


def found_in_head(benchmark: str, slip: Callable[[Tensor], object] = lambda target: None) -> dict[str, int]:
    """What was found in the second epoch of training a head of recipes/avt.toml; ``slip`` is called before its loss."""
    overrides = (*METHODS["avt.toml"], f"evaluate.on=['{benchmark}']", f"bench.{benchmark}.epochs=2")
    with session_of("avt.toml", overrides) as (session, data):
        plan, quantizer, device = session.plan, session.model.quantizer, session.runtime.device
        [bench] = plan.benchmarks
        built = build_benchmarks(plan, data, quantizer)[benchmark]
        head = build_head(plan, bench, built, quantizer, 0).to(device)
        loss = head.loss
        head.loss = lambda logits, target: (slip(target), loss(logits, target))[1]
        shape = (CLIPS, 10, len(built.classes)) if benchmark == "localization" else (CLIPS,)
        mask = torch.ones(CLIPS, 10, dtype=torch.bool)
        indices, target, mask = (
            each.to(device)
            for each in (torch.arange(CLIPS * 10).view(CLIPS, 10) % 16, torch.ones(shape, dtype=torch.int64), mask)
        )
        encoded = EncodedSplit("audio", indices, mask, target, GivenNothing())
        for epoch in BenchmarkRun(session, bench, built, None, True).train(head, encoded, 0):
            examiner.on = epoch == 0
    return dict(examiner.found)


class GivenNothing(Split):
    """Gives heads no additional input."""

    def __len__(self) -> int:
        return CLIPS

    def __getitem__(self, indices: Any) -> Batch:
        raise NotImplementedError


def slips(view: StepView) -> None:
    """One of each kind."""
    assert view.step + 1
    value = next(iter(view.encoded.values())).semantic.detach()
    bool(value.sum() > 0)
    value[value > 0]
    value.argmax(-1).unique()
    torch.ones(3).to(value.device)
    torch.ones(3).to(value.device, non_blocking=True)
    value + torch.ones(value.shape)
    torch.rand(3, generator=view.generator).to(value.device)
    value.tolist()


def main() -> None:
    """Print the findings by recipe, by head, and those of deliberate slips."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    _setup_privateuseone_for_python_backend(NAME, backend_module=Backend())
    torch.__future__.set_swap_module_params_on_conversion(True)  # a parameter stays the one that an optimizer knows
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device=...) is seen as the copy that it is
    saved = checkpoint.save_file
    checkpoint.save_file = lambda tensors, path: saved(
        {name: getattr(each, "held", each).contiguous() for name, each in tensors.items()}, path
    )
    found = {recipe: found_in_step(recipe) for recipe in METHODS}
    found |= {head: found_in_head(head) for head in HEADS}
    found["slips"] = found_in_step("baselines/baseline.toml", slips)
    found["slip of a head"] = found_in_head("classification", Tensor.tolist)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
