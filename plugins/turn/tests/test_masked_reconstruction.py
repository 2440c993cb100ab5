"""Masked reconstruction: which steps are masked, what the decoder reads, and what the error counts."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_turn.masked_reconstruction import MaskedReconstruction, averaged, positions
from torch import Tensor

from codaar_core.api import ComponentError, Features, LossContext, Quantized, Space, StepView

NAMES = ("a", "b")
WIDTH, CLIPS, STEPS = 8, 3, 4


def loss_of(input: Space = Space((5,)), **config: object) -> MaskedReconstruction:  # noqa: B008
    with torch.random.fork_rng():
        torch.manual_seed(0)
        context = LossContext(NAMES, Space((WIDTH,)), Space((WIDTH,)), dict.fromkeys(NAMES, input))
        return MaskedReconstruction(MaskedReconstruction.Config(feedforward=16, **config), context).double().eval()


def view(seed: int = 0, mask: Tensor | None = None, draws: int = 0) -> StepView:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, CLIPS, STEPS, 5, generator=generator, dtype=torch.float64)
    own = torch.randn(2, CLIPS, STEPS, WIDTH, generator=generator, dtype=torch.float64).requires_grad_()
    indices = torch.zeros(CLIPS, STEPS, dtype=torch.int64)
    return StepView(
        {m: Features(each, mask) for m, each in zip(NAMES, values, strict=True)},
        {},
        {m: Quantized(indices, each, each, mask=mask) for m, each in zip(NAMES, own, strict=True)},
        {},
        0,
        0,
        torch.Generator().manual_seed(draws),
    )


def drawn(seed: int, probability: float = 0.5) -> dict[str, Tensor]:
    """The masked steps of each modality, in the order of the modalities."""
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.rand(CLIPS, STEPS, generator=generator) < probability for m in NAMES}


def test_the_error_is_the_mean_at_replaced_real_steps() -> None:
    loss, mask = loss_of(), torch.ones(CLIPS, STEPS, dtype=torch.bool)
    mask[1, 2:] = False
    step = view(mask=mask, draws=4)
    replaced = drawn(4)
    terms = loss(step)
    assert list(terms) == ["a from b", "b from a"]
    for m, n in (("a", "b"), ("b", "a")):
        values = step.inputs[m].values
        restored = loss.decoders[m](values, mask, replaced[m], step.quantized[n])
        errors = [
            float((restored[b, t] - values[b, t]).detach().abs().mean())
            for b in range(CLIPS)
            for t in range(STEPS)
            if replaced[m][b, t] and mask[b, t]
        ]
        assert float(terms[f"{m} from {n}"].detach()) == pytest.approx(sum(errors) / len(errors))


def test_masked_values_are_not_read() -> None:
    loss, step, replaced = loss_of(), view(), drawn(0)["a"]
    values, other = step.inputs["a"].values, step.quantized["b"]
    changed = torch.where(replaced[..., None], values + 7, values)
    torch.testing.assert_close(*(loss.decoders["a"](each, None, replaced, other) for each in (values, changed)))
    seen = torch.where(replaced[..., None], values, values + 7)
    assert not torch.allclose(*(loss.decoders["a"](each, None, replaced, other) for each in (values, seen)))


def test_codes_of_the_other_modality_learn_and_the_own_do_not() -> None:
    loss, step = loss_of(), view()
    loss(step)["a from b"].backward()
    both = torch.autograd.grad(loss(view_ := view())["a from b"], view_.quantized["b"].own)
    assert both[0].any()
    assert torch.autograd.grad(loss(view_ := view())["a from b"], view_.quantized["a"].own, allow_unused=True) == (
        None,
    )


def test_positions_differ_and_are_sinusoids() -> None:
    angles = positions(torch.zeros(1, 6, WIDTH, dtype=torch.float64))
    assert angles.shape == (6, WIDTH)
    assert len(angles.unique(dim=0)) == 6
    torch.testing.assert_close(angles[:, 0], torch.arange(6, dtype=torch.float64).sin())


def test_maps_are_averaged_over_their_cells() -> None:
    maps = torch.randn(2, 3, 4, 4, 5)
    torch.testing.assert_close(averaged(Features(maps)).values, maps.mean((2, 3)))


def test_one_modality_and_wrong_heads_are_refused() -> None:
    with pytest.raises(ComponentError, match="3 heads do not divide"):
        loss_of(heads=3)
    with pytest.raises(ComponentError, match="needs two modalities"):
        MaskedReconstruction(MaskedReconstruction.Config(), LossContext(("a",), Space((4,)), Space((4,))))
