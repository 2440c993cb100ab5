"""A training step runs no operation that synchronises host and device, since these stall an accelerator."""

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
SYNCHRONISING = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique")


class Synchronisations(TorchDispatchMode):
    """Records every operation whose result must be copied to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.on = False

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.name().removeprefix("aten::").partition(".")[0]
        by_mask = name == "index" and any(each is not None and each.dtype == torch.bool for each in arguments[1])
        if self.on and (name in SYNCHRONISING or by_mask):
            self.found.append(name)
        return function(*arguments, **(keywords or {}))


class Between:
    """Records between the first step, which allocates state, and the last but one."""

    def __init__(self, mode: Synchronisations) -> None:
        self.mode = mode

    @hook
    def codaar_step_end(self, step: int) -> None:
        self.mode.on = 0 <= step < STEPS - 1


def synchronisations(folder: Path, recipe: str, extra: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(codebooks, "waits", lambda value: True)  # as on an accelerator
    monkeypatch.setattr(cpc, "draw", lambda choices, generator: 0)  # drawn on the host
    plan = load(RECIPES / recipe, (*SMALL, *extra))
    data = build_data(plan)
    model = build_model(plan, dict(data.spaces))
    mode = Synchronisations()
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specification)
    manager.register(Between(mode))
    with Interruption() as interruption, mode:
        session = Session(plan, model, make_runtime(plan.device), RunDirectory(folder), manager.hook, interruption)
        pretrain(session, data.synthetic(4 * STEPS, seed=0), make_optimizer(session.model, session.plan.optimizer))
    return mode.found


@pytest.mark.parametrize("recipe", METHODS)
def test_step_does_not_synchronise(tmp_path, monkeypatch, recipe):
    assert synchronisations(tmp_path, recipe, METHODS[recipe], monkeypatch) == []


def test_synchronisation_is_detected(tmp_path, monkeypatch):
    def synchronising(model, view):
        given = terms(model, view)
        assert all(value > -1 for value in given.values())
        return given

    terms = Model.terms
    monkeypatch.setattr(Model, "terms", synchronising)
    assert "_local_scalar_dense" in synchronisations(tmp_path, "avt.toml", (), monkeypatch)
