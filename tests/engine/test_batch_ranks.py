"""Ranks with a known number of clips, some with none: what they gather and draw is what one process has."""

from __future__ import annotations

import pytest
import torch
from counting_ranks import CountingRanks

from codaar_core.api import CodaarError, Shared, exchange, gather_clips, sum_all, uniform_by_clip
from codaar_core.engine.devices.batch_ranks import BatchRanks, clips_by_rank
from codaar_core.testing.environment.ranks import SingleProcess, on_ranks

CLIPS, STEPS = 5, 4
SIZES = [2, 3, 7]  # of seven ranks two have no clip


def parts(size: int, values: torch.Tensor) -> list[torch.Tensor]:
    """The rows of each rank; a rank without clips has a placeholder of NaN."""
    shares = values.split(clips_by_rank(CLIPS, size))
    return [part if len(part) else torch.full_like(values[:1], torch.nan) for part in shares]


def test_every_clip_has_one_rank():
    for size in range(1, 9):
        clips = clips_by_rank(CLIPS, size)
        assert (len(clips), sum(clips)) == (size, CLIPS)
        assert max(clips) - min(clips) <= 1


@pytest.mark.parametrize("size", SIZES)
def test_clips_of_all_ranks_are_gathered_without_placeholders(size):
    values, clips = torch.randn(CLIPS, STEPS, 3, dtype=torch.double), clips_by_rank(CLIPS, size)
    rows = parts(size, values)

    def gather(ranks):
        own = rows[ranks.rank]
        return gather_clips(BatchRanks(ranks, clips), own, own[:, :, 0] > 0, own[:, 0, 0])

    for latents, positive, first in on_ranks(gather, size):
        assert torch.equal(latents, values)
        assert torch.equal(positive, values[:, :, 0] > 0)
        assert torch.equal(first, values[:, 0, 0])
    general = on_ranks(lambda ranks: BatchRanks(ranks, clips).gather(rows[ranks.rank]), size)
    assert all(torch.equal(each, values) for each in general)


@pytest.mark.parametrize("size", SIZES)
def test_the_gradient_of_gathered_clips_is_that_of_one_process(size):
    """Where all ranks have the same loss, the mean over ranks is that loss."""
    values = torch.randn(CLIPS, 3, dtype=torch.double)
    whole = values.clone().requires_grad_()
    loss = (whole @ whole.T).logsumexp(-1).sum()
    loss.backward()
    rows = [part.nan_to_num().clone().requires_grad_() for part in parts(size, values)]
    clips = clips_by_rank(CLIPS, size)

    def contrast(ranks):
        (latents,) = gather_clips(BatchRanks(ranks, clips), rows[ranks.rank])
        return (latents @ latents.T).logsumexp(-1).sum()

    torch.stack(on_ranks(contrast, size, gradients=True)).mean().backward()
    gradients = [part.grad for part, own in zip(rows, clips, strict=True) if own]
    torch.testing.assert_close(torch.cat(gradients), whole.grad)
    assert all(not part.grad.any() for part, own in zip(rows, clips, strict=True) if not own)


@pytest.mark.parametrize("size", SIZES)
def test_ranks_draw_for_each_clip_what_one_process_draws(size):
    def draws(ranks, clips):
        generator = torch.Generator().manual_seed(3)
        drawn = uniform_by_clip(ranks, clips, STEPS, generator)
        return drawn, torch.rand(1, generator=generator)

    alone, after = draws(SingleProcess(), CLIPS)
    clips = clips_by_rank(CLIPS, size)
    found = on_ranks(lambda ranks: draws(BatchRanks(ranks, clips), max(1, clips[ranks.rank])), size)
    own = [drawn for (drawn, _), number in zip(found, clips, strict=True) if number]
    assert torch.equal(torch.cat(own), alone)
    assert all(torch.equal(later, after) for _, later in found)


