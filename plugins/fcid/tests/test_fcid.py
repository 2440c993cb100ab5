"""The coarse level of FCID against plain loops over clips, and its codes in training and evaluation."""

from __future__ import annotations

import math

import pytest
import torch
from codaar_plugin_fcid.coarse_codebook import CoarseCodebook
from codaar_plugin_fcid.fcid import Fcid
from codaar_plugin_vqvae.codebooks import Codebooks
from torch import Tensor

from codaar_core.api import ComponentError, Encoded, LossContext, QuantizerContext, Space, StepView
from codaar_core.api.ranks import SingleProcess

MODALITIES, FINE, WIDTH, CODES = ("a", "t", "v"), ("a", "v"), 6, 5
CLIPS, STEPS = 3, 4


def quantizer(**settings) -> CoarseCodebook:
    torch.manual_seed(1)
    config = CoarseCodebook.Config(**{"codes": CODES, "dim": WIDTH, "fine": FINE, "initial_count": 1.0, **settings})
    built = CoarseCodebook(config, QuantizerContext(MODALITIES)).double()
    built.codewords.copy_(torch.rand_like(built.codewords))
    return built


def fcid(of: CoarseCodebook, **settings) -> Fcid:
    torch.manual_seed(2)
    space = Space((WIDTH,))
    return Fcid(Fcid.Config(**settings), LossContext(MODALITIES, space, space, quantizer=of)).double()


def latents(masked: bool = False) -> dict[str, Encoded]:
    generator = torch.Generator().manual_seed(3)
    mask = torch.arange(STEPS).expand(CLIPS, STEPS) < torch.tensor([[2], [4], [3]]) if masked else None
    return {
        m: Encoded(
            torch.randn(CLIPS, STEPS, WIDTH, generator=generator, dtype=torch.float64).requires_grad_(), mask=mask
        )
        for m in MODALITIES
    }


def view(of: CoarseCodebook, encoded: dict[str, Encoded]) -> StepView:
    return StepView({}, encoded, of.quantize(encoded), {}, 0, 0, torch.Generator().manual_seed(0))


def compressed(of: CoarseCodebook, modality: str, z: Tensor) -> Tensor:
    return of.compress.weight @ z + of.compress.bias if modality in FINE else z


def vector(of: CoarseCodebook, modality: str, z: Tensor) -> Tensor:
    """ReLU(W2 W1 z) of one latent."""
    linear = of.general["a+v" if modality in FINE else modality][0]
    return (linear.weight @ compressed(of, modality, z) + linear.bias).clamp_min(0)


def nearest(of: CoarseCodebook, coarse: Tensor) -> int:
    return int((of.codewords[:, 0] - coarse).square().sum(-1).argmin())


def mean_latent(item: Encoded, clip: int) -> Tensor:
    return torch.stack([item.semantic[clip, t] for t in range(STEPS) if item.real()[clip, t]]).mean(0)


@pytest.mark.parametrize("masked", [False, True])
def test_a_clip_has_one_code_in_training_and_one_a_step_in_evaluation(masked: bool) -> None:
    of, encoded = quantizer(), latents(masked)
    for modality, item in encoded.items():
        training, split = (getattr(of, mode)().quantize({modality: item})[modality] for mode in ("train", "eval"))
        for clip in range(CLIPS):
            assert training.indices[clip].tolist() == [nearest(of, vector(of, modality, mean_latent(item, clip)))] * 4
            steps = [nearest(of, vector(of, modality, item.semantic[clip, t])) for t in range(STEPS)]
            assert split.indices[clip].tolist() == steps
        torch.testing.assert_close(training.own[item.real()], of.codewords[training.indices, 0][item.real()])


def test_decoders_read_latents() -> None:
    of, encoded = quantizer(), latents()
    codes = of.quantize(encoded)
    assert all(each.full is encoded[m].semantic for m, each in of.decoder_codes(encoded, codes).items())
    assert of.code_space == of.latent


