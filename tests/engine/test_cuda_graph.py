"""Recorded training steps: equal to plain ones, and left plain where a repetition would miss something."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import torch
from toy_run import toy_plan, toy_session

from codaar_core.api import StepView
from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.training.acceleration import cuda_graph
from codaar_core.engine.training.acceleration.host_state import HostWatch, changes, trace, watched_int
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer

LOSSES = '''
class Counting(ToyReconstruction):
    """Weighs by how often it was called."""

    calls = 0

    def forward(self, view):
        self.calls += 1
        return {"counted": super().forward(view)["north"] / self.calls}


class OfTheStep(ToyReconstruction):
    """Weighs by the number of the step."""

    def forward(self, view):
        return {"step": super().forward(view)["north"] / (1 + view.step)}


class OfTheEpoch(ToyReconstruction):
    """Weighs by the number of the epoch."""

    def forward(self, view):
        return {"epoch": super().forward(view)["north"] / (1 + view.epoch)}


class Noisy(ToyReconstruction):
    """Adds noise."""

    def forward(self, view):
        noise = torch.rand((), generator=view.device_generator, device=view.device_generator.device)
        return {"noisy": super().forward(view)["north"] * noise}
'''


class Repeater:
    """Stands for a CUDA graph: calls the recorded function with what it had when it was recorded."""

    def __init__(self, generator: torch.Generator) -> None:
        self.recorded = self.repeated = 0

    def __call__(self, function: Callable[[], object]) -> tuple[object, Callable[[], None]]:
        self.recorded += 1
        return (result := _Latest(function)), lambda: setattr(result, "of", self._repeat(function))

    def _repeat(self, function: Callable[[], object]) -> object:
        self.repeated += 1
        return function()


class _Latest:
    """Results of the latest repetition."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.of: object = None

    def __iter__(self):
        return iter(self.of)


def trained(
    folder: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], recorder: Callable | None
) -> dict[str, torch.Tensor]:
    """Weights and codebooks of a run of toy components, with steps that ``recorder`` records."""
    folder.mkdir()
    plan = toy_plan(folder, "data.batch=12", *overrides, components=LOSSES)
    if recorder is not None:
        plan = attrs.evolve(plan, device=attrs.evolve(plan.device, cuda_graphs=True))
        monkeypatch.setattr(cuda_graph, "impossible", lambda session: None)
        monkeypatch.setattr(cuda_graph, "GraphRecorder", recorder)
    with toy_session(plan, folder / "run") as session:
        optimizer = make_optimizer(session.model, plan.optimizer)
        pretrain(session, build_data(plan).split("pretrain"), optimizer)
        return {name: value.clone() for name, value in session.model.state_dict().items()}


def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> Repeater:
    """Train with and without recording, compare, and return what was recorded."""
    made: list[Repeater] = []

    def recorder(generator: torch.Generator) -> Repeater:
        made.append(Repeater(generator))
        return made[0]

    plain = trained(tmp_path / "plain", monkeypatch, overrides, None)
    recorded = trained(tmp_path / "recorded", monkeypatch, overrides, recorder)
    torch.testing.assert_close(recorded, plain)
    return made[0]


ONLY = "losses.other.use='local:{}'", "model.losses=['reconstruction','other']"


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("optimizer.schedule='cosine'", "optimizer.warmup='1 epoch'"),
        ("data.accumulate=2",),
        (ONLY[0].format("noisy"), ONLY[1]),
        ("run.updates_per_step=2",),
    ],
    ids=["plain", "schedule", "accumulate", "draws", "two updates"],
)
def test_recorded_steps_train_as_plain_ones(tmp_path, monkeypatch, recwarn, overrides):
    repeater = both(tmp_path, monkeypatch, *overrides)
    assert (repeater.recorded, repeater.repeated) == (2, 3 * 4 - 3)  # whole batches, and the last of an epoch
    assert not [each for each in recwarn if "cuda_graphs" in str(each.message)]


def test_each_weight_of_a_schedule_is_taken_as_it_is(tmp_path, monkeypatch):
    repeater = both(tmp_path, monkeypatch, "losses.reconstruction.weight={from=0.5, to=1.0, over='1 epoch'}")
    assert repeater.repeated == 3 * 4 - 4 - 3