def test_sums_of_several_tensors_keep_shapes_and_types():
    def total(ranks):
        return sum_all(ranks, torch.ones(2, 3), torch.tensor(ranks.rank), torch.tensor([2.0], dtype=torch.double))

    for ones, number, wide in on_ranks(total, 3):
        assert torch.equal(ones, torch.full((2, 3), 3.0))
        assert (number.dtype, int(number)) == (torch.int64, 3)
        assert torch.equal(wide, torch.tensor([6.0], dtype=torch.double))
    assert sum_all(SingleProcess()) == []


@pytest.mark.parametrize("size", SIZES)
def test_one_exchange_serves_several_computations(size):
    values, clips = torch.randn(CLIPS, STEPS, 3, dtype=torch.bfloat16), clips_by_rank(CLIPS, size)
    rows, kept = parts(size, values), torch.ones(1)

    def shared(ranks):
        own, counted = rows[ranks.rank], torch.tensor([clips[ranks.rank], 1001])
        return (
            Shared(clips=(own, own[:, 0, 0] > 0, own[:, :, :0]), sums=(counted,), kept=(kept,)),
            Shared(sums=(counted.double().requires_grad_(), counted[0] > 0)),
            Shared(kept=(kept,)),
        )

    def exchanged(ranks):
        counting = CountingRanks(ranks)
        return exchange(BatchRanks(counting, clips), *shared(ranks)), counting.exchanges

    for (first, second, third), exchanges in on_ranks(exchanged, size):
        assert exchanges == 1
        assert torch.equal(first.clips[0], values)
        assert torch.equal(first.clips[1], values[:, 0, 0] > 0)
        assert first.clips[2].shape == (CLIPS, STEPS, 0)  # e.g. of an encoder without private features
        assert torch.equal(first.sums[0], torch.tensor([CLIPS, size * 1001]))  # not of the type of the rows
        assert torch.equal(second.sums[0], first.sums[0].double())
        assert not second.sums[0].requires_grad
        assert second.sums[1].dtype == torch.bool
        assert first.kept[0] is third.kept[0] is kept

    sums_alone = on_ranks(lambda ranks: exchange(BatchRanks(ranks, clips), shared(ranks)[1])[0], size)
    assert all(torch.equal(each.sums[0], torch.tensor([CLIPS, size * 1001]).double()) for each in sums_alone)
    (alone,) = exchange(SingleProcess(), Shared(clips=(values,), sums=(kept.clone().requires_grad_(),)))
    assert alone.clips[0] is values
    assert torch.equal(alone.sums[0], kept)
    assert not alone.sums[0].requires_grad  # as with several processes


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"term": torch.zeros(())}, r"is a dict\n.*return Shared\("),
        (Shared(clips=torch.zeros(4, 2)), r"clips .* is Tensor\n.*Shared\(clips=\(tensor,\)\)"),
        (Shared(sums=(3,)), r"sums .* is \(3,\)\n.*tuple of tensors"),
        (Shared(clips=(torch.zeros(()),)), r"shapes \(\)\n.*one row per clip"),
        (Shared(clips=(torch.zeros(4), torch.zeros(8, 3))), r"shapes \(4,\), \(8, 3\)\n.*one row per clip"),
    ],
)
def test_what_cannot_be_exchanged_is_refused_with_one_process_too(own, message):
    with pytest.raises(CodaarError, match=message):
        exchange(SingleProcess(), own)


def test_rows_of_time_steps_are_not_taken_for_clips():
    def exchanged(ranks):
        return exchange(BatchRanks(ranks, [2, 0]), Shared(clips=(torch.zeros(6, 3),)))

    with pytest.raises(CodaarError, match="6 rows are to be exchanged for [12] clips"):
        on_ranks(exchanged, 2)


@pytest.mark.parametrize("other", [torch.zeros(2), torch.zeros(3, dtype=torch.float64)])
def test_simulated_ranks_refuse_what_real_processes_cannot_add_up(other):
    with pytest.raises(ValueError, match=r"different types or shapes: torch\.float32 \(3,\), "):
        on_ranks(lambda ranks: exchange(ranks, Shared(sums=(other if ranks.rank else torch.zeros(3),))), 2)