@pytest.mark.parametrize("masked", [False, True])
def test_terms_equal_the_loops(masked: bool) -> None:
    of = quantizer()
    loss, encoded = fcid(of, cpc=0.0, cmcm=0.0, club=0.0), latents(masked)
    found = {name: float(each.detach()) for name, each in loss(view(of, encoded)).items()}
    vectors = {m: [vector(of, m, mean_latent(encoded[m], b)) for b in range(CLIPS)] for m in MODALITIES}
    codes = {m: [of.codewords[nearest(of, c), 0] for c in vectors[m]] for m in MODALITIES}
    reconstruction = commitment = 0.0
    for m in MODALITIES:
        group = "a+v" if m in FINE else m
        errors, own, cross = [], [], {n: [] for n in MODALITIES if n != m}
        for b in range(CLIPS):
            target = compressed(of, m, mean_latent(encoded[m], b))
            private = loss.specific[group](target)
            errors += (loss.decoders[group](torch.cat([codes[m][b], private])) - target).square().tolist()
            own += (vectors[m][b] - codes[m][b]).square().tolist()
            for n, each in cross.items():
                each += (vectors[m][b] - codes[n][b]).square().tolist()
        reconstruction += sum(errors) / len(errors)
        commitment += 0.5 * sum(own) / len(own) + 0.125 * sum(sum(each) / len(each) for each in cross.values())
    contrast = 0.0
    for m in FINE:
        for b in range(CLIPS):
            scores = [float(torch.cosine_similarity(vectors[m][b], each, 0)) / 0.1 for each in vectors["t"]]
            contrast += (math.log(sum(map(math.exp, scores))) - scores[b]) / CLIPS
    expected = {"reconstruction": reconstruction, "commitment": commitment, "contrast": contrast}
    assert found == pytest.approx(expected, rel=1e-9)


def test_the_codebook_moves_to_mixed_coarse_vectors_of_clips() -> None:
    """As a shared codebook that is given the mixed vectors directly."""
    of, encoded = quantizer(), latents(masked=True)
    plain = Codebooks(
        Codebooks.Config(codes=CODES, dim=WIDTH, books="shared-in-turn", initial_count=1.0),
        QuantizerContext(MODALITIES),
    ).double()
    plain.load_state_dict({name: each for name, each in of.state_dict().items() if name in plain.state_dict()})
    vectors = {
        m: torch.stack([vector(of, m, mean_latent(item, b)) for b in range(CLIPS)]).detach()
        for m, item in encoded.items()
    }
    mixed = {
        m: (0.5 * each + sum(0.25 * other for n, other in vectors.items() if n != m))[:, None]
        for m, each in vectors.items()
    }
    codes = plain.quantize({m: Encoded(each[:, None]) for m, each in vectors.items()})
    with torch.no_grad():
        plain.update(mixed, codes, SingleProcess())
        of.update({m: item.semantic for m, item in encoded.items()}, of.quantize(encoded), SingleProcess())
    torch.testing.assert_close(of.codewords, plain.codewords)


def test_the_released_club_sums_over_clips_and_both_train_their_estimators_in_inner_steps_only() -> None:
    of = quantizer()
    for reduction, factors in (("mean", (1, 1)), ("sum", (2 * CLIPS, CLIPS))):
        loss, encoded = fcid(of, cpc=0.0, club_reduction=reduction), latents()
        before = [each.clone() for each in loss.parameters()]
        estimators = {id(each) for each in loss.club.estimators.parameters()}
        loss.inner_step(view(of, encoded))
        changed = {id(p) for p, old in zip(loss.parameters(), before, strict=True) if not torch.equal(p, old)}
        assert changed <= estimators and changed
        step = view(of, encoded)
        bounds = loss.club(loss.coarse(step))
        expected = factors[0] * bounds["a+v"] + factors[1] * bounds["t"]
        torch.testing.assert_close(loss(view(of, encoded))["club"], expected)
        assert loss.optimizer is loss.club.optimizer


def test_all_layers_learn() -> None:
    of = quantizer()
    loss, encoded = fcid(of), latents()
    torch.stack(list(loss(view(of, encoded)).values())).sum().backward()
    own = {id(each) for each in loss.club.estimators.parameters()}
    without = [name for name, each in loss.named_parameters() if each.grad is None and id(each) not in own]
    assert not without and all(each.grad is not None for each in of.parameters())
    assert all(item.semantic.grad.isfinite().all() for item in encoded.values())


def test_other_quantizers_and_unknown_modalities_are_refused() -> None:
    plain = Codebooks(Codebooks.Config(codes=CODES, dim=WIDTH), QuantizerContext(MODALITIES))
    with pytest.raises(ComponentError, match="needs coarse vectors"):
        fcid(plain)
    with pytest.raises(ComponentError, match="the model has none of them"):
        quantizer(fine=("audio",))