def test_an_epoch_whose_number_is_read_is_recorded_anew(tmp_path, monkeypatch):
    repeater = both(tmp_path, monkeypatch, ONLY[0].format("of-the-epoch"), ONLY[1], "data.batch=5")
    assert (repeater.recorded, repeater.repeated) == (3, 3 * (8 - 3) - 1)  # the first step told that it is read


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        ("counting", r"each step reads or changes, on the host, losses\.other\.calls"),
        ("of-the-step", r"each step reads or changes, on the host, its own number"),
    ],
)
def test_what_a_repetition_would_miss_is_not_recorded(tmp_path, monkeypatch, loss, reason):
    monkeypatch.setattr(cuda_graph, "PATIENCE", 5)
    with pytest.warns(UserWarning, match=f"device.cuda_graphs is on, but steps are not recorded: {reason}"):
        repeater = both(tmp_path, monkeypatch, ONLY[0].format(loss), ONLY[1])
    assert repeater.repeated == 0


def test_a_recording_that_fails_is_told_and_the_step_taken(tmp_path, monkeypatch):
    def failing(generator: torch.Generator) -> Callable:
        def record(function: Callable[[], object]) -> None:
            try:
                raise RuntimeError("operation not permitted when stream is capturing\nmore")
            except RuntimeError as error:
                raise ValueError("the recording has ended") from error

        return record

    plain = trained(tmp_path / "plain", monkeypatch, (), None)
    with pytest.warns(UserWarning, match="not recorded: operation not permitted when stream is capturing$"):
        torch.testing.assert_close(trained(tmp_path / "recorded", monkeypatch, (), failing), plain)


def test_a_cpu_has_no_graphs(tmp_path):
    plan = toy_plan(tmp_path, "device.cuda_graphs=true")
    with (
        toy_session(plan, tmp_path / "run") as session,
        pytest.warns(UserWarning, match="this run computes on cpu, and only NVIDIA GPUs have CUDA graphs"),
    ):
        pretrain(session, build_data(plan).split("pretrain"), make_optimizer(session.model, plan.optimizer))


def test_state_on_the_host_is_found(tmp_path):
    with toy_session(toy_plan(tmp_path), tmp_path / "run") as session:
        model, host = session.model, torch.Generator()
        watch, start = HostWatch(model), StepView({}, {}, {}, {}, 0, 0, host, device_generator=torch.Generator())
        before = watch.state(start)
        assert changes(before, watch.state(start)) == []
        torch.rand(1, generator=host)
        torch.rand(1)
        model.quantizer.kept = ["a"]
        model.quantizer.books = model.quantizer.books.clone()
        model.quantizer.books.add_(1)
        assert sorted(changes(before, watch.state(start))) == [
            "quantizer.books",
            "quantizer.kept",
            "random numbers of torch's generator on the host",
            "random numbers of view.generator",
        ]


def test_values_and_places_of_tensors_are_traced():
    tensor = torch.ones(2)
    assert trace({"a": [1, (2.0, "b")], "t": tensor}) == trace({"a": [1, (2.0, "b")], "t": tensor.mul_(2)})
    assert trace([tensor]) != trace([tensor.clone()])
    assert trace(object()) is None


@pytest.mark.parametrize(
    "use", [bool, int, float, str, hash, "{:02}".format, lambda n: n + 1, lambda n: 1 + n, lambda n: n >= 2]
)
def test_uses_of_a_watched_number_are_noticed(use):
    reads: list[bool] = []
    number = watched_int(3, lambda: reads.append(True))
    assert isinstance(number, int) and not reads
    assert use(number) == use(3)
    assert reads


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("overrides", [(), (ONLY[0].format("noisy"), ONLY[1])])
def test_on_a_gpu(tmp_path, monkeypatch, overrides):
    on = ("device.on='cuda'", "device.deterministic=true", "optimizer.schedule='cosine'", *overrides)
    plain = trained(tmp_path / "plain", monkeypatch, on, None)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="device.cuda_graphs")
        recorded = trained(tmp_path / "recorded", monkeypatch, on, cuda_graph.GraphRecorder)
    torch.testing.assert_close(recorded, plain)
