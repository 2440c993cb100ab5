"""device.compile gives the same model with few graphs, or says what is not compiled and why."""

from __future__ import annotations

import copy
import shutil
from collections import Counter

import pytest
import torch
from torch import nn
from toy_run import toy_plan, toy_session

from codaar_core.api import CodaarError, not_compiled
from codaar_core.engine.assembly.build import build_data
from codaar_core.engine.training import loop
from codaar_core.engine.training.acceleration import compilation
from codaar_core.engine.training.acceleration.compilation import Compiled, mark_parts
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer

PARTS = ("encoders.north", "encoders.east", "decoders.north", "decoders.east", "losses.reconstruction", "the quantizer")


def weights_after_an_epoch(folder, compiled: bool, *overrides: str) -> dict[str, torch.Tensor]:
    plan = toy_plan(folder, "run.epochs=1", f"device.compile={str(compiled).lower()}", *overrides)
    with toy_session(plan, folder / "run") as session:
        pretrain(session, build_data(plan).split("pretrain"), make_optimizer(session.model, plan.optimizer))
        return {name: value.clone() for name, value in session.model.state_dict().items()}


class Traced:
    """A compiler that runs what it is given as it is, and counts the graphs of each part by the clips of a batch."""

    def __init__(self, monkeypatch) -> None:
        self.graphs: Counter[str] = Counter()
        self.now = ""
        plain = Compiled.__call__

        def called(part, *arguments, **keywords):
            self.now = part.title
            return plain(part, *arguments, **keywords)

        torch.compiler.reset()
        monkeypatch.setattr(Compiled, "__call__", called)
        monkeypatch.setattr(loop, "compile_parts", lambda model, device: mark_parts(model, self.backend))

    def backend(self, graph, _):
        self.graphs[self.now] += 1
        return graph.forward


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch's compiler for CPUs needs g++")
def test_a_compiled_model_trains_like_the_other(tmp_path) -> None:
    expected = weights_after_an_epoch(tmp_path, compiled=False)
    found = weights_after_an_epoch(tmp_path, compiled=True)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_each_part_is_one_graph_for_whole_batches_and_one_for_other_numbers_of_clips(tmp_path, monkeypatch) -> None:
    expected = weights_after_an_epoch(tmp_path, False, "data.batch=12")  # 40 clips: the last batch has 4
    traced = Traced(monkeypatch)
    found = weights_after_an_epoch(tmp_path, True, "data.batch=12")
    assert set(traced.graphs) <= set(PARTS) and {"losses.reconstruction", "the quantizer"} <= set(traced.graphs)
    assert max(traced.graphs.values()) == 2  # equal parts, such as both encoders, share their graphs
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6, msg=name)


def test_without_a_compiler_a_warning_says_why_and_training_goes_on(tmp_path, monkeypatch) -> None:
    def broken(function):
        def fail(_):
            raise RuntimeError("no C++ compiler\nmore of it")

        return fail

    expected = weights_after_an_epoch(tmp_path, compiled=False)
    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(UserWarning, match="no C"):
        found = weights_after_an_epoch(tmp_path, compiled=True)
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_a_fault_of_the_compiler_itself_leaves_a_part_as_it_is(recwarn) -> None:
    def faulty(x):
        raise AssertionError

    part = Compiled("losses.strange", lambda x: x + 1)
    part.call = faulty
    assert part(1) == part(2) - 1 == 2
    [told] = [str(each.message) for each in recwarn if "device.compile" in str(each.message)]
    assert told.endswith("cannot compile losses.strange, so it stays uncompiled: AssertionError")


def test_an_error_of_a_compiled_part_is_its_own(recwarn) -> None:
    def wrong(x):
        raise CodaarError("these features are odd")

    part = Compiled("losses.strange", wrong, "eager")
    for _ in range(2):
        with pytest.raises(CodaarError, match="^these features are odd"):
            part(torch.ones(1))
    assert not [each for each in recwarn if "device.compile" in str(each.message)]


def test_a_part_that_torch_cannot_compile_stays_as_it_is_and_one_warning_says_which_and_why() -> None:
    def broken(graph, inputs):
        raise NotImplementedError("an operation is missing")

    part = Compiled("losses.strange", lambda x: x.sin() + 1, broken)
    with pytest.warns(UserWarning, match="cannot compile losses.strange, so it stays uncompiled: .*broken") as warned:
        values = [part(torch.ones(2)) for _ in range(2)]
    assert len(warned) == 1
    assert all(torch.equal(value, torch.ones(2).sin() + 1) for value in values)


def test_an_error_of_a_component_is_raised_as_without_a_compiler() -> None:
    part = Compiled("losses.small", lambda x: x[5], "eager")
    with pytest.raises(IndexError):
        part(torch.ones(2))


class Recurrent(nn.Module):
    """A map, an LSTM, and a map."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(2, 2), nn.Linear(2, 2)
        self.lstm = nn.LSTM(2, 2, batch_first=True)

    def forward(self, steps):
        return self.after(self._read(self.before(steps)))

    @not_compiled
    def _read(self, steps):
        return self.lstm(steps)[0] + self.lstm(steps.flip(1))[0]


def test_what_is_not_compiled_stands_between_two_graphs() -> None:
    torch.compiler.reset()
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    module = Recurrent()
    expected = [module(torch.ones(clips, 3, 2)) for clips in (4, 4, 5, 3)]
    module.forward = Compiled("encoders.north", module.forward, backend)
    found = [module(torch.ones(clips, 3, 2)) for clips in (4, 4, 5, 3)]
    assert len(graphs) == 4  # two of them for all other numbers of clips
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))


def test_a_copy_of_a_compiled_module_has_its_own_weights() -> None:
    module = nn.Linear(2, 2)
    module.forward = Compiled("decoders.north", module.forward, "eager")
    copied = copy.deepcopy(module)
    with torch.no_grad():
        copied.weight.zero_()
        copied.bias.zero_()
    assert copied(torch.ones(2)).eq(0).all() and module(torch.ones(2)).ne(0).any()


def test_core_marks_parts_with_the_names_of_the_recipe(tmp_path) -> None:
    plan = toy_plan(tmp_path)
    with toy_session(plan, tmp_path / "run") as session:
        compilation.mark_parts(session.model, "eager")
        parts = [*session.model.encoders.values(), *session.model.decoders.values(), *session.model.losses.values()]
        titles = [part.forward.title for part in parts] + [session.model.quantizer.quantize.title]
    assert titles == list(PARTS)
