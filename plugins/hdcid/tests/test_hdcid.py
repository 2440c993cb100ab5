"""Both levels of H-DCID against plain loops: codes, codebook update, losses, and from which epoch these count."""

from __future__ import annotations

import pytest
import torch
from codaar_plugin_dta.dta import Dta
from codaar_plugin_hdcid.dcid_level import DcidLevel
from codaar_plugin_hdcid.encoders import TwoLevelBert, TwoLevelVgg, TwoLevelVggish
from codaar_plugin_hdcid.two_level_codebooks import TwoLevelCodebooks
from codaar_plugin_vqvae.codebooks import Codebooks
from torch import Tensor, nn

from codaar_core.api import (
    AlignmentContext,
    ComponentError,
    Encoded,
    EncoderContext,
    Features,
    LossContext,
    QuantizerContext,
    Space,
    StepView,
)
from codaar_core.api.ranks import SingleProcess
from codaar_core.engine.training.codebook_update import update_codebooks

MODALITIES, WIDTH, CODES, PRIVATE = ("a", "t", "v"), 4, 5, 3
CLIPS, STEPS = 3, 4
VECTORS = Space((PRIVATE,))
SETTINGS = {"initial_count": 1.0, "reset_after": 0}


class Stub(nn.Module):
    """The smallest encoder."""

    def __init__(self, private: Space | None) -> None:
        super().__init__()
        self.private = private


def quantizer() -> TwoLevelCodebooks:
    torch.manual_seed(1)
    config = TwoLevelCodebooks.Config(codes=CODES, dim=WIDTH, **SETTINGS)
    built = TwoLevelCodebooks(config, QuantizerContext(MODALITIES)).double()
    for book in (built.first, built.second):
        book.codewords.copy_(torch.rand_like(book.codewords))
    return built


def level(name: str, private: Space | None = VECTORS, width: int = 2 * WIDTH, **settings) -> DcidLevel:
    torch.manual_seed(2)
    context = LossContext(MODALITIES, Space((width,)), Space((width,)), {}, dict.fromkeys(MODALITIES, Stub(private)))
    return DcidLevel(DcidLevel.Config(level=name, **settings), context).double()


def latents(masked: bool = False) -> dict[str, Encoded]:
    generator = torch.Generator().manual_seed(3)
    mask = torch.arange(STEPS).expand(CLIPS, STEPS) < torch.tensor([[2], [4], [3]]) if masked else None

    def values(width: int) -> Tensor:
        return torch.randn(CLIPS, STEPS, width, generator=generator, dtype=torch.float64).requires_grad_()

    return {m: Encoded(values(2 * WIDTH), values(PRIVATE), mask) for m in MODALITIES}


def view(of: TwoLevelCodebooks, encoded: dict[str, Encoded], epoch: int = 0) -> StepView:
    return StepView({}, encoded, of.quantize(encoded), {}, epoch, 0, torch.Generator().manual_seed(0))


def half(values: Tensor, name: str) -> Tensor:
    return values[..., :WIDTH] if name == "first" else values[..., WIDTH:]


def nearest(book: Codebooks, z: Tensor) -> int:
    return int((book.codewords[:, 0] - z).square().sum(-1).argmin())


def test_a_code_is_the_nearest_codeword_of_each_level() -> None:
    of, encoded = quantizer(), latents()
    for modality, codes in of.quantize(encoded).items():
        for b in range(CLIPS):
            for t in range(STEPS):
                z = encoded[modality].semantic[b, t]
                one, two = nearest(of.first, half(z, "first")), nearest(of.second, half(z, "second"))
                assert int(codes.indices[b, t]) == one * CODES + two
                both = torch.cat([of.first.codewords[one, 0], of.second.codewords[two, 0]])
                torch.testing.assert_close(codes.own[b, t], both)


def test_decoders_read_the_first_level_and_heads_both() -> None:
    of, encoded = quantizer(), latents()
    codes = of.quantize(encoded)
    for modality, each in of.decoder_codes(encoded, codes).items():
        assert torch.equal(half(each.full, "first"), half(codes[modality].full, "first"))
        assert not half(each.full, "second").any()
    assert of.code_space == of.latent == Space((2 * WIDTH,))


