"""The segmentation head: numbers of the released code, slow twins, how codes are spread over frames, and complaints."""

from __future__ import annotations

import attrs
import pytest
import torch
from codaar_plugin_avsbench.mask_decoder import MaskDecoder
from codaar_plugin_avsbench.segmentation import AvsSegmentation, one_a_frame
from codaar_plugin_avsbench.tpavi import Tpavi
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from codaar_core.api import ComponentError, DataError, HeadContext, Quantized, Space

CONTEXT = HeadContext(Space((24,)), Space((8,)), ("sounding object",), Space((5, 3, 32, 32)))


def make_head(context: HeadContext = CONTEXT, **settings) -> AvsSegmentation:
    torch.manual_seed(0)
    return AvsSegmentation(AvsSegmentation.Config(**{"backbone": "small", "channels": 8, **settings}), context)


def codes_of(clips: int, steps: int = 5, seed: int = 0) -> Quantized:
    draw = torch.Generator().manual_seed(seed)
    own, full = (torch.randn(clips, steps, width, generator=draw) for width in (8, 24))
    return Quantized(torch.zeros(clips, steps, dtype=torch.int64), own, full)


def test_tpavi_gives_the_released_numbers(released_numbers):
    numbers = released_numbers("avs_tpavi_eval")
    fusion = Tpavi(8, 768).double().eval()
    fusion.load_state_dict({name[2:]: value for name, value in numbers.items() if name.startswith("w_")})
    maps, codes = numbers["in_x"].requires_grad_(), numbers["in_a"].requires_grad_()
    fused = fusion(maps, codes)
    torch.testing.assert_close(fused, numbers["out_z"], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(fusion.align_channel(codes), numbers["out_audio"], rtol=1e-10, atol=1e-10)
    fused.backward(numbers["ct"])
    torch.testing.assert_close(maps.grad, numbers["grad_x"], rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(codes.grad, numbers["grad_a"], rtol=1e-9, atol=1e-10)


def test_tpavi_is_attention_of_every_pixel_to_every_pixel():
    torch.manual_seed(1)
    fusion = Tpavi(6, 4).double()
    torch.nn.init.ones_(fusion.W_z[1].weight)
    maps, codes = torch.randn(2, 6, 3, 2, 5).double(), torch.randn(2, 3, 4).double()
    aligned = fusion.align_channel(codes).transpose(1, 2)[..., None, None].expand(2, 6, 3, 2, 5)
    queries, keys, values = (
        part(of).flatten(2) for part, of in ((fusion.theta, maps), (fusion.phi, aligned), (fusion.g, maps))
    )
    weights = queries.transpose(1, 2) @ keys / keys.shape[2]
    answers = (weights @ values.transpose(1, 2)).transpose(1, 2).unflatten(2, (3, 2, 5))
    fused = (maps + fusion.W_z(answers)).movedim(1, -1)
    torch.testing.assert_close(fusion(maps, codes), fusion.norm_layer(fused).movedim(-1, 1))


def test_a_fresh_tpavi_changes_nothing_but_the_scale():
    maps = torch.randn(2, 6, 5, 4, 4)
    normed = F.layer_norm(maps.movedim(1, -1), (6,)).movedim(-1, 1)
    torch.testing.assert_close(Tpavi(6, 4)(maps, torch.randn(2, 5, 4)), normed)


@pytest.mark.parametrize(("case", "clips"), [(1, 1), (3, 3)])
def test_the_loss_is_the_released_one(released_numbers, case, clips):
    numbers = released_numbers("avs_metrics_loss")
    logits = numbers[f"bce_in{case}"].squeeze(1).unflatten(0, (clips, 5)).requires_grad_()
    loss = make_head().loss(logits, numbers[f"bce_gt{case}"].squeeze(2).to(torch.uint8) * 255)
    assert float(loss.detach()) == pytest.approx(float(numbers[f"bce{case}"]), rel=1e-12)
    loss.backward()
    gradient = numbers[f"bce_grad{case}"].squeeze(1).unflatten(0, (clips, 5))
    torch.testing.assert_close(logits.grad, gradient, rtol=1e-10, atol=1e-12)


def test_it_has_the_parameters_of_the_released_network_that_are_used():
    with torch.device("meta"):
        parts = [Tpavi(256, 768) for _ in range(4)]
        decoder = MaskDecoder(256)
    count = sum(parameter.numel() for part in (*parts, decoder) for parameter in part.parameters())
    narrowing = 4 * (9 * (64 + 128 + 320 + 512) * 256 + 4 * 256)
    unused = 2 * (9 * 256 * 256 + 256)  # the released coarsest block has a unit for a finer map that never comes
    assert count + narrowing + unused == 101_975_937 - 81_443_008


def test_one_logit_a_pixel_of_every_frame_in_any_precision():
    head = make_head().eval()
    frames = torch.randn(2, 5, 3, 32, 64)
    logits = head(codes_of(2, steps=10), frames)
    assert logits.shape == (2, 5, 32, 64)
    codes = Quantized(
        *(each if each is None or each.dtype == torch.int64 else each.double() for each in codes_of(2, 10))
    )
    torch.testing.assert_close(head.double()(codes, frames.double()).float(), logits, rtol=1e-3, atol=1e-4)
    predicted = head.predict(logits)
    assert predicted.dtype == torch.uint8
    assert torch.equal(predicted >= 128, logits >= 0)
    coarse = head.predict(torch.linspace(-5, 5, 400).bfloat16())
    assert len(coarse.unique()) > 150, "as many levels as logits in half precision tell apart"


def test_it_learns_to_follow_the_code():
    """Two clips of the same picture: for one code its left half sounds, for the other its right half."""
    head = make_head(channels=16).train()
    codes = codes_of(2, steps=1)
    ramp = torch.linspace(-1, 1, 32).expand(2, 1, 3, 32, 32)
    target = torch.zeros(2, 1, 32, 32, dtype=torch.uint8)
    target[0, ..., :16] = target[1, ..., 16:] = 255
    optimizer = torch.optim.Adam(head.parameters(), lr=5e-3)
    for _ in range(60):
        loss = head.loss(head(codes, ramp), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = ((head.predict(head(codes, ramp)) >= 128) == (target > 0)).double().mean()
    assert right > 0.9


def test_a_frozen_backbone_stays_as_it_is():
    head = make_head(frozen=True).train()
    assert head.training and not head.backbone.training
    head.loss(head(codes_of(2), torch.randn(2, 5, 3, 32, 32)), torch.zeros(2, 1, 32, 32, dtype=torch.uint8)).backward()
    assert all(parameter.grad is None for parameter in head.backbone.parameters())
    assert all(parameter.grad is not None for parameter in head.decoder.parameters())


# Codes over frames


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 12), st.integers(0, 1000))
def test_frames_are_means_of_real_steps(steps, seed):
    draw = torch.Generator().manual_seed(seed)
    codes = torch.randn(3, steps, 4, generator=draw, dtype=torch.float64)
    mask = torch.rand(3, steps, generator=draw) < 0.6
    mask[:, 0] = True
    spread = one_a_frame(codes, mask, 5)
    for clip in range(3):
        for frame in range(5):
            share = range(frame * steps // 5, -(-(frame + 1) * steps // 5))
            real = [step for step in share if mask[clip, step]] or mask[clip].nonzero().flatten().tolist()
            torch.testing.assert_close(spread[clip, frame], codes[clip, real].mean(0))


def test_five_stay_ten_are_averaged_in_pairs_and_one_goes_to_all():
    codes = torch.randn(2, 10, 3)
    assert torch.equal(one_a_frame(codes[:, :5], None, 5), codes[:, :5])
    torch.testing.assert_close(one_a_frame(codes, None, 5), (codes[:, ::2] + codes[:, 1::2]) / 2)
    torch.testing.assert_close(one_a_frame(codes[:, :1], None, 5), codes[:, :1].expand(2, 5, 3))


# Complaints


@pytest.mark.parametrize(
    ("settings", "given_space", "message"),
    [
        ({}, None, "the benchmark gives none"),
        ({}, Space((5, 3, 64, 40)), "pictures of 40 x 64 pixels do not fit"),
        ({"channels": 12}, Space((5, 3, 32, 32)), "channels = 12 is not a multiple of 8"),
        ({"backbone": "pvt-v2-b5"}, Space((5, 3, 32, 32)), "needs its ImageNet weights"),
        ({"weights": "some.pth"}, Space((5, 3, 32, 32)), "small backbone has no pretrained weights"),
        (
            {"backbone": "pvt-v2-b5", "weights": "no.pth"},
            Space((5, 3, 32, 32)),
            "the file of weights no.pth does not exist",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(settings, given_space, message):
    with pytest.raises((ComponentError, DataError), match=message) as caught:
        make_head(attrs.evolve(CONTEXT, given=given_space), **settings)
    assert caught.value.help
