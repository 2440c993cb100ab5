"""Whole optimizer steps of recipes/as-published/av.toml against the released training script, in double precision."""

from __future__ import annotations

import by_rule
import pytest
import torch
import twin
from assembled import Steps, assemble, close, train

from codaar_core.api import Space
from codaar_core.testing.released_numbers import drawn_weight

conversion = pytest.importorskip("codaar_plugin_released.conversion")
layout = pytest.importorskip("codaar_plugin_released.layout")
Cpc = pytest.importorskip("codaar_plugin_cpc.cpc").Cpc

MODALITIES = ("video", "audio")
SMALL = [
    "quantizer.codes=20",
    "quantizer.dim=16",
    "encoders.video.channels=[16, 32]",
    "encoders.audio.private=16",
    "decoders.video.code=16",
    "decoders.video.hidden=16",
    "decoders.video.output_hidden=16",
    "decoders.audio.code=16",
]
SPACES = {"video": Space((7, 7, 16), 10), "audio": Space((12,), 10)}
FULL_SPACES = {"video": Space((7, 7, 512), 10), "audio": Space((128,), 10)}
FULL_SIZES = {
    "attention": 256,
    "classes": 142,
    "codes": 800,
    "dim": 256,
    "features.video": 512,
    "features.audio": 128,
    "squeezed": 64,
    "first": 1024,
    "private.video": 2048,
    "private.audio": 256,
    "hidden": 1024,
    "output": 512,
    "code.video": 256,
    "code.audio": 256,
    "feedforward.video": 1024,
    "feedforward.audio": 1024,
}
TERMS = {
    "reconstruction.audio": "audio_recon_loss",
    "reconstruction.video": "video_recon_loss",
    "commitment.audio": "audio_embed_loss",
    "commitment.video": "video_embed_loss",
    "cpc.nce": "cpc_loss",
    "cmcm.video-audio": "cmcm_loss",
}
NORMS = ("CPC", "Encoder", "Decoder")  # the columns of gradnorm_before_clip, in the order of the calls


def train_with_times(plan, model, batches, times, folder, monkeypatch) -> Steps:
    """Train with the stored time indices of CPC, which the released generator drew."""
    drawn = iter(times.tolist())
    monkeypatch.setattr(Cpc, "_draw_time", lambda *_: torch.tensor([next(drawn)]))
    return train(plan, model, batches, folder, monkeypatch)


def check_terms_and_norms(steps: Steps, released) -> None:
    for step, (terms, norms) in enumerate(zip(steps.terms, steps.norms, strict=True)):
        for ours, theirs in TERMS.items():
            expected = float(released[f"term_{theirs}"][step])
            assert terms[ours] == pytest.approx(expected, rel=1e-8, abs=1e-15), (step, ours)
        encoders, decoders, cpc = norms
        for name, ours, theirs in zip(
            NORMS, (cpc, encoders, decoders), released["gradnorm_before_clip"][step].tolist(), strict=True
        ):
            assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-12), (step, name)


def test_the_twin_takes_the_same_four_steps(released_numbers):
    released = released_numbers("pretrain_av_small")
    batches = [{m: released[f"step{step}/{m}_fea"] for m in MODALITIES} for step in range(4)]
    steps = twin.train(part(released, "init/"), batches, released["t"].tolist())
    for number, step in enumerate(steps):
        for ours, theirs in TERMS.items():
            expected = float(released[f"term_{theirs}"][number])
            assert step.terms[ours] == pytest.approx(expected, rel=1e-8, abs=1e-15), (number, ours)
        for module, expected in zip(NORMS, released["gradnorm_before_clip"][number].tolist(), strict=True):
            assert step.norms[module] == pytest.approx(expected, rel=1e-8, abs=1e-12), (number, module)
    for name, expected in part(released, "final/").items():
        close(steps[-1].state[name], expected, 1e-8, name)


def part(released, prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in released.items() if key.startswith(prefix)}


def test_four_steps(released_numbers, tmp_path, monkeypatch):
    released = released_numbers("pretrain_av_small")
    plan, model = assemble("as-published/av.toml", SPACES, SMALL)
    model.load_state_dict(conversion.to_ours(part(released, "init/"), MODALITIES))
    batches = [{m: released[f"step{step}/{m}_fea"] for m in MODALITIES} for step in range(4)]

    steps = train_with_times(plan, model, batches, released["t"], tmp_path, monkeypatch)

    check_terms_and_norms(steps, released)
    for prefix, state in (("after1/", steps.states[0]), ("final/", steps.states[-1])):
        for name, expected in conversion.to_ours(part(released, prefix), MODALITIES).items():
            close(state[name], expected, 1e-8, prefix + name)


def initial_weights_at_full_size() -> dict[str, torch.Tensor]:
    """The released state before the first step: weights by rule, and initial codebooks and counters."""
    weights = by_rule.codebooks("av_full", FULL_SIZES["codes"], 2 * FULL_SIZES["dim"])
    for row in layout.layout(MODALITIES):
        if row.released.endswith("num_batches_tracked"):
            weights[row.released] = torch.zeros((), dtype=torch.long)
        elif row.released not in weights:
            weights[row.released] = drawn_weight("av_full", row.released, layout.shape_of(row, FULL_SIZES))
    return weights


@pytest.mark.slow
def test_two_steps_at_full_size(released_numbers, tmp_path, monkeypatch):
    """Of the 69 million final weights, sums, norms and first entries are stored."""
    released = released_numbers("pretrain_av_full")
    batches = [by_rule.batch("av_full", step, 3, 512, 128) for step in range(2)]
    for step, batch in enumerate(batches):
        for modality, values in batch.items():
            expected = float(released[f"step{step}/{modality}_fea_sum"])
            assert float(values.double().sum()) == pytest.approx(expected, rel=1e-12)
    plan, model = assemble("as-published/av.toml", FULL_SPACES, [])
    model.load_state_dict(conversion.to_ours(initial_weights_at_full_size(), MODALITIES))

    steps = train_with_times(plan, model, batches, released["t"], tmp_path, monkeypatch)

    check_terms_and_norms(steps, released)
    ours = conversion.to_released(steps.states[-1], MODALITIES)
    for row in layout.layout(MODALITIES):
        if row.ours or "Cross_quantizer" in row.released:
            check_digest(ours[row.released].double(), released, row.released)


def check_digest(ours: torch.Tensor, released, name: str) -> None:
    """Sum, norm and first entries, relative to the size of the tensor."""
    norm = float(released[f"finalnorm/{name}"])
    assert float(ours.norm()) == pytest.approx(norm, rel=1e-8), name
    roundoff = 1e-8 * norm * ours.numel() ** 0.5
    assert float(ours.sum()) == pytest.approx(float(released[f"finalsum/{name}"]), abs=roundoff), name
    probe = released[f"finalprobe/{name}"]
    torch.testing.assert_close(ours.flatten()[: len(probe)], probe, rtol=1e-8, atol=1e-8 * norm, msg=name)