@pytest.mark.parametrize("masked", [False, True])
def test_each_level_is_updated_as_the_codebook_of_dcid(masked: bool) -> None:
    """DCID is a shared codebook, moved in turn, with the alignment step dta."""
    of, encoded = quantizer(), latents(masked)
    expected = {}
    for name, book in (("first", of.first), ("second", of.second)):
        plain = Codebooks(
            Codebooks.Config(codes=CODES, dim=WIDTH, books="shared-in-turn", **SETTINGS),
            QuantizerContext(MODALITIES),
        ).double()
        plain.load_state_dict(book.state_dict())
        halves = {m: item._replace(semantic=half(item.semantic, name)) for m, item in encoded.items()}
        dta = Dta(Dta.Config(own=0.5), AlignmentContext(MODALITIES))
        update_codebooks(plain, [dta], halves, plain.quantize(halves), torch.Generator(), SingleProcess())
        expected[name] = plain.codewords
    before = {name: getattr(of, name).codewords.clone() for name in expected}
    update_codebooks(of, [], encoded, of.quantize(encoded), torch.Generator(), SingleProcess())
    for name, codewords in expected.items():
        torch.testing.assert_close(getattr(of, name).codewords, codewords)
        assert not torch.equal(codewords, before[name])


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["first", "second"])
def test_terms_equal_the_loops(name: str, masked: bool) -> None:
    of, encoded = quantizer(), latents(masked)
    loss = level(name, cpc=0.0, club=0.0)
    found = {term: float(each.detach()) for term, each in loss(view(of, encoded)).items()}
    book, real = getattr(of, name), encoded["a"].real()
    commitment = reconstruction = 0.0
    for m in MODALITIES:
        own, errors, cross = [], [], {n: [] for n in MODALITIES if n != m}
        for b, t in real.nonzero().tolist():
            z, y = half(encoded[m].semantic[b, t], name), encoded[m].private[b, t]
            code = book.codewords[nearest(book, z), 0]
            own += (z - code).square().tolist()
            for n, each in cross.items():
                other = half(encoded[n].semantic[b, t], name)
                each += (z - book.codewords[nearest(book, other), 0]).square().tolist()
            if name == "second":
                linear, decoder = loss.specific[m][0], loss.decoders[m]
                p = (linear.weight @ y + linear.bias).clamp_min(0)
                read = torch.cat([decoder.code.weight @ code + decoder.code.bias, p])
                errors += (decoder.output.weight @ read + decoder.output.bias - y).square().tolist()
        commitment += 0.5 * sum(own) / len(own) + 0.125 * sum(sum(each) / len(each) for each in cross.values())
        reconstruction += sum(errors) / len(errors) if errors else 0.0
    expected = {"commitment": commitment} | ({"reconstruction": reconstruction} if name == "second" else {})
    assert found == pytest.approx(expected, rel=1e-9)


def test_targets_of_the_second_level_are_not_detached() -> None:
    of, encoded = quantizer(), latents()
    loss = level("second", cpc=0.0, club=0.0)
    for layer in (*loss.specific.values(), *loss.decoders.values()):
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)  # the reconstruction is zero, so its gradient is that of the target alone
    loss(view(of, encoded))["reconstruction"].backward()
    for item in encoded.values():
        torch.testing.assert_close(item.private.grad, 2 * item.private.detach() / item.private.numel())


def test_club_and_cpc_are_those_of_dcid_on_the_level() -> None:
    of, encoded = quantizer(), latents()
    for name in ("first", "second"):
        loss = level(name)
        terms, step = loss(view(of, encoded)), loss.level(view(of, encoded))
        assert torch.equal(step.encoded["a"].semantic, half(encoded["a"].semantic, name))
        torch.testing.assert_close(terms["cpc"], loss.cpc(step)["nce"])  # it draws first
        torch.testing.assert_close(terms["club"], torch.stack(list(loss.club(step).values())).sum())


def test_the_second_level_counts_from_its_start_epoch_on() -> None:
    of, encoded = quantizer(), latents()
    late, always = level("second", start_epoch=3), level("second")
    for epoch in (0, 2, 3):
        before = [each.clone() for each in late.parameters()]
        late.inner_step(view(of, encoded, epoch))
        changed = any(not torch.equal(*pair) for pair in zip(late.parameters(), before, strict=True))
        assert changed == (epoch == 3)
        if epoch == 3:
            always.inner_step(view(of, encoded, epoch))
            assert late(view(of, encoded, epoch)) == always(view(of, encoded, epoch))
        else:
            terms = late(view(of, encoded, epoch))
            assert set(terms) == {"commitment", "cpc", "club", "reconstruction"}
            assert not any(float(each) for each in terms.values())


def encoders() -> dict[str, tuple[nn.Module, Features]]:
    torch.manual_seed(4)
    latent = Space((8,))
    small = {"heads": 2, "feedforward": 8}
    vgg = TwoLevelVgg.Config(channels=(4, 6), reduction=2, side=5, **small)
    video = TwoLevelVgg(vgg, EncoderContext("v", Space((7, 7, 6)), latent))
    audio = TwoLevelVggish(TwoLevelVggish.Config(private=6, **small), EncoderContext("a", Space((7,)), latent))
    bert = TwoLevelBert.Config(private=6, lstm_hidden=4, **small)
    text = TwoLevelBert(bert, EncoderContext("t", Space((9,)), latent))
    inputs = {"v": torch.randn(2, 3, 7, 7, 6), "a": torch.randn(2, 3, 7), "t": torch.randn(2, 3, 9)}
    return {m: (module.eval(), Features(inputs[m])) for m, module in {"v": video, "a": audio, "t": text}.items()}


def test_the_second_half_of_the_latents_is_made_of_the_private_features() -> None:
    for encoder, features in encoders().values():
        encoded = encoder(features)
        y = encoder.second_input(encoded.private)
        assert y.shape == (2, 3, encoder.second_width) and encoded.semantic.shape == (2, 3, 8)
        torch.testing.assert_close(encoded.semantic[..., 4:], encoder.second(y))
        torch.testing.assert_close(encoder.semantic_only(features).semantic, encoded.semantic)
        torch.testing.assert_close(encoder.summary(features).semantic[:, 0], encoded.semantic.mean(1))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ComponentError, match="not two levels of equal width"):
        TwoLevelVggish(TwoLevelVggish.Config(), EncoderContext("a", Space((7,)), Space((9,))))
    with pytest.raises(ComponentError, match="there are none"):
        TwoLevelVggish(TwoLevelVggish.Config(private=0), EncoderContext("a", Space((7,)), Space((8,))))
    with pytest.raises(ComponentError, match="two equal halves"):
        level("first", width=7)
    for private in (None, Space((3, 3, 4))):
        with pytest.raises(ComponentError, match="needs private vectors of every modality"):
            level("first", private=private)
