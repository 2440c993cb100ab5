"""Whole optimizer steps of recipes/as-published/av.toml against the released training script, in double precision."""

from __future__ import annotations

import pytest
import torch
import twin
from assembled import Steps, assemble, close, train

from codaar_core.api import Space

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
    """The time index of CPC is a draw of the released generator: it is given, everything else is computed."""
    drawn = iter(times.tolist())
    monkeypatch.setattr(Cpc, "_draw_time", lambda *_: next(drawn))
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


def test_the_twin_takes_the_same_four_steps(numbers):
    released = numbers("pretrain_av_small")
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


def test_four_steps(numbers, tmp_path, monkeypatch):
    released = numbers("pretrain_av_small")
    plan, model = assemble("as-published/av.toml", SPACES, SMALL)
    model.load_state_dict(conversion.to_ours(part(released, "init/"), MODALITIES))
    batches = [{m: released[f"step{step}/{m}_fea"] for m in MODALITIES} for step in range(4)]

    steps = train_with_times(plan, model, batches, released["t"], tmp_path, monkeypatch)

    check_terms_and_norms(steps, released)
    for prefix, state in (("after1/", steps.states[0]), ("final/", steps.states[-1])):
        for name, expected in conversion.to_ours(part(released, prefix), MODALITIES).items():
            close(state[name], expected, 1e-8, prefix + name)
