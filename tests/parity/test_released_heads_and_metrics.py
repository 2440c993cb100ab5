"""Heads, metrics and the learning-rate schedule that exist here, against the released ones."""

from __future__ import annotations

import pytest
import torch
from assembled import RECIPES, close

from codaar_core import load
from codaar_core.api import HeadContext, Quantized, Space
from codaar_core.engine.pretrain import set_learning_rate

heads = pytest.importorskip("codaar_plugin_digits.heads")
metrics = pytest.importorskip("codaar_plugin_digits.metrics")

NAMES = {"mix": "linear", "classify": "event_classifier"}


def present(released, kind: str) -> list[int]:
    """Batches that the file has; the copy that comes along has fewer."""
    return [batch for batch in range(4) if f"{kind}{batch}" in released]


@pytest.mark.parametrize(("file", "head"), [("head_ave", "ClipClassifier"), ("head_aveavvp", "SegmentClassifier")])
def test_heads(file, head, numbers):
    released = numbers(file)
    kind = getattr(heads, head)
    context = HeadContext(Space((24,)), Space((8,)), tuple("abcde"))
    ours = kind(kind.Config(), context).double()
    names = {f"{a}.{part}": f"{b}.{part}" for a, b in NAMES.items() for part in ("weight", "bias")}
    ours.load_state_dict({a: released[f"w_{b}"] for a, b in names.items()})
    codes = released["in0"].view(4, 10, 24).requires_grad_()
    logits = ours(Quantized(torch.zeros(4, 10, dtype=torch.long), codes, codes))
    logits.backward(released["ct0"].view_as(logits))
    close(logits, released["out0"].view_as(logits), 1e-12)
    close(codes.grad, released["grad_in0"].view_as(codes), 1e-12)
    for name, parameter in ours.named_parameters():
        close(parameter.grad, released[f"grad_{names[name]}"], 1e-12, name)


def test_clip_metrics(numbers):
    released = numbers("metrics")
    for batch in present(released, "scores"):
        prediction = released[f"scores{batch}"].argmax(1)
        foreground = released[f"labels{batch}"][..., :-1]
        target = foreground.argmax(-1).amax(1)  # the released choice of one class a clip
        precision = 100 * metrics.macro_precision(prediction, target)
        assert precision == pytest.approx(float(released[f"ave_macro_precision{batch}"]), rel=1e-6)
        accuracy = 100 * metrics.accuracy(prediction, target)
        assert accuracy == pytest.approx(float(released[f"ave_accuracy{batch}"]), rel=1e-12)


def test_segment_precision(numbers):
    released = numbers("metrics")
    for batch in present(released, "sig"):
        precision = metrics.micro_precision(released[f"sig{batch}"], released[f"ml_labels{batch}"])
        assert precision == pytest.approx(float(released[f"avvp_precision_recall{batch}"][0]), rel=1e-6)


def test_segment_loss(numbers):
    released = numbers("metrics")
    head = heads.SegmentClassifier(heads.SegmentClassifier.Config(), HeadContext(Space((2,)), Space((2,)), tuple("ab")))
    for batch in present(released, "el_logits"):
        loss = head.loss(released[f"el_logits{batch}"], released[f"ml_labels{batch}"])
        assert float(loss) == pytest.approx(float(released[f"bce{batch}"]), rel=1e-6)  # released: in single precision


def test_learning_rates(numbers):
    settings = load(RECIPES / "as-published" / "avt.toml").optimizer
    optimizer = torch.optim.Adam([torch.zeros(1)], lr=settings.lr)
    for epoch, expected in enumerate(numbers("lr_schedule")["lr"].tolist()):
        set_learning_rate(optimizer, settings, epoch)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-15)
