"""The quantizer, DTA, CSA, CMCM and commitment together, against numbers of the released code in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from codaar_plugin_vqvae import codebooks as codebooks_module
from codaar_plugin_vqvae.codebooks import Codebooks
from codaar_plugin_vqvae.commitment import Commitment
from torch import Tensor

from codaar_core.api import AlignmentContext, Encoded, LossContext, Quantized, QuantizerContext, StepView
from codaar_core.testing.released_numbers import drawn

cmcm = pytest.importorskip("codaar_plugin_cmcm.cmcm")
csa = pytest.importorskip("codaar_plugin_csa.csa")
dta = pytest.importorskip("codaar_plugin_dta.dta")

MODALITIES = {"av": ("v", "a"), "avt": ("v", "a", "t")}  # in the released order of columns
OWN = {"av": 0.75, "avt": 0.6}
Read = Callable[[str], Mapping[str, Tensor]]


class OneRank:
    rank, size = 0, 1

    def sum(self, value: Tensor) -> Tensor:
        return value

    gather = sum


class Model:
    """The pieces of the method around one quantizer, in the order of the training loop."""

    def __init__(self, name: str, codes: int, dim: int) -> None:
        self.modalities = MODALITIES[name]
        self.quantizer = Codebooks(Codebooks.Config(codes=codes, dim=dim), QuantizerContext(self.modalities)).double()
        self.quantizer.wants_distances = True
        context = LossContext(self.modalities, self.quantizer.latent, self.quantizer.code_space)
        self.commitment = Commitment(Commitment.Config(), context)
        self.cmcm = cmcm.Cmcm(cmcm.Cmcm.Config(), context)
        align = AlignmentContext(self.modalities)
        self.dta = dta.Dta(dta.Dta.Config(own=OWN[name]), align)
        self.csa = csa.Csa(csa.Csa.Config(order=self.modalities[::-1]), align)

    def load(self, numbers: Mapping[str, Tensor], prefix: str) -> None:
        for name, buffer in self.buffers(numbers, prefix).items():
            getattr(self.quantizer, name).copy_(buffer)

    def buffers(self, numbers: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
        """Released buffers in our layout: (K, books * D) -> (K, books, D)."""
        books = len(self.modalities)
        return {
            "codewords": numbers[f"{prefix}_embedding"].unflatten(-1, (books, -1)),
            "sums": numbers[f"{prefix}_ema_weight"].unflatten(-1, (books, -1)),
            "counts": torch.stack([numbers[f"{prefix}_ema_count_{m}"] for m in self.modalities], dim=-1),
            "idle": numbers[f"{prefix}_unactivated_count"].long(),
        }

    def quantize(self, latents: dict[str, Tensor]) -> tuple[dict[str, Quantized], StepView]:
        encoded = {m: Encoded(z) for m, z in latents.items()}
        quantized = self.quantizer.quantize(encoded)
        return quantized, StepView({}, encoded, quantized, {}, 0, 0, torch.Generator())

    @torch.no_grad()
    def update(self, latents: dict[str, Tensor], quantized: dict[str, Quantized]) -> None:
        flat = self.dta.mix({m: z.flatten(0, 1) for m, z in latents.items()})
        targets = {m: target.view_as(latents[m]) for m, target in flat.items()}
        self.quantizer.update(targets, quantized, OneRank())
        self.quantizer.replace(self.csa.adjust(self.quantizer.codebooks()))
        self.quantizer.reset(quantized, torch.Generator(), OneRank())

    def assert_buffers(self, numbers: Mapping[str, Tensor], prefix: str) -> None:
        for name, expected in self.buffers(numbers, prefix).items():
            assert_same(getattr(self.quantizer, name), expected)


def assert_same(ours: Tensor, released: Tensor) -> None:
    """Relative to the largest number: a difference of large numbers keeps only their absolute precision.

    The floor is for gradients of saturated softmaxes (1e-14), which both codes know to a few digits only.
    """
    torch.testing.assert_close(ours, released, rtol=1e-10, atol=1e-10 * float(released.abs().max()) + 1e-20)


@pytest.mark.parametrize("name", ["av", "avt"])
def test_four_training_forwards(name: str, released_numbers: Read) -> None:
    numbers, model = released_numbers(f"quantizer_{name}_small"), Model(name, 24, 8)
    model.load(numbers, "init")
    steps = [step for step in range(4) if f"s{step}_in_v" in numbers]  # the copy that comes along has one
    for step in steps:
        given = {key.removeprefix(f"s{step}_"): value for key, value in numbers.items() if key.startswith(f"s{step}_")}
        latents = {m: given[f"in_{m}"].requires_grad_() for m in model.modalities}
        quantized, view = model.quantize(latents)
        cmcm_loss = 0.5 * sum(model.cmcm(view).values())
        commitment = model.commitment(view)

        def assert_gradient(value: Tensor, name: str, latents=latents, given=given) -> None:
            gradients = torch.autograd.grad(value, list(latents.values()), retain_graph=True, allow_unused=True)
            for m, gradient in zip(latents, gradients, strict=True):
                expected = given[f"grad_{name}_wrt_{m}"]
                assert_same(torch.zeros_like(expected) if gradient is None else gradient, expected)

        assert_same(cmcm_loss, given["out_cmcm"])
        assert_gradient(cmcm_loss, "cmcm")
        for m in model.modalities:
            assert torch.equal(quantized[m].indices, given[f"index_{m}"])
            assert_same(quantized[m].own, given[f"out_q_{m}"])
            assert_same(quantized[m].full, given[f"out_full_{m}"])
            assert_same(commitment[m], given[f"out_loss_{m}"])
            assert_gradient(commitment[m], f"loss_{m}")
            assert_gradient((quantized[m].own * given[f"ct_q_{m}"]).sum(), f"q_{m}")
            assert_gradient((quantized[m].full * given[f"ct_full_{m}"]).sum(), f"full_{m}")
        model.update(latents, quantized)
        model.assert_buffers(given, "after")

    for m in model.modalities if len(steps) == 4 else ():  # one modality alone, after all four
        quantized = model.quantizer.quantize({m: Encoded(numbers[f"infer_in_{m}"])})[m]
        assert_same(quantized.full, numbers[f"infer_full_{m}"])
        assert_same(quantized.own, numbers[f"infer_q_{m}"])


@pytest.mark.parametrize("name", ["av", "avt"])
def test_reset_and_the_forward_after_it(name: str, monkeypatch: pytest.MonkeyPatch, released_numbers: Read) -> None:
    numbers = released_numbers(f"quantizer_reset_{name}")
    model = Model(name, len(numbers["before_unactivated_count"]), 8)
    model.load(numbers, "before")
    dead = numbers["unused"][numbers["before_unactivated_count"][numbers["unused"]] >= 300]
    draws = dict(zip(dead.tolist(), zip(numbers["picks_lo_hi_draw"][:, 2], numbers["noise"], strict=True), strict=True))

    def donors(active: Tensor, generator: torch.Generator) -> Tensor:
        rows = active.nonzero().flatten()
        return torch.stack([rows[draws[row][0]] if row in draws else rows[0] for row in range(len(active))])

    def noise(like: Tensor, generator: torch.Generator) -> Tensor:
        return torch.stack([draws[row][1].view_as(each) if row in draws else each for row, each in enumerate(like)])

    monkeypatch.setattr(codebooks_module, "draw_donors", donors)
    monkeypatch.setattr(codebooks_module, "draw_noise", noise)
    for prefix, after in (("in", "after"), ("next_in", "next_after")):
        latents = {m: numbers[f"{prefix}_{m}"] for m in model.modalities}
        quantized, _ = model.quantize(latents)
        if prefix == "next_in":
            for m in model.modalities:
                assert torch.equal(quantized[m].indices.flatten(), numbers[f"next_index_{m}"])
        model.update(latents, quantized)
        model.assert_buffers(numbers, after)


def latents_at_full_size(name: str, step: int) -> dict[str, Tensor]:
    """They are not stored, but follow from their names: standard normal, then mean 0 and variance 1 in each frame."""
    latents = {}
    for m in MODALITIES[name]:
        values = drawn(f"{name}/z{m}{step}", (8, 10, 256))
        latents[m] = torch.nn.functional.layer_norm(values, (256,), eps=0)
    return latents


@pytest.mark.parametrize("name", ["av", "avt"])
def test_five_training_forwards_at_full_size(name: str, released_numbers: Read) -> None:
    """From the released initialisation, through the jump of all codewords that the first step does not select."""
    numbers = released_numbers(f"quantizer_fullinit_{name}")
    torch.manual_seed(43)
    model = Model(name, 800, 256)
    initial = model.quantizer.codewords.flatten(1)
    assert_same(initial[0], numbers["init_embedding_row0"])
    assert_same(initial.abs().max(), numbers["init_embedding_absmax"])
    assert_same(initial.sum(), numbers["init_embedding_sum"])
    for step in range(5):
        latents = latents_at_full_size(name, step)
        quantized, view = model.quantize(latents)
        commitment = model.commitment(view)
        assert_same(0.5 * sum(model.cmcm(view).values()), numbers[f"s{step}_cmcm"])
        for m in model.modalities:
            assert torch.equal(quantized[m].indices.flatten(), numbers[f"s{step}_index_{m}"])
            assert_same(commitment[m], numbers[f"s{step}_loss_{m}"])
        model.update(latents, quantized)
        assert_same(model.quantizer.counts[:, 0], numbers[f"s{step}_ema_count_v"])
        assert_same(model.quantizer.codewords.norm(dim=-1), numbers[f"s{step}_rownorm"])
