"""The losses of a step share one exchange between ranks."""

from __future__ import annotations

import copy

import attrs
import pytest
import torch
from codaar_plugin_vqvae.reconstruction import Reconstruction
from counting_ranks import CountingRanks
from distributed_steps import METHODS, RECIPES, SMALL, SPACES, RandomClips

from codaar_core import load
from codaar_core.api import CodaarError, StepView
from codaar_core.engine.assembly.build import build_model
from codaar_core.engine.devices.batch_ranks import BatchRanks
from codaar_core.engine.training.codebook_update import update_codebooks
from codaar_core.testing.environment.ranks import SingleProcess, on_ranks

SHARES = [3, 0, 2]
RECIPES_WITH_LOSSES_IN_TWO_HALVES = ("avt.toml", "baselines/micu.toml", "baselines/dcid.toml", "baselines/turn.toml")


def built(recipe: str):
    """The model of a recipe, and records of five clips."""
    plan = load(RECIPES / recipe, (*SMALL, *METHODS[recipe]))
    torch.manual_seed(0)
    model = build_model(plan, SPACES).double()
    inputs = RandomClips(sum(SHARES), masked=True)[range(sum(SHARES))].inputs
    encoded = model.encode(inputs)
    quantized = model.quantizer.quantize(encoded)
    decoded = model.decode(encoded, quantized)
    generator = torch.Generator().manual_seed(1)
    return model, StepView(inputs, encoded, quantized, decoded, 0, 0, generator)


def of_clips(view: StepView, rows: slice, ranks) -> StepView:
    """The records of some clips; of none: those of the first one, without a real step."""
    empty = rows.start == rows.stop
    rows = slice(1) if empty else rows

    def cut(record):
        fields = {name: None if each is None else each[rows] for name, each in record._asdict().items()}
        if empty:
            fields["mask"] = torch.zeros_like(fields["mask"])
        return type(record)(**fields)

    return attrs.evolve(
        view,
        inputs={m: cut(each) for m, each in view.inputs.items()},
        encoded={m: cut(each) for m, each in view.encoded.items()},
        quantized={m: cut(each) for m, each in view.quantized.items()},
        decoded={m: each[rows] for m, each in view.decoded.items()},
        generator=torch.Generator().manual_seed(1),
        ranks=ranks,
    )


@pytest.mark.parametrize("recipe", RECIPES_WITH_LOSSES_IN_TWO_HALVES)
def test_the_losses_of_a_step_are_one_exchange_and_those_of_one_process(recipe):
    model, view = built(recipe)
    model.eval()
    expected = model.terms(of_clips(view, slice(0, sum(SHARES)), SingleProcess()))

    def terms(ranks):
        counting, start = CountingRanks(ranks), sum(SHARES[: ranks.rank])
        found = model.terms(of_clips(view, slice(start, start + SHARES[ranks.rank]), BatchRanks(counting, SHARES)))
        return found, counting.exchanges

    results = on_ranks(terms, len(SHARES))
    draws = 3 if recipe == "baselines/turn.toml" else 0  # each draw for the clips of all ranks learns their owners
    assert [exchanges - draws for _, exchanges in results] == [1] * len(SHARES)
    for name, value in expected.items():
        mean = torch.stack([found[name] for found, _ in results]).mean()
        torch.testing.assert_close(mean, value, rtol=1e-10, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}")


def test_update_and_reset_of_the_codebooks_are_one_exchange():
    model, view = built("avt.toml")

    def exchanges(ranks):
        counting, quantizer = CountingRanks(ranks), copy.deepcopy(model.quantizer)
        update_codebooks(quantizer, model.align, view.encoded, view.quantized, torch.Generator(), counting)
        return counting.exchanges

    assert on_ranks(exchanges, 2) == [1, 1]


def test_a_loss_that_writes_forward_anew_is_called_as_a_whole():
    class Doubled(Reconstruction):
        def forward(self, view):
            return {name: 2 * value for name, value in super().forward(view).items()}

    model, view = built("avt.toml")
    plain = model.terms(view, ["reconstruction"])
    model.losses["reconstruction"].__class__ = Doubled
    doubled = model.terms(view, ["reconstruction"])
    assert all(torch.equal(doubled[name], 2 * value) for name, value in plain.items())


@pytest.mark.parametrize(
    ("half", "returned", "message"),
    [
        ("prepare", {}, r"losses\.reconstruction: .* is a dict"),
        ("complete", torch.zeros(()), r"losses\.reconstruction .* returns a Tensor"),
        ("complete", {"one": 1.0, "each": torch.zeros(5)}, r"returns one = a float, each = a tensor \(5,\)"),
    ],
)
def test_a_loss_that_returns_something_else_is_named(half, returned, message):
    model, view = built("avt.toml")
    setattr(model.losses["reconstruction"], half, lambda *_: returned)
    with pytest.raises(CodaarError, match=message):
        model.terms(view)
