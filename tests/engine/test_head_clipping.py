"""Training of the AVVP heads against a plain loop: which gradients are clipped, and with which others."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from codaar_core.api import Batch, HeadContext, Quantized, Space, Split, TaskHead
from codaar_core.engine.devices.runtime import make_runtime
from codaar_core.engine.evaluation.encode_split import EncodedSplit
from codaar_core.engine.evaluation.transfer import BenchmarkRun
from codaar_core.recipe.settings import DeviceSettings

heads = pytest.importorskip("codaar_plugin_cmg.heads")

CLIPS, STEPS, CODES, WIDTH, CLASSES, EPOCHS, LIMIT = 8, 10, 20, 6, tuple("abc"), 3, 0.01


class Codewords:
    """Looks up fixed codewords."""

    def __init__(self) -> None:
        self.table = torch.randn(CODES, WIDTH, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def lookup(self, modality: str, indices: Tensor) -> Quantized:
        return Quantized(indices, self.table[indices], self.table[indices])


class NoClips(Split):
    """The training loop asks only for additional inputs, of which there are none."""

    def __len__(self) -> int:
        return CLIPS

    def __getitem__(self, indices: list[int]) -> Batch:
        raise AssertionError


def new_head(kind: type[TaskHead]) -> TaskHead:
    torch.manual_seed(0)
    return kind(kind.Config(), HeadContext(Space((WIDTH,)), Space((WIDTH,)), CLASSES)).double()


def training_clips() -> EncodedSplit:
    generator = torch.Generator().manual_seed(2)
    indices = torch.randint(CODES, (CLIPS, STEPS), generator=generator)
    target = (torch.rand(CLIPS, STEPS, len(CLASSES), generator=generator) > 0.5).double()
    return EncodedSplit("audio", indices, None, target, NoClips())


def trained(head: TaskHead, encoded: EncodedSplit) -> TaskHead:
    """By the framework, all clips in one batch, so that their order does not matter."""
    runtime = make_runtime(DeviceSettings(on="cpu"))
    session = SimpleNamespace(model=SimpleNamespace(quantizer=Codewords()), runtime=runtime)
    bench = SimpleNamespace(
        name="avvp", lr=4e-4, epochs=EPOCHS, batch=CLIPS, clip=LIMIT, gamma=0.5, milestones=(), weight_decay=0.0
    )
    run = BenchmarkRun(session, bench, SimpleNamespace(dropout=False), None, True)
    assert len(list(run.train(head, encoded, seed=0))) == EPOCHS
    return head


def by_hand(head: TaskHead, encoded: EncodedSplit, groups: Iterable[list[nn.Parameter]]) -> list[float]:
    """Train in a plain loop; return the norm of alpha's gradient in each epoch, before clipping."""
    optimizer, norms = torch.optim.Adam(head.parameters(), lr=4e-4), []
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        head.loss(head(Codewords().lookup("audio", encoded.indices)), encoded.target).backward()
        norms.append(float(head.exp_log.alpha.grad.norm()))
        for group in groups:
            clip_grad_norm_(group, LIMIT)
        optimizer.step()
    return norms


@pytest.mark.parametrize(("name", "alpha_is_clipped"), [("AvvpClassifier", False), ("AveAvvpClassifier", True)])
def test_alpha_is_trained_as_by_the_released_scripts(name: str, alpha_is_clipped: bool) -> None:
    encoded, ours = training_clips(), new_head(getattr(heads, name))
    theirs = copy.deepcopy(ours)
    layers = [each for part, each in theirs.named_parameters() if part != "exp_log.alpha"]
    groups = [layers, [theirs.exp_log.alpha]] if alpha_is_clipped else [layers]
    norms = by_hand(theirs, encoded, groups)
    assert min(norms) > LIMIT, "clipping alpha would change its gradient"
    for part, each in trained(ours, encoded).named_parameters():
        torch.testing.assert_close(each, theirs.get_parameter(part), rtol=1e-9, atol=1e-12, msg=part)
