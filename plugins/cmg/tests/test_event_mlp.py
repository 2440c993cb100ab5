"""The head of the paper's text for events: outputs, both kinds of labels, and that weak labels do locate events."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_cmg.event_mlp import EventMlp
from torch import Tensor

from codaar_core.api import ComponentError, HeadContext, Quantized, Space

CLIPS, STEPS, EVENTS, WIDTH = 3, 4, 5, 6


def head(classes: int = EVENTS + 1, **settings) -> EventMlp:
    torch.manual_seed(0)
    context = HeadContext(Space((WIDTH,)), Space((WIDTH,)), tuple(map(str, range(classes))))
    return EventMlp(EventMlp.Config(**settings), context).double()


def codes(mask: Tensor | None = None) -> Quantized:
    generator = torch.Generator().manual_seed(1)
    indices = torch.randint(8, (CLIPS, STEPS), generator=generator)
    full = torch.randn(8, WIDTH, generator=generator, dtype=torch.float64)[indices]
    return Quantized(indices, full, full, mask=mask)


def targets() -> Tensor:
    events = (torch.rand(CLIPS, STEPS, EVENTS, generator=torch.Generator().manual_seed(2)) > 0.6).double()
    return torch.cat([events, 1 - events.amax(-1, keepdim=True)], dim=-1)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_scores_are_those_of_the_layers_written_out(layers: int) -> None:
    built, given = head(layers=layers, hidden=7), codes()
    linear = [layer for layer in built.scores if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in linear] == [7] * (layers - 1) + [EVENTS]
    logits = built(given)
    for b in range(CLIPS):
        for t in range(STEPS):
            value = given.full[b, t]
            for number, layer in enumerate(linear):
                value = layer.weight @ value + layer.bias
                value = value.clamp_min(0) if number < layers - 1 else value
            torch.testing.assert_close(logits[b, t], value)


@pytest.mark.parametrize("labels", ["seconds", "clips"])
def test_the_loss_is_that_of_the_loops(labels: str) -> None:
    built, target = head(labels=labels), targets()
    logits = built(codes())
    terms = []
    for b in range(CLIPS):
        for event in range(EVENTS):
            if labels == "clips":
                pairs = [(logits[b, :, event].max(), target[b, :, event].max())]
            else:
                pairs = list(zip(logits[b, :, event], target[b, :, event], strict=True))
            terms += [-(y * x.sigmoid().log() + (1 - y) * (1 - x.sigmoid()).log()) for x, y in pairs]
    torch.testing.assert_close(built.loss(logits, target), torch.stack(terms).mean())


def test_background_is_predicted_where_no_event_is() -> None:
    logits = torch.tensor([[[-1.0, 2.0], [-1.0, -0.1], [3.0, 4.0]]])
    assert head().predict(logits).tolist() == [[[0, 1, 0], [0, 0, 1], [1, 1, 0]]]


def test_masked_seconds_have_no_event_and_no_effect() -> None:
    mask = torch.arange(STEPS).expand(CLIPS, STEPS) < torch.tensor([[1], [4], [2]])
    built, target = head(labels="clips"), targets()
    target[~mask] = torch.tensor([0.0] * EVENTS + [1.0], dtype=torch.float64)
    logits = built(codes(mask))
    assert (built.predict(logits)[~mask] == target[~mask]).all()
    short = built(Quantized(*(each[:, :1] for each in codes()[:3])))
    torch.testing.assert_close(built.loss(logits[:1], target[:1]), built.loss(short[:1], target[:1, :1]))


def test_labels_of_clips_are_enough_to_locate_events() -> None:
    """A code for each event and one for background: which seconds have the event is never told."""
    generator = torch.Generator().manual_seed(3)
    table = torch.randn(EVENTS + 1, WIDTH, generator=generator, dtype=torch.float64)
    indices = torch.randint(EVENTS + 1, (64, STEPS), generator=generator)
    given = Quantized(indices, table[indices], table[indices])
    target = torch.nn.functional.one_hot(indices, EVENTS + 1).double()
    built = head(labels="clips", layers=2, hidden=32)
    optimizer = torch.optim.Adam(built.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        built.loss(built(given), target).backward()
        optimizer.step()
    assert (built.predict(built(given)) == target).double().mean() > 0.95


def test_a_benchmark_of_background_only_is_refused() -> None:
    with pytest.raises(ComponentError, match="takes the last class for background"):
        head(classes=1)
