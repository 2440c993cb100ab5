"""Choice of channels: against plain loops, the released proportions, and heads that read the chosen channels."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_cmg.channel_choice import channel_scores, choose_channels
from codaar_plugin_cmg.heads import AvvpClassifier, ClipClassifier, MeanCode, SegmentClassifier
from codaar_plugin_vqvae.codebooks import Codebooks
from codaar_plugin_vqvae.learned_codebook import LearnedCodebook
from hypothesis import given, settings
from hypothesis import strategies as st

from codaar_core.api import ComponentError, HeadContext, QuantizerContext, Space

CODES, DIM, MODALITIES = 6, 8, ("a", "b")
QUANTIZERS = {
    "each": lambda: Codebooks(Codebooks.Config(codes=CODES, dim=DIM), QuantizerContext(MODALITIES)),
    "shared": lambda: Codebooks(Codebooks.Config(codes=CODES, dim=DIM, books="shared"), QuantizerContext(MODALITIES)),
    "learned": lambda: LearnedCodebook(LearnedCodebook.Config(codes=3, dim=DIM, parts=2), QuantizerContext(MODALITIES)),
}


def context(quantizer) -> HeadContext:
    return HeadContext(quantizer.code_space, quantizer.latent, ("x", "y", "z"), quantizer=quantizer)


def codes_of(quantizer):
    return quantizer.lookup("a", torch.randint(quantizer.size, (3, 4), generator=torch.Generator().manual_seed(1)))


def slow_score(column: list[float]) -> float:
    """The definition, over all pairs of different codewords."""
    pairs = [one * other for i, one in enumerate(column) for j, other in enumerate(column) if i != j]
    mean = sum(column) / len(column)
    variance = sum((each - mean) ** 2 for each in column) / (len(column) - 1)
    return -0.7 * sum(pairs) / len(pairs) + 0.3 * variance


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 9), st.integers(1, 5), st.integers(0, 2**16))
def test_scores_equal_the_loops_over_pairs(codewords: int, width: int, seed: int) -> None:
    book = torch.randn(codewords, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    expected = [slow_score(book[:, d].tolist()) for d in range(width)]
    assert channel_scores(book).tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("channels", "highest", "lowest", "expected"),
    [
        (3, 1, 0, [1, 3, 5]),
        (6, 1, 0, [0, 1, 2, 3, 4, 5]),
        (2, 0, 1, [0, 2]),
        (4, 3, 1, [1, 2, 3, 5]),
        (5, 1, 1, [0, 1, 2, 5]),  # 5 // 2 parts: two highest, two lowest
    ],
)
def test_released_proportions(channels: int, highest: int, lowest: int, expected: list[int]) -> None:
    scores = torch.tensor([2.0, 9.0, 1.0, 5.0, 3.0, 8.0])
    assert choose_channels(scores, channels, highest, lowest).tolist() == expected


@pytest.mark.parametrize("kind", [ClipClassifier, SegmentClassifier, AvvpClassifier, MeanCode])
@pytest.mark.parametrize("name", QUANTIZERS)
@pytest.mark.parametrize("code", ["full", "own"])
def test_heads_read_nothing_but_the_chosen_channels(kind, name: str, code: str) -> None:
    quantizer = QUANTIZERS[name]()
    head = kind(kind.Config(code=code, channels=4), context(quantizer))
    quantized = codes_of(quantizer)
    output = head(quantized)
    unread = torch.ones(getattr(quantized, code).shape[-1], dtype=torch.bool)
    unread[head.chosen] = False
    changed = getattr(quantized, code).detach().masked_fill(unread, 99.0)
    assert torch.equal(output, head(quantized._replace(**{code: changed})))
    assert int((~unread).sum()) == head.width == 4
    assert torch.equal(head.state_dict()["chosen"], head.chosen)


def test_with_a_codebook_for_each_modality_own_channels_are_scored_by_their_mean() -> None:
    quantizer = QUANTIZERS["each"]()
    head = MeanCode(MeanCode.Config(code="own", channels=3), context(quantizer))
    scores = torch.stack([channel_scores(each) for each in quantizer.codebooks().values()]).mean(0)
    assert head.chosen.tolist() == sorted(scores.argsort(descending=True)[:3].tolist())


def test_all_channels_change_nothing() -> None:
    quantizer = QUANTIZERS["each"]()
    quantized = codes_of(quantizer)
    all_of_them = MeanCode(MeanCode.Config(channels=2 * DIM), context(quantizer))
    assert torch.equal(all_of_them(quantized), MeanCode(MeanCode.Config(), context(quantizer))(quantized))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"channels": 17}, "the code has 16 channels"),
        ({"channels": 9, "code": "own"}, "the code has 8 channels"),
        ({"channels": 3, "channels_highest": 3, "channels_lowest": 1}, "cannot be divided 3 : 1"),
        ({"channels": 3, "channels_highest": 0}, "cannot be divided 0 : 0"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(given: dict[str, int], message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        MeanCode(MeanCode.Config(**given), context(QUANTIZERS["each"]()))


def test_a_head_without_quantizer_says_what_is_missing() -> None:
    with pytest.raises(ComponentError, match="built without one"):
        MeanCode(MeanCode.Config(channels=2), HeadContext(Space((8,)), Space((4,)), ()))
