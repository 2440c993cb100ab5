"""data.accumulate with the model of a recipe: losses that are means over clips give the step of a large batch."""

from __future__ import annotations

from distributed_steps import assert_close, take_steps

from codaar_core.api.ranks import SingleProcess

WITHOUT_BATCH_NORMALISATION = ("model.modalities=['text', 'audio']", "align.csa.order=['text', 'audio']")
MEANS = ("model.losses=['reconstruction', 'commitment']", *WITHOUT_BATCH_NORMALISATION)


def test_three_passes_of_a_batch(tmp_path) -> None:
    whole, _ = take_steps(SingleProcess(), tmp_path / "whole", 11, 5, False, MEANS)
    parts, _ = take_steps(SingleProcess(), tmp_path / "parts", 11, 5, False, (*MEANS, "data.accumulate=3"))
    for name, value in whole.items():
        assert_close(parts[name], value, name)


def test_contrastive_losses_see_a_pass_only(tmp_path) -> None:
    own = WITHOUT_BATCH_NORMALISATION
    whole, _ = take_steps(SingleProcess(), tmp_path / "whole", 11, 5, False, own)
    parts, _ = take_steps(SingleProcess(), tmp_path / "parts", 11, 5, False, (*own, "data.accumulate=3"))
    assert max(float((parts[name] - value).abs().max()) for name, value in whole.items()) > 1e-6
