"""A training step asks the device for nothing: on an accelerator every such question stalls the host and the device."""

from __future__ import annotations

from pathlib import Path

import pluggy
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from codaar_core import load
from codaar_core.api import hook
from codaar_core.api.hooks import PROJECT, Specification
from codaar_core.engine.assembly.build import build_data, build_model
from codaar_core.engine.assembly.model import Model
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.engine.devices.signals import Interruption
from codaar_core.engine.record.run_directory import RunDirectory
from codaar_core.engine.training.loop import pretrain
from codaar_core.engine.training.optimizer import make_optimizer
from codaar_core.engine.training.session import Session

codebooks = pytest.importorskip("codaar_plugin_vqvae.codebooks")
cpc = pytest.importorskip("codaar_plugin_cpc.cpc")
pytest.importorskip("codaar_plugin_digits")

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
STEPS = 4
SMALL = (
    "run.epochs=1",
    "run.log_every=1000",
    "data.batch=4",
    "data.patches=8",
    "data.words=8",
    "quantizer.codes=16",
    "quantizer.dim=16",
    "encoders.video.channels=[4, 8]",
    "encoders.video.reduction=2",
)
RECONSTRUCTING = ("decoders.video.hidden=4", "decoders.video.output_hidden=4")
RESETTING = ("quantizer.reset_after=1", "quantizer.active_within=1")
METHODS = {
    "avt.toml": (*RECONSTRUCTING, *RESETTING),
    "paper/avt.toml": (*RECONSTRUCTING, *RESETTING),
    "baselines/baseline.toml": (*RECONSTRUCTING, *RESETTING),
    "baselines/baseline-shared.toml": (*RECONSTRUCTING, *RESETTING),
    "baselines/cmcm.toml": (*RECONSTRUCTING, *RESETTING),
    "baselines/dcid.toml": (*RECONSTRUCTING, *RESETTING),
    "baselines/micu.toml": (*RECONSTRUCTING, *RESETTING),
    "baselines/codis.toml": (),
    "baselines/turn.toml": (),
}
WAITING = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique")


class Questions(TorchDispatchMode):
    """Notes every operation whose answer must travel to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.on = False

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.name().removeprefix("aten::").partition(".")[0]
        by_mask = name == "index" and any(each is not None and each.dtype == torch.bool for each in arguments[1])
        if self.on and (name in WAITING or by_mask):
            self.asked.append(name)
        return function(*arguments, **(keywords or {}))


class Between:
    """Switches the questions on after the first step, which builds what is kept, and off after the last but one."""

    def __init__(self, questions: Questions) -> None:
        self.questions = questions

    @hook
    def codaar_step_end(self, step: int) -> None:
        self.questions.on = 0 <= step < STEPS - 1


def questions_of(folder: Path, recipe: str, extra: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(codebooks, "waits", lambda value: True)  # as on an accelerator
    monkeypatch.setattr(cpc, "draw", lambda choices, generator: 0)  # a number of the host's own generator
    plan = load(RECIPES / recipe, (*SMALL, *extra))
    data = build_data(plan)
    model = build_model(plan, dict(data.spaces))
    questions = Questions()
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    manager.register(Between(questions))
    with Interruption() as interruption, questions:
        session = Session(plan, model, make_runtime(plan.device), RunDirectory(folder), manager.hook, interruption)
        pretrain(session, data.synthetic(4 * STEPS, seed=0), make_optimizer(session.model, session.plan.optimizer))
    return questions.asked


@pytest.mark.parametrize("recipe", METHODS)
def test_a_step_asks_nothing(tmp_path, monkeypatch, recipe):
    assert questions_of(tmp_path, recipe, METHODS[recipe], monkeypatch) == []


def test_a_question_is_noticed(tmp_path, monkeypatch):
    def asking(model, view):
        given = terms(model, view)
        assert all(value > -1 for value in given.values())
        return given

    terms = Model.terms
    monkeypatch.setattr(Model, "terms", asking)
    assert "_local_scalar_dense" in questions_of(tmp_path, "avt.toml", (), monkeypatch)
